"""From shards to a registered model: train, evaluate, register, retrain, finish, compare, backfill."""

import html
import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import stages
from stages.options import BackfillOptions, CompareOptions, Options
from stages.workspace import Workspace

from moemoe.errors import CatalogError, ConfigError
from moemoe.evaluation.paper import PaperSystem
from moemoe.inference.answering import ANSWERING, Answering
from moemoe.recipes import load_recipe
from moemoe.registry.tracked_run import TrackedRun
from moemoe.run_folder import RunFolder
from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import read_bytes, write_bytes


def test_train_leaves_a_model_and_its_events(space, trained):
    minutes, seen = trained
    assert 0 < minutes < math.inf
    assert {event["event"] for event in seen} == {"step", "epoch"}
    assert space.folder.events.exists()
    assert (space.local(space.folder.model) / "config.json").is_file()


def test_a_job_says_where_the_training_starts_and_what_is_hidden(space, options, recipe, written):
    hiding = Options(**{**vars(options), "unseen": "color=Red"})
    job = stages.train.training_job(space, written.uri, recipe, hiding, True)
    assert job.warm_start == space.folder.warm_start.uri
    assert job.hidden["values"] == {"color": ("Red",)}
    assert job.tolerances == {"color": None, "fit type": None}
    assert stages.train.training_job(space, written.uri, recipe, options, False).warm_start == ""
    assert stages.train.write_job(job) == f"{space.scratch}/job.json"


def test_evaluate_writes_tables_and_brings_them_to_mlflow(space, tracked, evaluated):
    folder, measured = space.folder, evaluated.measured
    predictions = folder.predictions.read()
    assert set(predictions["split"].to_pylist()) == {"validation", "test"}
    assert set(folder.evaluation.read()["attribute"].to_pylist()) == {"color", "fit type"}
    assert folder.slices.read().num_rows
    assert folder.routing.read().num_rows == folder.evaluation_quarantine.read().num_rows == 0
    assert (measured.no_means, measured.asked_type) == ("", "shirt")
    assert measured.metrics["recall_at_90p/mean"] > 0.9  # the title says it
    temperature = Answering.load(space.local(folder.model)).temperature
    assert temperature == measured.metrics["calibration/temperature"]
    run = tracked.mlflow.get_run(tracked.run_id)
    assert run.data.metrics["recall_at_90p/mean"] == measured.metrics["recall_at_90p/mean"]
    assert run.inputs.dataset_inputs[0].dataset.name == "small"


def test_the_report_says_what_1_200_was_taken_for(space, written, validated, evaluated, tmp_path):
    measured = "{unit: mm, units: {}, decimals: 1, at_least: 0, at_most: 9000, tolerance: 1%s}"
    other = Workspace(RunFolder.of_run(str(tmp_path), "1"), str(tmp_path))
    for file, sign in ((other.folder.given_contract, ""), (other.folder.contract, ", decimal_sign: ','")):
        text = (
            f"dataset: small\nproduct_types: {{shirt: []}}\nattributes: {{width: {{measurement: {measured % sign}}}}}\n"
        )
        write_bytes(file.uri, text.encode())
    what = (evaluated.found, evaluated.identity, ShardedDataset(written.uri, str(tmp_path)), validated.report, [])
    stages.report.write_report(other, *what)
    page = html.unescape(other.folder.report.read_text())
    assert "The contract does not say whether 1.200 and 1,200" in page
    assert 'decimal_sign: ","' in page
    assert "Decimal signs" not in space.folder.report.read_text()  # nothing is measured


def test_predictions_that_break_a_critical_expectation_are_not_kept(
    space, tracked, options, recipe, written, trained, tmp_path
):
    shutil.copytree(space.folder.model.uri, tmp_path / "run/model")
    (tmp_path / "run/model" / ANSWERING).unlink(missing_ok=True)
    contract = space.folder.contract.read_text().replace("Red: [], Blue: [], ", "")
    strict = contract.replace("canonical_predictions: {severity: warning", "canonical_predictions: {severity: critical")
    (tmp_path / "run/contract.yaml").write_text(strict)
    other = Workspace(RunFolder(str(tmp_path / "run")), str(tmp_path / "scratch"))
    with pytest.raises(CatalogError, match="a critical expectation fails"):
        stages.evaluate.evaluate_model(other, tracked, written.uri, recipe, options, "")
    assert not other.folder.predictions.exists()
    assert not (tmp_path / "run/model" / ANSWERING).exists()
    assert (tmp_path / "run/prediction_docs/index.html").is_file()


