"""Two scheduled runs with their root on a real S3 endpoint; before the second somebody has relabelled the catalog."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import data_contracts
from moemoe.sample_catalog.write import write_sample_catalog
from tests.support.flows import run_flow
from tests.support.hook import Hook
from tests.support.s3 import s3_bucket
from tests.support.small_flow import DENSE_SETTINGS


@dataclass
class Runs:
    """Both runs, what they told the webhook, and what they left on S3 and among temporary files.

    Args:
        drift: both runs' notifications of drift.
        measured: what the second run measured of it.
    """

    runs: list[Any]
    drift: list[list[dict[str, Any]]]
    measured: list[dict[str, Any]]
    keys: list[str]
    scratch: Path


@pytest.fixture(scope="module")
def on_s3(metaflow_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    scratch, config, catalog = folder / "scratch", folder / "schedule.yaml", folder / "catalog.parquet"
    scratch.mkdir()
    config.write_text(yaml.safe_dump({"notify": {"url_from": "THE_WEBHOOK"}}))
    table = pq.read_table(write_sample_catalog(catalog, 500))
    place = table.schema.get_field_index("attributes")
    colors = set(data_contracts.load("30pt").attributes["color"].keys)
    red = [[(key, "Red" if key in colors else value) for key, value in row] for row in table["attributes"].to_pylist()]
    relabelled = table.set_column(place, "attributes", pa.array(red, table.schema.field(place).type))
    runs, drift = [], []
    with pytest.MonkeyPatch.context() as patch, s3_bucket(patch, "moemoe-root") as client:
        environment = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        environment |= {"TMPDIR": str(scratch), "METAFLOW_FLOW_CONFIG": json.dumps({"deployment": str(config)})}
        small = {"model": "qga", "epochs": 1, "batch_size": 16, "set": DENSE_SETTINGS}
        for rows, own in ((table, small), (relabelled, {"model": "tf-idf"})):
            pq.write_table(rows, catalog)
            with Hook() as hook:
                running = run_flow(
                    metaflow_folder, {**environment, "THE_WEBHOOK": hook.url}, dataset="30pt", catalog=str(catalog),
                    root="s3://moemoe-root/here", registered_name="moemoe-s3", **own,
                )  # fmt: skip
            assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
            runs.append(running.run)
            drift.append([payload for payload in hook.payloads if payload["kind"] == "drift"])
        keys = [item["Key"] for page in client.get_paginator("list_objects_v2").paginate(Bucket="moemoe-root")
                for item in page["Contents"]]  # fmt: skip
        yield Runs(runs, drift, runs[1]["split"].task.data.folder.drift.read().to_pylist(), keys, scratch)


@pytest.mark.parametrize("number", [0, 1])
def test_a_run_leaves_its_results_on_s3(on_s3, number):
    run = on_s3.runs[number]
    for name in ("predictions/parts.json", "evaluation.parquet", "events.jsonl", "report.html"):
        assert f"here/runs/{run.id}/{name}" in on_s3.keys
    assert run["evaluate"].task.data.folder.predictions.uri.startswith("s3://moemoe-root/here/runs/")


def test_the_weights_and_the_payload_lie_there_too(on_s3):
    assert f"here/runs/{on_s3.runs[0].id}/model/model.safetensors" in on_s3.keys
    assert any(key.startswith("here/payload/") for key in on_s3.keys)


def test_a_step_s_scratch_folder_is_gone_when_it_ends(on_s3):
    assert not [path for path in on_s3.scratch.glob("moemoe-*") if os.listdir(path)]
    assert not list(on_s3.scratch.glob("torchelastic*"))


def test_labels_that_drift_are_told_of_once(on_s3):
    assert on_s3.drift[0] == []
    [drift] = on_s3.drift[1]
    assert drift["run"] == on_s3.runs[1].pathspec
    assert "values of color drift by a PSI of at most 0.25" in drift["message"]
    assert "values of material" not in drift["message"]
    assert f"card view {on_s3.runs[1].pathspec}/split" in drift["what_to_do"]
    assert max(row["psi"] or 0 for row in on_s3.measured) > 0.25
