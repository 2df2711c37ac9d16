"""Compiled workflows run task by task: each pod alone, with its code package and its data from S3 and nothing else."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import data_contracts
from moemoe.inference.answering import ANSWERING, Answering
from moemoe.schemas import AUDIT, BACKFILL, CATALOG
from moemoe.storage import join, read_bytes, read_table
from tests.support.argo_cluster import BUCKET, killing_once
from tests.support.flows import FLOW
from tests.support.small_registry import DATA, predictions, tiny_model, trained
from tests.support.small_shards import draw_image

NAME = "moemoe-cluster"


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
    assert all(table.schema.equals(BACKFILL) for table in values)  # a set would compare hashes, in which maps differ
    audit = read_table(join(output, manifest["audit"]))
    assert audit.schema == AUDIT
    return tuple(
        sorted(table.to_pylist(), key=lambda row: (row["product_id"], row["attribute"]))
        for table in (pa.concat_tables(values), audit)
    )


@pytest.fixture(scope="module")
def filled(place, backfill):
    """A run of it, one of whose tasks is killed as it begins."""
    compiled, _ = backfill
    outcome = place.run(compiled, killing_once("backfill", "Task is starting."))
    assert outcome.state == "Succeeded", outcome.told()
    return outcome


def test_a_compiled_backfill_fills_in_what_its_stages_do_here(filled, backfill, place, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", place.tracking_uri)
    monkeypatch.syspath_prepend(str(FLOW.parent))
    from stages import backfill as stage
    from stages.options import BackfillOptions

    options = BackfillOptions(str(backfill[1]), f"models:/{NAME}@champion", str(tmp_path / "filled"), tasks=2)
    begun = stage.start(options)
    what = (begun.job, begun.version, begun.tracking)
    parts = [stage.fill(*what, group, str(tmp_path), lambda rows: None, lambda *part: None) for group in begun.groups]
    stage.finish(begun.job, parts, options.audit_size)
    values, audit = tables(f"s3://{BUCKET}/filled")
    assert (values, audit) == tables(options.output)
    assert {row["decision"] for row in values} >= {"filled", "abstained"}
    assert {row["model_version"] for row in values} == {f"{NAME}/1"}


def test_a_killed_task_is_tried_again_and_the_others_once(filled):
    assert {node.state for node in filled.nodes} <= {"Succeeded", "Skipped"}
    attempts = {node: [attempt.status for attempt in each.attempts] for node, each in enumerate(filled.nodes)}
    assert sorted(statuses for statuses in attempts.values() if statuses) == [[-9, 0], [0], [0], [0], [0]]
    assert [[a.status for a in node.attempts] for node in filled.of("backfill")].count([-9, 0]) == 1


def test_the_log_of_a_task_has_nothing_of_the_machinery_s_troubles(filled):
    said = "".join(attempt.log for node in filled.nodes for attempt in node.attempts)
    assert "Argo Event" not in said
    assert "failed" not in said.lower()


def test_a_store_that_loses_what_a_task_has_written_is_named_and_told_of(backfill, filled, place):
    for finished in ("parts/", "values/", "sample/", "quarantine/"):  # they are kept: no task loads the model again
        place.copy(f"filled/{finished}", f"lost/{finished}")

    def lose(template, attempt, pod, line):
        if template == "report" and "Task is starting." in line:
            place.delete([key for key in place.keys("lost/values/")][:1])

    before = len(place.hook.payloads)
    outcome = place.run(backfill[0], lose, output=f"s3://{BUCKET}/lost", tasks=1)
    assert outcome.state == "Failed"
    [report] = outcome.of("report")
    said = report.attempts[0].log
    assert "Stopped:" in said
    assert f"cannot read s3://{BUCKET}/lost/values/" in said
    assert "Traceback" not in said
    assert f"lost/{'manifest.json'}" not in place.keys("lost/")
    assert [node.state for node in outcome.of("end")] == ["Omitted"]
    [told] = place.hook.payloads[before:]
    assert told["run"] == f"BackfillFlow/argo-{outcome.name}"
    assert f"step report: cannot read s3://{BUCKET}/lost/values/" in " ".join(told["message"].split())
    assert f"python flows/backfill_flow.py resume --origin-run-id argo-{outcome.name}" in told["what_to_do"]
