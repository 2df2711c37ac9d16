"""The whole flow through Metaflow's Runner."""

import gzip
import math
import os
import pickle
import re
import subprocess
from pathlib import Path

import mlflow
import pyarrow as pa
from metaflow.cards import get_cards

from moemoe.inference.answering import Answering
from moemoe.labels.parts import Parts
from moemoe.schemas import LABELS
from moemoe.shards.manifest import Manifest
from moemoe.training.events import read_events
from tests.support.flows import card_text
from tests.support.planted_secrets import SECRETS, places_of
from tests.support.warm_python import warm_python

STEPS = (
    "start", "collect", "validate", "normalize", "filter", "split", "shard", "manifest", "train", "evaluate",
    "register", "end",
)  # fmt: skip

CARDS = ("validate", "normalize", "filter", "split", "manifest", "train", "evaluate", "register")

HEAVY = {"torch", "transformers", "timm", "mlflow", "great_expectations", "altair", "sklearn", "matplotlib"}
MODEL = {"torch", "transformers", "timm", "sklearn"}  # transformers imports sklearn where it is installed
#: What each step may load of HEAVY: seconds of a step's start go into these.
LOADED = {
    "start": {"mlflow", *MODEL},
    "collect": set(),
    "validate": {"great_expectations"},
    "normalize": set(),
    "filter": set(),
    "split": {"great_expectations"},
    "shard": set(),
    "manifest": {"great_expectations"},
    "train": set(),  # torchrun's processes load the model
    "evaluate": {"great_expectations", "mlflow", "matplotlib", *MODEL},
    "register": {"mlflow", *MODEL},
    "end": {"mlflow"},
}


def data(trained, step):
    return trained.run[step].task.data


def test_every_step_ran_once(trained):
    assert trained.run.successful
    assert {step.id for step in trained.run} == set(STEPS)


def test_a_step_loads_what_it_needs_and_no_more(trained):
    for step in STEPS:
        asked_for = set((trained.loaded / step).read_text().split())
        assert {"moemoe"} <= asked_for & {"moemoe", *HEAVY} <= {"moemoe", *LOADED[step]}, step


def test_the_log_has_the_flow_s_own_lines_only(trained):
    for step in trained.run:
        for task in step:
            said = task.stdout + task.stderr
            noise = [line for line in said.splitlines() if re.search(r"Downloading|Pylint|INFO|WARNING|it/s\]", line)]
            assert not noise, (step.id, noise)


def test_evaluate_keeps_predictions_evaluation_and_metrics(trained):
    evaluate = data(trained, "evaluate")
    predictions, evaluation = evaluate.folder.predictions.read(), evaluate.folder.evaluation.read()
    assert evaluation.num_rows
    assert set(predictions["split"].to_pylist()) == {"validation", "test"}
    assert set(predictions["condition"].to_pylist()) == {
        "as is", "image blanked", "text blanked", "title only", "unanswerable", "not applicable",
    }  # fmt: skip
    for name in (
        "recall_at_90p/mean", "title_only/recall_at_90p/mean", "recall_at_90p/shirt/top5", "accuracy/mean",
        "baseline/majority_accuracy", "applicability/recall",
    ):  # fmt: skip
        assert not math.isnan(evaluate.metrics[name]), name
    assert predictions.filter(predictions["condition"].to_numpy(zero_copy_only=False) == "image blanked")[
        "image_weight"
    ].unique().to_pylist() == [0.0]


def test_evaluate_keeps_slices_and_routing_and_settles_the_confidence(trained):
    evaluate, metrics = data(trained, "evaluate"), data(trained, "evaluate").metrics
    slices, routing = evaluate.folder.slices.read(), evaluate.folder.routing.read()
    assert {"explicit", "implicit", "unanswerable", "not applicable"} <= set(slices["slice"].to_pylist())
    assert {"all", "attribute", "product type"} == set(routing["by"].to_pylist())
    answering = Answering.load(evaluate.folder.model.uri)
    assert answering.temperature == metrics["calibration/temperature"]
    for name in ("calibration/ece", "slices/implicit/accuracy", "routing/entropy", "recall_at_90p/mean/low"):
        assert not math.isnan(metrics[name]), name
    card = card_text(get_cards(trained.run["evaluate"].task)[0].get())
    for words in (
        "95 % bootstrap interval", "title only", "Slices of the test split", "without an answer", "does not apply",
        "Experts",
    ):  # fmt: skip
        assert words in card, words