def test_canonical_decoding_of_a_comparison_is_for_its_models_that_generate(
    space, tracked, options, recipe, written, trained, tmp_path
):
    """The others, such as TF-IDF, choose among values in any case; they would fail once they are trained."""
    shutil.copytree(space.folder.uri, tmp_path / "run")
    other = Workspace(RunFolder(str(tmp_path / "run")), str(tmp_path / "scratch"))
    stages.evaluate.evaluate_model(other, tracked, written.uri, recipe, replace(options, decoding="canonical"), "")
    assert Answering.load(tmp_path / "run/model").values is None


def test_register_makes_the_first_model_champion(registered):
    assert (registered.model_uri, registered.aliases) == ("models:/moemoe-small/1", ("challenger", "champion"))


def test_a_run_follows_the_champion_unless_nothing_is_new(space, tracked, registered, written):
    recipe = load_recipe("moemoe", "tiny")
    champion = stages.retrain.find_champion(space, tracked.address, "moemoe-small", recipe, "")
    assert champion == stages.retrain.Champion("version 1 of moemoe-small", written.uri, False, images=1)
    new_data = stages.retrain.check_for_new_data(champion, written.uri)
    assert new_data.is_nothing
    assert new_data.message.startswith("since the data of version 1 of moemoe-small, nothing is new")
    assert not stages.retrain.check_for_new_data(None, written.uri).is_nothing
    unknown = stages.retrain.Champion(champion.words, f"{written.uri}.gone", False)
    new_data = stages.retrain.check_for_new_data(unknown, written.uri)
    assert "is not known: cannot read" in new_data.message
    assert not new_data.is_nothing
    with pytest.raises(ConfigError, match="warm start: the champion is not a MoEMoE"):
        stages.retrain.find_champion(space, tracked.address, "moemoe-small", recipe, "champion")
    with pytest.raises(ConfigError, match="warm-start is 'yes'; allowed is champion, or nothing"):
        stages.retrain.find_champion(space, tracked.address, "moemoe-small", recipe, "yes")
    assert stages.retrain.find_champion(space, tracked.address, "moemoe-none", recipe, "champion") is None
    tracked.mlflow.log_param(tracked.run_id, "sources", ["image", "image", "text"])
    assert stages.retrain.find_champion(space, tracked.address, "moemoe-small", recipe, "").images == 2


def test_a_champion_with_raised_thresholds_is_followed_as_the_one_that_was_trained(space, tracked, options):
    """Its own MLflow run knows nothing of the training; a committee of two images shall see both at the gate."""
    recipe = load_recipe("committee", settings="moemoe.sources=[image, image, text]")
    given = stages.track.parameters(options, recipe, "", 1)
    trained = TrackedRun.start(tracked.address, "moemoe-small", "trained", given, {})
    trained.record_manifest("shards/1/manifest.json")
    mlflow, name = tracked.mlflow, "moemoe-raised"
    mlflow.create_registered_model(name)
    mlflow.create_model_version(name, "file:///none", trained.run_id)
    for base in ("1", "2"):
        changed = TrackedRun.start(tracked.address, "moemoe-small", "thresholds", {}, {})
        mlflow.create_model_version(name, "file:///none", changed.run_id, tags={"thresholds_of_version": base})
    mlflow.set_registered_model_alias(name, "champion", "3")
    champion = stages.retrain.find_champion(space, tracked.address, name, recipe, "")
    assert champion == stages.retrain.Champion("version 3 of moemoe-raised", "shards/1/manifest.json", False, images=2)


