"""CompareFlow: a comparison on a very small catalog with one broken system, and a comparison of finished runs."""

import json
from pathlib import Path

import mlflow
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from metaflow.cards import get_cards

from moemoe.errors import ConfigError
from moemoe.registry.finished_runs import CONTRACT_FILE, PREDICTIONS_FOLDER, finished_runs
from moemoe.schemas import AS_IS, CATALOG, PREDICTIONS
from moemoe.shards.manifest import Manifest
from moemoe.storage import read_table
from moemoe.table_parts import ListedParts
from tests.support.flows import FLOW, card_text, flow_environment, run_flow
from tests.support.project_copy import copy_project
from tests.support.refused import refused
from tests.support.shirts import shirt

COMPARE = FLOW.with_name("compare_flow.py")
BROKEN = """
description: a recipe that is read without complaint and cannot be trained
model:
  question_guidance: true
  alignment: true
phases: [dense]
sizes:
  tiny:
    training: {learning_rate: 1.0e+30}
"""
PAIR = """
system: committee
description: a committee of a system that is compared and one that is not
members: [tf-idf, image-classifier]
settings: image-classifier.least_steps=20
"""


@pytest.fixture(scope="module")
def compared(metaflow_folder, tmp_path_factory):
    """A quick system, a committee with it, and one that breaks in training, in a copy of the code with such recipes."""
    code = copy_project(tmp_path_factory.mktemp("code"))
    for name, recipe in (("broken", BROKEN), ("pair", PAIR)):
        (code / "moemoe" / "recipes" / f"{name}.yaml").write_text(recipe)
    running = run_flow(
        metaflow_folder, {"PYTHONPATH": str(code)}, code / "flows" / "compare_flow.py",
        models="broken,pair,tf-idf", max_products=150, epochs=1, batch_size=16,
        root=str(metaflow_folder / "compared"),
    )  # fmt: skip
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    return running.run


def test_a_system_that_fails_is_named_and_the_others_tables_still_come(compared):
    tables = Path(compared["compare"].task.data.folder.comparison_tables.uri)
    text = (tables / "tables.md").read_text()
    assert "| broken (failed) |" in text
    assert "**broken failed**: in training: " in text
    assert "the loss is not finite" in text  # the process's own last words
    assert "| tf-idf |" in text
    assert "| pair |" in text
    assert {path.name for path in tables.iterdir()} == {
        "tables.md", "overview.csv", "whole.csv", "table-1.csv", "table-3.csv", "cells.csv",
    }  # fmt: skip
    card = card_text(get_cards(compared["compare"].task)[0].get())
    assert "broken failed" in card
    assert "Sample catalog" in card


