"""A tracked run against a real MLflow: a SQLite store in a folder of the test."""

import json
import math
import sqlite3
import subprocess
from contextlib import ExitStack, closing
from pathlib import Path
from unittest import mock

import pytest

from moemoe.errors import ConfigError
from moemoe.registry.tracked_run import PARENT, VIEW, VIEW_TAG, TrackedRun, _new_experiment, run_name
from moemoe.registry.tracking import client, default_tracking_uri
from tests.support.mlflow_database import database
from tests.support.small_registry import new_store
from tests.support.warm_python import warm_python


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


def test_a_run_is_found_again_by_its_tags(uri):
    tags = {"comparison": "abc", "system": "qga, as long as both phases"}
    assert TrackedRun.reopen(uri, "moemoe-tests-30pt", tags) is None
    run = TrackedRun.start(uri, "moemoe-tests-30pt", run_name("qga", "tiny"), {"model": "qga"}, tags)
    run.end("FAILED")
    assert TrackedRun.reopen(uri, "moemoe-tests-30pt", tags) == run
    assert run.mlflow.get_run(run.run_id).info.status == "RUNNING"
    assert TrackedRun.reopen(uri, "moemoe-tests-30pt", {**tags, "system": "qga"}) is None
    assert run.url.endswith("/runs?viewStateShareKey=systems")
    experiment = client(uri).get_experiment_by_name("moemoe-tests-30pt")
    assert json.loads(experiment.tags[VIEW_TAG]) == VIEW


def test_a_run_remembers_its_manifest(uri):
    run = TrackedRun.start(uri, "moemoe-tests-30pt", "qga", {}, {})
    assert run.manifest is None
    run.record_manifest("s3://bucket/shards/x/manifest.json")
    assert run.manifest == "s3://bucket/shards/x/manifest.json"
    assert run.experiment == "moemoe-tests-30pt"


def test_a_run_that_was_deleted_for_good_is_said(uri):
    TrackedRun.start(uri, "e", "r", {}, {}).check_kept("version 1 of m")
    with pytest.raises(ConfigError, match="MLflow no longer has run f00, which trained version 2 of m, the champion"):
        TrackedRun(uri, "f00").check_kept("version 2 of m")


def test_a_child_is_made_whole(uri):
    """Of the experiment of its parent, finished, in three requests: a server answers each of them after the other."""
    run = TrackedRun.start(uri, "moemoe-tests-30pt", "qga", {}, {})
    mlflow = run.mlflow
    experiment = mlflow.get_run(run.run_id).info.experiment_id
    metrics = {"color/accuracy": 0.5, "color/recall_at_90p": math.nan}
    asked = ["create_run", "log_batch", "update_run_info"]
    with ExitStack() as stack:
        store = type(mlflow._tracking_client.store)
        calls = [
            stack.enter_context(mock.patch.object(store, name, autospec=True, side_effect=getattr(store, name)))
            for name in asked
        ]
        run.add_child(experiment, "shirt", {"product_type": "shirt"}, {"dataset": "30pt"}, metrics)
        assert [call.call_count for call in calls] == [1, 1, 1]
    [child] = mlflow.search_runs([experiment], f"tags.`{PARENT}` = '{run.run_id}'")
    assert (child.info.run_name, child.info.status) == ("shirt", "FINISHED")
    assert (child.data.params, child.data.metrics) == ({"product_type": "shirt"}, {"color/accuracy": 0.5})
    assert child.data.tags["dataset"] == "30pt"


FIRST_RUN = """
import sys
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import check_tracking
import mlflow.store.tracking.sqlalchemy_store

print("ready", flush=True)
sys.stdin.readline()
check_tracking(sys.argv[1])
print(TrackedRun.start(sys.argv[1], "first", "r", {}, {}).run_id)
"""


def test_two_processes_make_the_store_at_once(tmp_path):
    """MLflow makes its tables when it is first asked; another process that does so too fails on those half made."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [warm_python(), "-c", FIRST_RUN, uri]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    both = [subprocess.Popen(command, cwd=Path(__file__).parents[2], **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    runs = client(uri).search_runs([client(uri).get_experiment_by_name("first").experiment_id])
    assert {run.info.run_id for run in runs} == {lines.split()[-1] for lines in said}


def test_two_first_runs_at_once_share_the_experiment(uri):
    """The other one creates it between this one's look and its own attempt."""
    mlflow = client(uri)
    theirs = mlflow.create_experiment("raced")
    assert _new_experiment(mlflow, "raced") == theirs


@pytest.mark.parametrize("folder", ["with blank", "with%20escape"])
def test_files_lie_in_the_folder_whatever_its_name(tmp_path, monkeypatch, folder):
    (tmp_path / folder).mkdir()
    database(tmp_path / folder)
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = default_tracking_uri()
    run = TrackedRun.start(uri, "e", "r", {}, {})
    run.log_text("here", "report.html")
    [report] = tmp_path.rglob("report.html")
    assert report.is_relative_to(tmp_path / folder)
    assert Path(run.mlflow.download_artifacts(run.run_id, "report.html")).read_text() == "here"
    with closing(sqlite3.connect(tmp_path / folder / "mlflow.db")) as kept:
        assert kept.execute("select run_uuid from runs").fetchall() == [(run.run_id,)]
    assert [path.parent.name for path in tmp_path.rglob("mlflow.db")] == [folder]