def test_the_last_words_name_what_there_is(space, tracked, registered, evaluated):
    assert "not registered yet" in space.folder.report.read_text()
    document = stages.report.add_registration(space, evaluated.identity, registered)
    assert document.title == "Registration"
    stages.track.close_failed_run(space.folder, tracked)
    assert {"data_docs", "label_docs", "shard_docs"} <= {a.path for a in tracked.mlflow.list_artifacts(tracked.run_id)}
    assert tracked.mlflow.get_run(tracked.run_id).info.status == "FAILED"
    stages.track.close_run(space.folder, tracked, space.folder.report)
    assert registered.model_uri in Path(tracked.mlflow.download_artifacts(tracked.run_id, "report.html")).read_text()
    assert tracked.mlflow.get_run(tracked.run_id).info.status == "FINISHED"
    given = {"catalog": "", "partitions": ["a catalog.parquet"], "is_sample": True}
    made = stages.finish.Made(**vars(evaluated.measured), model_uri="models:/m/1", decision="champion", **given)
    said = stages.finish.training_summary(space.folder, tracked, made)
    assert said.splitlines()[0].endswith("on the sample catalog")
    for words in (space.folder.report.uri, "models:/m/1 (champion)", tracked.run_id, "--catalog 'a catalog.parquet'"):
        assert words in said
    assert '"product_type": "shirt"' in said
    said = stages.finish.comparison_summary(space.folder, tracked, "| a table |")
    assert said.startswith(f"| a table |\ntables            {space.folder.uri}/tables/tables.md")


def test_a_comparison_has_the_systems_that_answered_and_the_reasons_of_the_others(space, tracked, evaluated, tmp_path):
    comparison = RunFolder.of_run(str(tmp_path), "18")
    failure = SimpleNamespace(exception="first\nmiddle\nlast", type="OSError")
    found = {"training_failure": None, "evaluation_failure": None, "fold": "", "training_minutes": 1.0}
    found |= {"metrics": evaluated.measured.metrics, "folder": space.folder}  # one that fails early has taken nothing
    tf_idf = PaperSystem("tf-idf", "")
    tasks = [
        SimpleNamespace(**{**found, "system": tf_idf}),
        SimpleNamespace(**{**found, "system": PaperSystem("committee", ""), "taken": [tf_idf]}),
        SimpleNamespace(
            **{**found, "system": PaperSystem("qga", ""), "training_failure": failure, "fold": "fold 1 of 2"}
        ),
    ]
    compared = stages.compare.candidates(tasks, comparison)
    assert [candidate.failure for candidate in compared] == ["", "", "in training (fold 1 of 2): first last"]
    assert [candidate.minutes for candidate in compared[:2]] == [1.0, 2.0]  # of two models
    assert "baseline/majority_accuracy" in compared[0].baselines
    own = Workspace(comparison, str(tmp_path / "scratch"))
    comparison.contract.publish(space.contract.path)
    done = stages.compare.compare_systems(own, tracked, "small", compared, "", False)
    assert list(done.comparison.failures) == ["qga"]
    assert (own.local(comparison.comparison_tables) / "overview.csv").is_file()


def test_a_system_has_a_folder_and_a_run_that_a_stopped_task_finds_again(space, tracked, options, evaluated):
    knn = PaperSystem("knn", "")
    what = (knn, "fold 1 of 2", {knn: load_recipe("knn", "tiny")}, options, 1, "CompareFlow/18")
    opened = stages.compare.open_system(space, tracked, *what)
    folder, run = opened.folder, opened.tracked
    assert folder.path == "runs/17/systems/knn/fold-1-of-2"
    assert Workspace(folder, space.scratch).contract.hash == space.contract.hash
    assert Workspace(folder, space.scratch).given_contract.hash == space.given_contract.hash  # the report reads both
    assert folder.reading.read_text() == space.folder.reading.read_text()  # its report has a section of it
    assert stages.compare.open_system(space, tracked, *what) == opened
    assert run.mlflow.get_run(run.run_id).data.tags["comparison"] == tracked.run_id
    assert (stages.compare.fold_name(0, 2), stages.compare.fold_name(0, 0)) == ("fold 1 of 2", "")


