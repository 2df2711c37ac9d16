"""Compiled workflows run task by task: each pod alone, with its code package and its data from S3 and nothing else."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data_contracts
from moemoe.inference.answering import ANSWERING, Answering
from moemoe.schemas import AUDIT, BACKFILL, CATALOG
from moemoe.storage import join, read_bytes, read_table
from tests.support.argo_cluster import BUCKET, cluster
from tests.support.argo_pod import why_not
from tests.support.flows import FLOW, run_flow
from tests.support.small_registry import DATA, predictions, tiny_model, trained
from tests.support.small_shards import draw_image

NAME = "moemoe-cluster"
BACKFILL_FLOW = FLOW.with_name("backfill_flow.py")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The cluster, if this machine can run pods."""
    if reason := why_not():
        pytest.skip(reason)
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


def register_tiny_model(uri: str, folder) -> None:
    """A model of random weights that answers with values of the contract; it fills in every shirt's color."""
    from moemoe.registry.gate import Rules
    from moemoe.registry.register import register
    from moemoe.registry.tracked_run import TrackedRun

    model = tiny_model(folder)
    values = data_contracts.load("30pt").canonical_values()
    (model / ANSWERING).write_text(Answering(values=values).to_json())
    run = TrackedRun.start(uri, NAME, "run", {"size": "tiny"}, {"dataset": "30pt"})
    register(run, NAME, trained(model, predictions(0.9), DATA), Rules(), lambda champion: None)


def write_catalog(folder) -> list:
    """Two partitions of six shirts; some lack a color, some an image."""
    paths = []
    for number in range(2):
        rows = [
            {
                "product_id": f"p{number}{i}",
                "product_type": "Tshirts",
                "title": f"cotton shirt {number} {i}",
                "attributes": [("baseColour", "Blue")] if i % 3 == 0 else [],
                "image": {"bytes": draw_image((40 * i, 100 * number, 90))} if i % 2 else None,
            }
            for i in range(6)
        ]
        paths.append(folder / f"part-{number}.parquet")
        pq.write_table(pa.Table.from_pylist(rows, CATALOG), paths[-1])
    return paths


@pytest.fixture(scope="module")
def backfill(place, tmp_path_factory):
    """The compiled BackfillFlow, of a catalog on S3 and a champion in MLflow; and the catalog on this machine."""
    register_tiny_model(place.tracking_uri, tmp_path_factory.mktemp("model"))
    catalog = tmp_path_factory.mktemp("catalog")
    for path in write_catalog(catalog):
        place.put(path, f"catalog/{path.name}")
    parameters = {"catalog": f"s3://{BUCKET}/catalog/", "model": f"models:/{NAME}@champion",
                  "output": f"s3://{BUCKET}/filled", "tasks": 2}  # fmt: skip
    return place.deploy("backfill", parameters=parameters, steps={"backfill": {"retries": 1}}), catalog


def tables(output: str) -> tuple[list[dict], list[dict]]:
    """The values of a finished backfill and its sample for people, in an order of their own."""
    manifest = json.loads(read_bytes(join(output, "manifest.json")))
    values = [read_table(join(output, name)) for name in manifest["values"]]
    assert {table.schema for table in values} == {BACKFILL}
    audit = read_table(join(output, manifest["audit"]))
    assert audit.schema == AUDIT
    return tuple(
        sorted(table.to_pylist(), key=lambda row: (row["product_id"], row["attribute"]))
        for table in (pa.concat_tables(values), audit)
    )


@pytest.fixture(scope="module")
def filled(place, backfill):
    """A run of it, one of whose tasks is killed as it begins; and the same on this machine."""
    compiled, catalog = backfill
    killed = []

    def kill_once(template, attempt, pod, line):
        if template == "backfill" and "Task is starting." in line and not killed:
            killed.append(pod)
            pod.kill()

    outcome = place.run(compiled, kill_once)
    assert outcome.state == "Succeeded", outcome.told()
    local = run_flow(
        place.folder, {"MLFLOW_TRACKING_URI": place.tracking_uri}, BACKFILL_FLOW, catalog=str(catalog),
        model=f"models:/{NAME}@champion", output=str(place.folder / "filled"), tasks=2,
    )  # fmt: skip
    assert local.status == "successful", local.stdout[-3000:] + local.stderr[-3000:]
    return outcome


def test_a_compiled_backfill_fills_in_what_a_local_run_does(filled, place):
    values, audit = tables(f"s3://{BUCKET}/filled")
    assert (values, audit) == tables(str(place.folder / "filled"))
    assert {row["decision"] for row in values} >= {"filled", "abstained"}
    assert {row["model_version"] for row in values} == {f"{NAME}/1"}
