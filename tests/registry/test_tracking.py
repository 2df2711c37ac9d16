"""Tracking against a real MLflow: a SQLite store in a folder of the test."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from requests.utils import should_bypass_proxies

from moemoe.errors import ConfigError
from moemoe.evaluation.evaluate import Evaluation
from moemoe.names import escaped
from moemoe.registry import tracking
from moemoe.schemas import EVALUATION
from moemoe.shards.manifest import File, Manifest
from tests.registry.small import evaluation_table, new_run, new_store

pytestmark = pytest.mark.xdist_group("registry")


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


def test_the_evaluation_has_a_child_run_per_product_type(uri, tmp_path):
    run_id = new_run(uri)
    file = tmp_path / "evaluation.parquet"
    file.write_bytes(b"x")
    evaluation = Evaluation(evaluation_table(), {"recall_at_90p/mean": 0.5, "recall_at_90p/shirt/top5": math.nan})
    tracking.log_evaluation(uri, run_id, evaluation, [file], {})
    tracking.log_evaluation(uri, run_id, evaluation, [file], {})  # again, as after resume: nothing stands twice
    client = tracking.client(uri)
    run = client.get_run(run_id)
    assert run.data.metrics == {"recall_at_90p/mean": 0.5}
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert sorted(child.info.run_name for child in children) == ["kurta", "shirt"]
    shirt = next(child for child in children if child.info.run_name == "shirt")
    assert shirt.data.metrics["color/support"] == 40
    paths = {artifact.path for artifact in client.list_artifacts(run_id, "evaluation")}
    assert paths == {"evaluation/evaluation.parquet", "evaluation/product_type_x_attribute.json"}
    matrix = json.loads(Path(client.download_artifacts(run_id, tracking.MATRIX, str(tmp_path))).read_text())
    assert len(matrix["data"]) == evaluation.table.num_rows


def test_training_events_become_curves(uri):
    run_id = new_run(uri)
    step = dict.fromkeys(tracking.STEP_METRICS, 1.0)
    events = [{"event": "step", "total_step": i, **step, "loss": 10.0 - i} for i in range(1, 4)]
    events.append({"event": "epoch", "total_step": 3, "validation_cross_entropy": 0.7})
    tracking.log_training_events(uri, run_id, events)
    history = tracking.client(uri).get_metric_history(run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 9.0), (2, 8.0), (3, 7.0)]
    assert tracking.client(uri).get_metric_history(run_id, "train/validation_cross_entropy")[0].value == 0.7


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://user:secret@127.0.0.1:9"])
def test_an_mlflow_that_does_not_answer_is_named_without_its_password(address):
    with pytest.raises(ConfigError, match=r"MLflow at http://.*127\.0\.0\.1:9 cannot be reached") as error:
        tracking.check_tracking(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("given", "kept", "used"),
    [
        ("http://moemoe:hunter2@host:5000/x", "http://host:5000/x", "http://host:5000/x"),
        ("postgresql://moemoe:hunter2@db/mlflow", "postgresql://moemoe:***@db/mlflow", None),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db", None),
    ],
)
def test_what_a_run_keeps_of_the_address_has_no_password_and_works(monkeypatch, given, kept, used):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert tracking.default_tracking_uri() == kept
    assert tracking.with_password(kept) == (used or given)
    assert tracking.with_password("http://elsewhere") == "http://elsewhere"
    if used:
        assert os.environ["MLFLOW_TRACKING_USERNAME"] == "moemoe"
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "hunter2"


def test_a_run_is_found_again_by_its_tags(uri):
    tags = {"comparison": "abc", "system": "qga, as long as both phases"}
    assert tracking.find_run(uri, "moemoe-tests-30pt", tags) is None
    run = tracking.start_run(uri, "moemoe-tests-30pt", tracking.run_name("qga", "tiny"), {"model": "qga"}, tags)
    tracking.end_run(uri, run, "FAILED")
    assert tracking.find_run(uri, "moemoe-tests-30pt", tags) == run
    assert tracking.client(uri).get_run(run).info.status == "RUNNING"
    assert tracking.find_run(uri, "moemoe-tests-30pt", {**tags, "system": "qga"}) is None
    assert tracking.address(uri, run).endswith("/runs?viewStateShareKey=systems")
    experiment = tracking.client(uri).get_experiment_by_name("moemoe-tests-30pt")
    assert json.loads(experiment.tags[tracking.VIEW_TAG]) == tracking.VIEW


def test_the_shards_are_the_dataset_of_a_run(uri, tmp_path):
    run = tracking.start_run(uri, "moemoe-tests-30pt", "qga", {"model": "qga"}, {"dataset": "30pt"})
    file = File("payload/x.arrow", 40, 1, "e" * 64)
    manifest = Manifest(2, "30pt", "c" * 64, "d" * 64, False, (file,), file, (file,), file)
    (tmp_path / "contract.yaml").write_text("dataset: 30pt\n")
    for _ in range(2):  # a resumed step logs it again
        tracking.log_dataset(uri, run, manifest, "s3://bucket/shards/x/manifest.json", tmp_path / "contract.yaml")
    found = tracking.client(uri).get_run(run)
    [logged] = found.inputs.dataset_inputs
    profile = json.loads(logged.dataset.profile)
    assert (profile["products"], profile["contract_hash"], profile["data_hash"]) == (40, "c" * 64, "d" * 64)
    assert found.data.tags["contract_hash"] == "c" * 64
    assert "contract.yaml" in {artifact.path for artifact in tracking.client(uri).list_artifacts(run)}


def test_metrics_of_any_attribute_are_logged(uri):
    rows = evaluation_table().slice(0, 1).to_pylist()
    table = pa.Table.from_pylist([{**rows[0], "attribute": "Colour (main)"}], EVALUATION)
    run_id = new_run(uri)
    tracking.log_evaluation(uri, run_id, Evaluation(table, {f"accuracy/{escaped('tops/tees')}": 0.5}), [], {})
    client = tracking.client(uri)
    run = client.get_run(run_id)
    assert run.data.metrics == {"accuracy/tops.2F.tees": 0.5}
    [child] = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert child.data.metrics["Colour .28.main.29./support"] == 40


@pytest.mark.parametrize("name", ["team/kurta", "a:b", "it's", "a@b", "", "-x"])
def test_a_name_that_no_model_can_have(uri, name):
    with pytest.raises(ConfigError, match="is not allowed; allowed are letters"):
        tracking.check_model_name(uri, name)


def test_a_deleted_experiment_is_named(uri):
    client = tracking.client(uri)
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(ConfigError, match="experiment 'gone' is deleted in MLflow; restore it"):
        tracking.check_model_name(uri, "gone")
    tracking.check_model_name(uri, "moemoe-30pt")


FIRST_RUN = """
import sys
from moemoe.registry import tracking
import mlflow.store.tracking.sqlalchemy_store

