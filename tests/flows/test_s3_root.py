"""The whole flow with its root on a real S3 endpoint; a step's scratch folder is gone when it ends."""

import os
from pathlib import Path

import pytest

from tests.flows.conftest import run_flow
from tests.s3 import s3_bucket

pytestmark = pytest.mark.xdist_group("flow")


def test_the_flow_runs_with_its_root_on_s3(metaflow_folder, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with s3_bucket(monkeypatch, "moemoe-root") as client:
        aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")} | {"TMPDIR": str(scratch)}
        running = run_flow(
            metaflow_folder, aws, dataset="30pt", model="qga", max_products=500, epochs=1, batch_size=16,
            root="s3://moemoe-root/here", registered_name="moemoe-s3",
        )  # fmt: skip
        assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
        keys = [item["Key"] for item in client.list_objects_v2(Bucket="moemoe-root")["Contents"]]
        run_id = running.run.id
        for name in (
            "model/model.safetensors",
            "predictions.parquet",
            "evaluation.parquet",
            "events.jsonl",
            "report.html",
        ):
            assert f"here/runs/{run_id}/{name}" in keys
        assert any(key.startswith("here/payload/") for key in keys)
        assert running.run["evaluate"].task.data.folder.predictions.uri.startswith("s3://moemoe-root/here/runs/")
        assert not [path for path in Path(scratch).glob("moemoe-*") if os.listdir(path)]
