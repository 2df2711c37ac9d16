"""A trained and registered model fills in a catalog: the whole flow through Metaflow's Runner, as a user runs it."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import mlflow
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from metaflow.cards import get_cards

import data_contracts
from moemoe.contract.text import normalize_text
from moemoe.inference.thresholds import Thresholds
from moemoe.registry.versions import fetch_version, find_version
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import AUDIT, BACKFILL
from moemoe.storage import read_table
from tests.support.flows import FLOW, card_text, flow_environment, run_flow
from tests.support.warm_python import warm_python

BACKFILL_FLOW = FLOW.with_name("backfill_flow.py")
NAME = "moemoe-filling"
MODEL = f"models:/{NAME}@champion"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory) -> Path:
    """Two partitions of kurtas of the sample kind that the model has not seen; half of them without labels."""
    folder = tmp_path_factory.mktemp("catalog")
    table = pq.read_table(write_sample_catalog(folder / "all", 800, seed=99))
    types = data_contracts.load("30pt").product_type_aliases()
    table = table.filter(
        pa.array([types.get(normalize_text(raw or "")) == "kurta" for raw in table["product_type"].to_pylist()])
    )
    labels = table["attributes"].to_pylist()
    hidden = [[] if i % 2 else pairs for i, pairs in enumerate(labels)]
    place = table.schema.get_field_index("attributes")
    table = table.set_column(place, "attributes", pa.array(hidden, table.schema.field(place).type))
    (folder / "all").unlink()
    for i in range(2):
        pq.write_table(table.slice(80 * i, 80), folder / f"part-{i}.parquet")
    return folder


@pytest.fixture(scope="module")
def folder(metaflow_folder) -> Path:
    """That of Metaflow and MLflow, where a model is champion whose answers are certain after seconds of training."""
    running = run_flow(
        metaflow_folder, dataset="30pt", model="tf-idf", max_products=1000, registered_name=NAME,
        root=str(metaflow_folder / "filling"),
    )  # fmt: skip
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    return metaflow_folder


def run_backfill(folder: Path, **parameters: Any):
    return run_flow(folder, flow=BACKFILL_FLOW, **parameters)


@pytest.fixture(scope="module")
def backfilled(folder, catalog, tmp_path_factory):
    output = tmp_path_factory.mktemp("output")
    running = run_backfill(folder, catalog=str(catalog), model=MODEL, output=str(output), tasks=1)
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    return running.run, output


def values_of(output: Path) -> pa.Table:
    names = json.loads((output / "manifest.json").read_text())["values"]
    return ds.dataset([str(output / name) for name in names]).to_table()


def test_the_values_are_parquet_with_every_decision(backfilled):
    values = values_of(backfilled[1])
    assert values.schema.equals(BACKFILL)
    assert set(values["decision"].to_pylist()) >= {"filled", "abstained", "agrees"}
    assert values["model_version"].unique().to_pylist() == [f"{NAME}/1"]
    keys = list(zip(values["product_id"].to_pylist(), values["attribute"].to_pylist(), strict=True))
    assert len(keys) == len(set(keys))
    assert len(set(values["product_id"].to_pylist())) > 140
    filled = [row for row in values.to_pylist() if row["decision"] == "filled"]
    assert filled
    assert all(row["prediction"] for row in filled)


def test_the_card_shows_coverage_and_images(backfilled):
    run, _ = backfilled
    card = card_text(get_cards(run["report"].task)[0].get())
    assert "missing values" in card
    assert "data:image/jpeg;base64," in card
    assert "partitions" in card_text(get_cards(run["backfill"].task)[0].get())


def test_a_rerun_keeps_every_byte(backfilled, folder, catalog):
    _, output = backfilled
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in output.rglob("values/*")}
    audit = next(output.glob("audit/audit-*.parquet"))
    running = run_backfill(folder, catalog=str(catalog), model=MODEL, output=str(output), tasks=1)
    assert running.status == "successful", running.stdout[-3000:]
    assert "was finished before" in running.stdout
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in output.rglob("values/*")}
    assert next(output.glob("audit/audit-*.parquet")) == audit


def test_verdicts_tighten_the_model_and_rollback_undoes_it(backfilled, folder, tmp_path):
    """People find one cell wrong: it is switched off in a new version, which serving and backfill use."""
    _, output = backfilled
    uri = next(output.glob("audit/audit-*.parquet"))
    audit = read_table(str(uri))
    assert audit.schema.equals(AUDIT)
    rows = audit.to_pylist()
    cells: dict[tuple[str, str], int] = {}
    for row in rows:
        cells[row["product_type"], row["attribute"]] = cells.get((row["product_type"], row["attribute"]), 0) + 1
    broken = max(cells, key=lambda cell: cells[cell])
    assert cells[broken] >= 10, cells
    csv = io.StringIO()
    csv.write("product_id,attribute,prediction,verdict\n")
    for row in rows:
        verdict = "wrong" if (row["product_type"], row["attribute"]) == broken else "right"
        csv.write(f'"{row["product_id"]}","{row["attribute"]}","{row["prediction"]}",{verdict}\n')
    (tmp_path / "verdicts.csv").write_text(csv.getvalue())
    env = {**os.environ, **flow_environment(folder)}

    def command(*arguments: str) -> str:
        done = subprocess.run([warm_python(), "-m", *arguments], env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    tracking_uri = flow_environment(folder)["MLFLOW_TRACKING_URI"]
    client = mlflow.MlflowClient(tracking_uri)
    before = client.get_model_version_by_alias(NAME, "champion").version
    said = command("moemoe.registry.audit", str(uri), "--verdicts", str(tmp_path / "verdicts.csv"), "--apply")
    assert "switch off" in said
    after = client.get_model_version_by_alias(NAME, "champion")
    assert after.version != before
    assert f"{'/'.join(broken)} off" in after.tags["decision"]
    version = find_version(tracking_uri, MODEL)
    thresholds = Thresholds.load(fetch_version(tracking_uri, version, tmp_path)).cells
    assert thresholds[broken[0]][broken[1]] == {"plain": None, "guarded": None}
    assert f"version {before} again" in command("moemoe.registry.rollback", NAME)


def test_what_is_wrong_is_said_at_the_start(folder, catalog, tmp_path):
    wrong = MODEL.replace("champion", "chamption")
    options = ["--catalog", str(catalog), "--model", wrong, "--output", str(tmp_path / "out")]
    env = {**os.environ, **flow_environment(folder)}
    done = subprocess.run(
        [warm_python(), str(BACKFILL_FLOW), "run", *options], env=env, cwd=tmp_path, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "Stopped:" in said
    assert "its versions are 1" in said
    assert not (tmp_path / "out").exists()