print("ready", flush=True)
sys.stdin.readline()
tracking.check_tracking(sys.argv[1])
print(tracking.start_run(sys.argv[1], "first", "r", {}, {}))
"""


def test_two_processes_make_the_store_at_once(tmp_path):
    """MLflow makes its tables when it is first asked; another process that does so too fails on those half made."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [sys.executable, "-c", FIRST_RUN, uri]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    both = [subprocess.Popen(command, cwd=Path(__file__).parents[2], **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n", process.communicate()
    for process in both:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    runs = tracking.client(uri).search_runs([tracking.client(uri).get_experiment_by_name("first").experiment_id])
    assert {run.info.run_id for run in runs} == {lines.split()[-1] for lines in said}


def test_two_first_runs_at_once_share_the_experiment(uri):
    """The other one creates it between this one's look and its own attempt."""
    client = tracking.client(uri)
    theirs = client.create_experiment("raced")
    assert tracking._new_experiment(client, "raced") == theirs


@pytest.mark.parametrize("folder", ["with blank", "with%20escape"])
def test_files_lie_in_the_folder_whatever_its_name(tmp_path, monkeypatch, folder):
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = tracking.default_tracking_uri()
    run_id = tracking.start_run(uri, "e", "r", {}, {})
    tracking.log_text(uri, run_id, "here", "report.html")
    [report] = tmp_path.rglob("report.html")
    assert report.is_relative_to(tmp_path / folder)
    assert Path(tracking.client(uri).download_artifacts(run_id, "report.html")).read_text() == "here"
    assert (tmp_path / folder / "mlflow.db").is_file()


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_server_on_this_machine_is_asked_without_the_proxy(monkeypatch, name):
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv(name, "intranet")
    tracking._no_proxy_to_this_machine("http://127.0.0.1:5000")
    assert should_bypass_proxies("http://127.0.0.1:5000/api", None)
    assert should_bypass_proxies("http://intranet/", None)
    assert not should_bypass_proxies("http://elsewhere/", None)
    tracking._no_proxy_to_this_machine("http://elsewhere:5000")
    assert not should_bypass_proxies("http://elsewhere/", None)