def test_mlflow_has_the_comparison_and_a_run_per_system(compared, metaflow_folder):
    client = mlflow.MlflowClient(flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"])
    comparison = client.get_run(compared["end"].task.data.tracked.run_id)
    assert comparison.info.status == "FINISHED"
    assert "broken (failed)" in comparison.data.tags["mlflow.note.content"]
    kept = {a.path for folder in ("", "tables", "plots") for a in client.list_artifacts(comparison.info.run_id, folder)}
    assert {"comparison.html", "tables/tables.md", "tables/overview.csv", "tables/table-3.csv"} <= kept
    assert {"plots/systems.svg", "plots/precision-recall.svg", "plots/heat-map.svg"} <= kept
    found = client.search_runs(
        [comparison.info.experiment_id], f"tags.comparison = '{comparison.info.run_id}'", order_by=["params.model"]
    )
    assert [(run.data.params["model"], run.info.status) for run in found] == [
        ("broken", "FAILED"), ("pair", "FINISHED"), ("tf-idf", "FINISHED"),
    ]  # fmt: skip
    tf_idf = found[2]
    assert "train/examples_per_second" in tf_idf.data.metrics
    assert "train/loss" not in tf_idf.data.metrics  # what is fitted has none
    assert tf_idf.info.run_name.startswith("tf-idf-tiny-")
    [dataset] = tf_idf.inputs.dataset_inputs
    assert dataset.dataset.name == "30pt-sample"
    assert tf_idf.data.tags["contract_hash"] in dataset.dataset.profile
    assert {"report.html", "plots", "evaluation", "contract.yaml"} <= {
        a.path for a in client.list_artifacts(tf_idf.info.run_id)
    }


def test_one_system_trains_after_the_other(compared):
    tasks = sorted(compared["train"], key=lambda task: task.created_at)
    assert tasks[0].finished_at <= tasks[1].created_at


def test_a_committee_comes_last_and_takes_what_is_trained(compared):
    last = max(compared["train"], key=lambda task: task.created_at)
    assert (last.data.system.name, [system.name for system in last.data.taken]) == ("pair", ["tf-idf"])
    member, system = last.data.folder.member("tf-idf"), last.data.comparison_folder.system("tf-idf")
    assert member.events.read_text() == system.events.read_text()  # they tell how long each step took


@pytest.fixture(scope="module")
def runs(compared, metaflow_folder):
    """The ids of the comparison's runs that finished."""
    client = mlflow.MlflowClient(flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("moemoe-30pt-sample").experiment_id
    comparison = compared["end"].task.data.tracked.run_id
    found = client.search_runs([experiment], f"tags.comparison = '{comparison}' and attributes.status = 'FINISHED'")
    return [run.info.run_id for run in found]


def test_finished_runs_are_compared_without_training(runs, metaflow_folder):
    running = run_flow(
        metaflow_folder, flow=COMPARE, runs=",".join(runs), tables="1", root=str(metaflow_folder / "compared")
    )
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    assert {step.id for step in running.run} == {"start", "compare", "end"}
    text = (Path(running.run["compare"].task.data.folder.comparison_tables.uri) / "tables.md").read_text()
    assert "| tf-idf-tiny-" in text
    assert "| pair-tiny-" in text
    assert "Table 1" in text
    assert "Table 3" not in text


def test_runs_of_different_splits_are_refused(runs, metaflow_folder, tmp_path):
    """The other run's predictions are the first one's, without one product of the test split."""
    client = mlflow.MlflowClient(flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"])
    first = client.get_run(runs[0])
    folder = client.download_artifacts(runs[0], PREDICTIONS_FOLDER, str(tmp_path))
    predictions = ListedParts(folder, PREDICTIONS).read()
    [gone, *_] = predictions.filter(pc.equal(predictions["split"], "test"))["product_id"].to_pylist()
    fewer = predictions.filter(pc.not_equal(predictions["product_id"], gone))
    pq.write_table(fewer, tmp_path / "predictions.parquet")  # as an earlier version kept them
    other = client.create_run(first.info.experiment_id, tags={"dataset": "30pt"}, run_name="elsewhere").info.run_id
    for name in ("model", "catalog", "settings"):
        client.log_param(other, name, first.data.params[name])
    client.log_artifact(other, str(tmp_path / "predictions.parquet"), "evaluation")
    client.log_artifact(other, client.download_artifacts(runs[0], CONTRACT_FILE, str(tmp_path)))
    client.set_terminated(other)
    said = refused(metaflow_folder, "--runs", f"{runs[0]},{other}", flow=COMPARE)
    assert "cannot be compared: the runs have different test rows" in said
    assert "/compare/" not in said


def test_runs_of_different_datasets_are_refused(runs, metaflow_folder):
    uri = flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"]
    client = mlflow.MlflowClient(uri)
    client.set_tag(runs[1], "dataset", "ohl")
    try:
        said = refused(metaflow_folder, "--runs", ",".join(runs), flow=COMPARE)
    finally:
        client.set_tag(runs[1], "dataset", "30pt")
    assert "runs of different datasets cannot be compared" in said
    assert "is of 30pt (sample catalog), " in said


def test_a_comparison_needs_two_runs(metaflow_folder, tmp_path):
    uri = flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"]
    with pytest.raises(ConfigError, match="a comparison needs two or more MLflow run ids"):
        finished_runs(uri, "abc", tmp_path)


def test_a_bad_name_is_said_before_anything_trains(tmp_path):
    said = refused(tmp_path, "--models", "qga,mxtt", flow=COMPARE)
    assert "unknown model 'mxtt'; did you mean 'mxt'? known are " in said
    assert "/each_group/" not in said
    assert not (tmp_path / "root").exists()


def test_cross_validation_tests_every_product_once(metaflow_folder, tmp_path):
    pq.write_table(pa.Table.from_pylist([shirt(i) for i in range(120)], CATALOG), tmp_path / "shirts.parquet")
    running = run_flow(
        metaflow_folder, flow=COMPARE, models="tf-idf", folds=2, catalog=str(tmp_path / "shirts.parquet"),
        root=str(metaflow_folder / "folds"),
    )  # fmt: skip
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    assert len(list(running.run["train"])) == 2
    [system] = running.run["compare"].task.data.compared
    predictions = system.predictions.read()
    asked = pc.and_(pc.equal(predictions["split"], "test"), pc.equal(predictions["condition"], AS_IS))
    tested = predictions.filter(asked)
    assert tested.num_rows == 2 * 120  # and for each of what is asked
    labels = [read_table(uri) for _, uri in running.run["manifest"].task.data.folder.labelled_parts()]
    assert set(tested["product_id"].to_pylist()) == {row for part in labels for row in part["product_id"].to_pylist()}
    text = (Path(running.run["compare"].task.data.folder.comparison_tables.uri) / "tables.md").read_text()
    assert "2-fold cross-validation by group" in text
    root = Path(running.run["manifest"].task.data.folder.root)
    latest = json.loads((root / "shards" / "latest-30pt.json").read_text())
    manifest = Manifest.read(running.run["manifest"].task.data.manifest_uri)
    assert latest["labels"] == manifest.sidecar.path  # the next run keeps the catalog's own split, not the last fold's
