"""The results of a run in a real MLflow: a SQLite store in a folder of the test."""

import json
import math
from pathlib import Path

import pyarrow as pa
import pytest

from moemoe.evaluation.evaluate import Evaluation
from moemoe.names import escaped
from moemoe.registry.run_results import MATRIX, STEP_METRICS, log_dataset, log_evaluation, log_training_events
from moemoe.registry.tracked_run import TrackedRun
from moemoe.reporting.document import Plot
from moemoe.reporting.plots import new_figure
from moemoe.schemas import EVALUATION
from moemoe.shards.manifest import File, Manifest
from tests.support.small_registry import evaluation_table, new_run, new_store


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


def test_the_evaluation_has_a_child_run_per_product_type(uri, tmp_path):
    run = new_run(uri)
    file = tmp_path / "evaluation.parquet"
    file.write_bytes(b"x")
    evaluation = Evaluation(evaluation_table(), {"recall_at_90p/mean": 0.5, "recall_at_90p/shirt/top5": math.nan})
    plots = [Plot("sources", new_figure(2, 2))]
    log_evaluation(run, evaluation, [file], plots)
    log_evaluation(run, evaluation, [file], plots)  # again, as after resume: nothing stands twice
    client = run.mlflow
    found = client.get_run(run.run_id)
    assert found.data.metrics == {"recall_at_90p/mean": 0.5}
    children = client.search_runs([found.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.run_id}'")
    assert sorted(child.info.run_name for child in children) == ["kurta", "shirt"]
    shirt = next(child for child in children if child.info.run_name == "shirt")
    assert shirt.data.metrics["color/support"] == 40
    paths = {artifact.path for artifact in client.list_artifacts(run.run_id, "evaluation")}
    assert paths == {"evaluation/evaluation.parquet", "evaluation/product_type_x_attribute.json"}
    logged = Path(client.download_artifacts(run.run_id, "plots", str(tmp_path)))
    assert [(file.name, file.read_bytes()) for file in logged.iterdir()] == [("sources.svg", plots[0].svg)]
    matrix = json.loads(Path(client.download_artifacts(run.run_id, MATRIX, str(tmp_path))).read_text())
    assert len(matrix["data"]) == evaluation.table.num_rows


def test_training_events_become_curves(uri):
    run = new_run(uri)
    step = dict.fromkeys(STEP_METRICS, 1.0)
    events = [{"event": "step", "total_step": i, **step, "loss": 10.0 - i} for i in range(1, 4)]
    events.append({"event": "epoch", "total_step": 3, "validation_cross_entropy": 0.7})
    log_training_events(run, events)
    history = run.mlflow.get_metric_history(run.run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 9.0), (2, 8.0), (3, 7.0)]
    assert run.mlflow.get_metric_history(run.run_id, "train/validation_cross_entropy")[0].value == 0.7


def test_the_shards_are_the_dataset_of_a_run(uri, tmp_path):
    run = TrackedRun.start(uri, "moemoe-tests-30pt", "qga", {"model": "qga"}, {"dataset": "30pt"})
    file = File("payload/x.arrow", 40, 1, "e" * 64)
    manifest = Manifest(2, "30pt", "c" * 64, "d" * 64, False, (file,), file, (file,), file)
    (tmp_path / "contract.yaml").write_text("dataset: 30pt\n")
    for _ in range(2):  # a resumed step logs it again
        log_dataset(run, manifest, "s3://bucket/shards/x/manifest.json", tmp_path / "contract.yaml")
    found = run.mlflow.get_run(run.run_id)
    [logged] = found.inputs.dataset_inputs
    profile = json.loads(logged.dataset.profile)
    assert (profile["products"], profile["contract_hash"], profile["data_hash"]) == (40, "c" * 64, "d" * 64)
    assert found.data.tags["contract_hash"] == "c" * 64
    assert "contract.yaml" in {artifact.path for artifact in run.mlflow.list_artifacts(run.run_id)}


def test_metrics_of_any_attribute_are_logged(uri):
    rows = evaluation_table().slice(0, 1).to_pylist()
    table = pa.Table.from_pylist([{**rows[0], "attribute": "Colour (main)"}], EVALUATION)
    run = new_run(uri)
    log_evaluation(run, Evaluation(table, {f"accuracy/{escaped('tops/tees')}": 0.5}), [], [])
    client = run.mlflow
    found = client.get_run(run.run_id)
    assert found.data.metrics == {"accuracy/tops.2F.tees": 0.5}
    [child] = client.search_runs([found.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run.run_id}'")
    assert child.data.metrics["Colour .28.main.29./support"] == 40
