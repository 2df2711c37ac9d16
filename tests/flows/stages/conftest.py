"""The stages of a small run, each run once, in the flow's order, on shirts whose titles have the answers."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import stages
from stages.options import Options, TrainOptions
from stages.workspace import Workspace

from moemoe.contract.load import load_contract
from moemoe.recipes import load_recipe
from moemoe.registry.tracked_run import TrackedRun
from moemoe.run_folder import RunFolder
from moemoe.schemas import CATALOG
from tests.support.mlflow_database import database

ROWS = 320
COLORS = ("Red", "Blue")
CONTRACT = """
dataset: small
product_types: {shirt: [Tshirts]}
attributes:
  color: {keys: [baseColour], values: {Red: [], Blue: [], Mauve: []}}
  fit type: {keys: [Fit], values: {Slim: [], Loose: []}}
missing: [NA]
rare_share: 0.01
split: {train: 0.6, validation: 0.2, test: 0.2}
max_quarantine_share: 0.5
report_product_types: [shirt]
expectations:
  unique_product_ids: {severity: critical}
  attribute_fill: {severity: warning, at_least: {color: 0.9, fit type: 1.0}}
  group_in_one_split: {severity: critical}
  canonical_predictions: {severity: warning, at_least: 0.9}
"""


def row(i: int) -> dict:
    color, fit = COLORS[i % 2], "Slim" if i % 3 else "Loose"
    labels = [("baseColour", "Mauve" if i == 7 else color), *([("Fit", fit)] if i % 10 else []), ("Shop", "A")]
    title = None if i == 11 else f"{color} {fit} shirt number {i} of shop {i * 7919 % 1000}"
    return {"product_id": f"p{i}", "product_type": "Tshirts", "title": title, "attributes": labels}


@pytest.fixture(scope="session")
def place(tmp_path_factory) -> Path:
    """A folder with two catalog files and their contract."""
    folder = tmp_path_factory.mktemp("stages")
    rows = [row(i) for i in range(ROWS)]
    (folder / "catalog").mkdir()
    for part in range(2):
        table = pa.Table.from_pylist(rows[part * ROWS // 2 : (part + 1) * ROWS // 2], CATALOG)
        pq.write_table(table, folder / "catalog" / f"part-{part}.parquet")
    (folder / "contract.yaml").write_text(CONTRACT)
    return folder


@pytest.fixture(scope="session")
def options(place) -> Options:
    return Options(dataset="small", catalog=f"{place}/catalog/*.parquet", root=f"{place}/root")


@pytest.fixture(scope="session")
def recipe() -> dict:
    return load_recipe(TrainOptions(model="tf-idf").model, "tiny").to_dict()


@pytest.fixture(scope="session")
def address(place) -> str:
    from moemoe.registry.tracking import client

    address = database(place)
    client(address).create_experiment("moemoe-small", artifact_location=(place / "artifacts").as_uri())
    return address


@pytest.fixture(scope="session")
def tracked(address) -> TrackedRun:
    return TrackedRun.start(address, "moemoe-small", "small", {"model": "tf-idf"}, {"dataset": "small"})


@pytest.fixture(scope="session")
def space(options, tmp_path_factory) -> Workspace:
    return Workspace(RunFolder.of_run(options.root, "17"), str(tmp_path_factory.mktemp("scratch")))


@pytest.fixture(scope="session")
def catalog(space, options, place):
    return stages.collect.find_catalog(space, options, load_contract(place / "contract.yaml"))


@pytest.fixture(scope="session")
def collected(space, options, catalog):
    """What two tasks have read, as if each file were a group."""
    return [stages.collect.collect_group(space, catalog.partitions, [task], task, options) for task in range(2)]


@pytest.fixture(scope="session")
def validated(space, collected):
    return stages.validate.validate_catalog(space, collected)


@pytest.fixture(scope="session")
def normalized(space, validated):
    return stages.normalize.normalize_labels(space)


@pytest.fixture(scope="session")
def frequent(space, normalized):
    return stages.filter.filter_rare_values(space)


@pytest.fixture(scope="session")
def split(space, frequent):
    return stages.split.split_labels(space, "small", False)


@pytest.fixture(scope="session")
def payload(space, catalog, split):
    return [stages.shard.write_payload(space, catalog.partitions, task, "auto") for task in range(2)]


@pytest.fixture(scope="session")
def written(space, payload):
    return stages.shard.write_manifest(space, payload, "small", False)


@pytest.fixture(scope="session")
def trained(space, options, recipe, written):
    """The minutes that it took, and the events that were seen meanwhile."""
    seen: list[dict] = []
    return stages.train.train_model(space, written.uri, recipe, options, 1, False, seen.extend), seen


@pytest.fixture(scope="session")
def evaluated(space, tracked, options, recipe, written, trained):
    return stages.evaluate.evaluate_model(space, tracked, written.uri, recipe, options, "")


@pytest.fixture(scope="session")
def registered(space, tracked, options, recipe, written, evaluated):
    what = (written.uri, recipe, options, evaluated.measured)
    return stages.register.register_model(space, tracked, "moemoe-small", "better", *what, ["warning: x: y"])