def test_a_committee_takes_the_members_that_other_systems_of_the_comparison_have_trained(
    space, tracked, options, evaluated, tmp_path
):
    """They come before it; it takes what has its member's own recipe and has finished, and nothing that came later."""
    tf_idf, committee = PaperSystem("tf-idf"), PaperSystem("committee")
    plain = load_recipe("tf-idf")
    members = (plain, load_recipe("image-classifier"))
    recipes = {committee: replace(load_recipe("committee"), members=members), tf_idf: plain}
    assert [system for system, _, _ in stages.compare.trainings(recipes, ["a", "b"])] == [tf_idf, committee] * 2

    what = ("", recipes, options, 1, "CompareFlow/18")
    trained = stages.compare.open_system(space, tracked, tf_idf, *what)
    assert (trained.taken, stages.compare.open_system(space, tracked, committee, *what).taken) == ([], [])
    shutil.copytree(space.folder.model.uri, trained.folder.model.uri)  # as its training and evaluation leave it
    shutil.copy(space.folder.events.uri, trained.folder.events.uri)
    assert (space.local(space.folder.model) / ANSWERING).is_file()
    opened = stages.compare.open_system(space, tracked, committee, *what)
    assert opened.taken == [tf_idf]
    member = opened.folder.member("tf-idf")
    assert json.loads(member.trained_on.read_text()) == json.loads(space.folder.trained_on.read_text())
    assert {path.name for path in Path(member.model.uri).iterdir()} == {
        path.name for path in Path(space.folder.model.uri).iterdir()
    } - {ANSWERING}
    assert member.events.read_text() == space.folder.events.read_text()
    changed = {committee: recipes[committee], tf_idf: replace(plain, description="another recipe")}
    assert stages.compare.take_members(space, opened.folder, recipes[committee], changed, "") == []


def test_finished_runs_are_compared_from_copies_of_their_predictions(space, tracked, options, evaluated, tmp_path):
    params = {"model": "knn", "settings": "none", "catalog": "small.parquet"}
    runs = []
    for name in ("one", "other"):
        runs.append(TrackedRun.start(tracked.address, "moemoe-small", name, params, {"dataset": "small"}))
        runs[-1].log_files(space.local(space.folder.predictions), "evaluation/predictions")
        runs[-1].log_files(space.contract.path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", tracked.address)
        own = Workspace(RunFolder.of_run(str(tmp_path), "20"), str(tmp_path / "scratch"))
        asked = CompareOptions(runs=",".join(run.run_id for run in runs))
        began = stages.compare.start(own, options, asked, "CompareFlow/20", True)
    assert [candidate.name for candidate in began.compared] == ["one", "other"]
    assert own.folder.system(runs[0].run_id).predictions.read().equals(space.folder.predictions.read())
    assert (began.compared_dataset, began.is_sample, own.contract.hash) == ("small", False, space.contract.hash)
    assert began.tracked.experiment == "moemoe-small"


def test_a_comparison_of_runs_needs_two_of_one_dataset(space, tracked, options, evaluated, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.address)
    with pytest.raises(ConfigError, match="MLflow has no run abc"):
        stages.compare.start(space, options, CompareOptions(runs="abc,def"), "CompareFlow/18", True)
    with pytest.raises(ConfigError, match="leave out --models and --folds, or --runs"):
        stages.compare.start(space, options, CompareOptions(runs="abc,def", models="knn"), "CompareFlow/18", True)


def test_a_registered_model_fills_a_catalog(registered, tracked, options, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.address)
    asked = BackfillOptions(options.catalog, registered.model_uri, str(tmp_path / "out"), tasks=1)
    began = stages.backfill.start(asked)
    assert [len(group) for group in began.groups] == [2]
    with pytest.raises(ConfigError, match="allowed are plain, guarded"):
        stages.backfill.start(replace(asked, thresholds="high"))
    done: list[bool] = []
    what = (began.job, began.version, began.tracking, began.groups[0], str(tmp_path))
    parts = stages.backfill.fill(*what, lambda rows: None, lambda part, was_there: done.append(was_there))
    assert done == [False, False]
    finished = stages.backfill.finish(began.job, [parts], asked.audit_size)
    assert finished.total.filled > 0
    document = stages.backfill.write_pages(began.job, finished)
    assert document.title == "Backfill"
    for audit in (finished.audit, finished.label_audit):
        assert read_bytes(audit.page).count(b"<article") == audit.rows.num_rows
    assert finished.manifest in stages.backfill.summary(finished, stages.backfill.report_uri(began.job))
    stages.backfill.fill(*what, lambda rows: None, lambda part, was_there: done.append(was_there))
    assert done[2:] == [True, True]