def test_files_between_packages_have_their_schemas(trained):
    folder = data(trained, "start").folder
    tables = {name: getattr(folder, name) for name in folder.named() if hasattr(getattr(folder, name), "read")}
    missing = {name for name, file in tables.items() if not file.exists()}
    assert missing == {"drift", "training_quarantine"}  # a first run, and images that all decode
    assert all(file.read() is not None for name, file in tables.items() if name not in missing)
    contradictions = folder.contradictions.read()
    assert {"department", "age range description"} == set(contradictions["attribute"].to_pylist())
    labels = pa.concat_tables(Parts(folder.part_uris(folder.labels)))
    assert labels.schema.equals(LABELS)
    assert labels["split"].null_count == labels["group"].null_count == 0
    by_group = labels.group_by(["group", "split"]).aggregate([])
    assert by_group.num_rows == len(by_group["group"].unique())  # no group in two splits
    manifest = Manifest.read(data(trained, "manifest").manifest_uri)
    assert manifest.sample_catalog
    assert manifest.rows == len(labels["product_id"].unique())


def test_the_run_folder_names_every_file_that_a_run_leaves(trained):
    folder = data(trained, "start").folder
    known = {file.path for file in folder.named().values()} | {"collected"}
    assert {path.name for path in Path(folder.uri).iterdir()} <= known


def test_artifacts_are_paths_and_small_tables(trained):
    for step in STEPS:
        for artifact in trained.run[step].task.artifacts:
            assert artifact.size < 100_000, artifact.id


def test_every_card_names_the_sample_catalog(trained):
    for step in CARDS:
        assert "Sample catalog" in card_text(get_cards(trained.run[step].task)[0].get()), step


def test_only_the_card_that_is_refreshed_keeps_what_it_shows_while_its_step_runs(trained):
    """Metaflow starts a process of half a second for that."""
    kept = [step for step in CARDS if get_cards(trained.run[step].task)[0].get_data() is not None]
    assert kept == ["train"]


def test_the_report_and_data_docs_are_kept(trained):
    report = Path(data(trained, "end").folder.report.uri).read_text()
    assert "<title>moemoe, tiny | 30pt sample | " in report
    assert "models:/moemoe-30pt-sample/1" in report
    assert "promoted to champion" in report
    assert "Products to look at" in report
    assert len(report) < 3_000_000
    docs = Path(data(trained, "validate").folder.data_docs.uri)
    for folder in (docs, docs.parent / "label_docs", docs.parent / "shard_docs", docs.parent / "prediction_docs"):
        assert "expectations pass" in (folder / "index.html").read_text()
    assert len(list(docs.rglob("*.html"))) > 1


def test_mlflow_has_metrics_curves_and_artifacts(trained):
    client = mlflow.MlflowClient(trained.tracking_uri)
    run_id = data(trained, "start").tracked.run_id
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["model"] == "moemoe"
    assert run.data.metrics["recall_at_90p/mean"] == data(trained, "evaluate").metrics["recall_at_90p/mean"]
    assert client.get_metric_history(run_id, "train/cross_entropy")
    kept = {artifact.path for artifact in client.list_artifacts(run_id, "evaluation")}
    assert {"evaluation/predictions", "evaluation/evaluation.parquet"} <= kept
    assert {"report.html", "data_docs", "label_docs", "plots"} <= {a.path for a in client.list_artifacts(run_id)}


def test_the_registered_model_answers_where_metaflow_is_not_imported(trained):
    assert data(trained, "register").model_uri == "models:/moemoe-30pt-sample/1"
    ask = """
import mlflow, pandas, sys
model = mlflow.pyfunc.load_model("models:/moemoe-30pt-sample@champion")
answers = model.predict(pandas.DataFrame([{"product_type": "shirt", "title": "Men's Slim Fit Cotton Shirt"}]))
assert "material" in set(answers["attribute"])
assert set(answers["product_type"]) == {"shirt"}
assert "metaflow" not in sys.modules
"""
    env = {**os.environ, "MLFLOW_TRACKING_URI": trained.tracking_uri}
    asked = subprocess.run([warm_python(), "-c", ask], env=env, cwd=trained.folder, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr


def test_both_phases_left_their_events(trained):
    events = read_events(data(trained, "start").folder.events.uri)
    assert [event["phase"] for event in events if event["event"] == "epoch"] == ["dense", "experts"]


def test_secrets_of_the_environment_are_written_nowhere(trained, tmp_path):
    """Neither in logs, cards and artifacts nor in MLflow; the run's environment held them (see ``trained``)."""
    assert not places_of(trained.folder, list(SECRETS.values()))
    artifact = gzip.compress(pickle.dumps({"uri": f"http://moemoe:{SECRETS['MLFLOW_TRACKING_PASSWORD']}@host"}))
    (tmp_path / "artifact").write_bytes(artifact)
    assert places_of(tmp_path, list(SECRETS.values())) == [tmp_path / "artifact"]  # as Metaflow would keep one
