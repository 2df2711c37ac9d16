"""Mistakes are found before the long work starts; the start of a TrainFlow run."""

from dataclasses import replace

import pytest
import stages
from stages.options import Options, TrainOptions
from stages.workspace import Workspace

import data_contracts
from moemoe.errors import MoEMoEError
from moemoe.recipes import load_recipe
from moemoe.run_folder import RunFolder
from tests.support.shoe_shop import CONTRACT


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dataset": "31pt"}, "there is no contract for dataset '31pt'.*30pt"),
        ({"model": "moemo"}, "did you mean 'moemoe'[?] known are cma-clip, committee, decoder-even-moe"),
        ({"catalog": "nothing/*.parquet"}, r"no catalog file matches 'nothing/\*.parquet'"),
        ({"layout": "gogle"}, "--layout 'gogle' is unknown; did you mean 'google'"),
        ({"nproc": 999}, "nproc is 999"),
        ({"batch_size": 7, "nproc": 2}, "7 products cannot be divided evenly into 2 parts"),
        ({"settings": "training.accumulation=7"}, r"8 products .* 7 parts \(processes x accumulation\); try 7 or 14"),
        ({"size": "paper", "weights": "no-such/checkpoint"}, "cannot be loaded"),
        ({"withhold": "colour"}, "withhold: attribute 'colour' is unknown; did you mean 'color'"),
        ({"decoding": "beam"}, "decoding is 'beam'; allowed are free, canonical"),
        ({"decoding": "canonical", "model": "tf-idf"}, "is canonical, but tf-idf generates no text; leave it out"),
        ({"settings": "training.epochs=[1"}, r"setting 'training.epochs=\[1': '\[1' cannot be read \(while parsing"),
        ({"settings": "training.epochs=2026-13-45"}, r"cannot be read \(month must be in 1..12"),
        ({"settings": "load_balancing_weight=-1"}, r"load_balancing_weight is -1\.0; allowed is 0 or more"),
        ({"settings": "text.feed_forward_proj=nosuch"}, r"moemoe cannot be built with these settings \('nosuch'\)"),
        ({"model": "cma-clip", "settings": "text.width=33"}, "cannot be built with these settings .*not a multiple of"),
        ({"model": "tf-idf", "settings": "penalty=0"}, r"penalty is 0\.0; allowed is more than 0"),
        ({"max_products": -5}, "--max-products is -5; allowed is 0 to"),
        ({"seed": -1}, "--seed is -1; allowed is 0 to"),
        ({"registered_name": "team/kurta"}, "MLflow model name 'team/kurta' is not allowed"),
        ({"settings": "sources=[image, sound]"}, "source 'sound' is unknown; allowed are image, image.2, "),
        ({"settings": "sources=[image.2, text]"}, "image.2 without image; number images from the first on"),
        ({"promote_if": "bettr"}, "allowed are 'better', 'not worse', 'unmeasured'"),
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else "",
)
def test_a_bad_parameter_is_named(address, tmp_path, monkeypatch, change, message):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setattr("os.cpu_count", lambda: 2)  # for two processes, wherever this runs
    own = {name: value for name, value in change.items() if hasattr(Options(), name)}
    options = replace(Options(root=str(tmp_path)), **own)
    asked = replace(TrainOptions(), **{name: value for name, value in change.items() if name not in own})
    space = Workspace(RunFolder.of_run(options.root, "20"), str(tmp_path))
    with pytest.raises(MoEMoEError, match=message):
        stages.preflight.start_training(space, options, asked, "TrainFlow/20", is_local=True)


def test_a_unit_that_does_not_exist_is_named_with_its_line(address, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    monkeypatch.setattr(data_contracts, "_FOLDER", tmp_path)
    (tmp_path / "shoes").mkdir()
    (tmp_path / "shoes" / "contract.yaml").write_text(CONTRACT.replace("unit: cm", "unit: cmm"))
    space = Workspace(RunFolder.of_run(str(tmp_path), "21"), str(tmp_path))
    options = Options(root=str(tmp_path), dataset="shoes")
    with pytest.raises(MoEMoEError, match=r"shoes/contract\.yaml:8: .*unit 'cmm' does not exist"):
        stages.preflight.start_training(space, options, TrainOptions(), "TrainFlow/21", is_local=True)


def test_processes_are_not_counted_where_the_training_runs_elsewhere(address, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    checked = stages.preflight.check(Options(nproc=999), [], "moemoe-30pt", is_local=False)
    assert (checked.processes, checked.tracking, checked.contract.dataset) == (999, address, "30pt")


@pytest.mark.parametrize(
    ("model", "phases", "epochs"),
    [
        ("tf-idf", "fit", "1"),
        ("moemoe", "dense + experts", "3 + 1"),
        ("committee", "dense + experts + fit + fit", "3 + 1 + 1 + 1"),
    ],
)
def test_a_run_begins(place, options, address, monkeypatch, tmp_path, model, phases, epochs):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    own = replace(options, dataset="30pt", root=str(tmp_path))
    space = Workspace(RunFolder.of_run(own.root, "19"), str(tmp_path))
    asked = TrainOptions(model=model, registered_name="moemoe-mine")
    began = stages.preflight.start_training(space, own, asked, "TrainFlow/19", is_local=True)
    assert (began.model_name, began.is_sample, began.champion, began.processes) == ("moemoe-mine", False, None, 1)
    assert began.contract_hash == space.given_contract.hash
    assert (began.groups, began.images) == ([[0, 1]], 1)
    run = began.tracked.mlflow.get_run(began.tracked.run_id)
    shown = {"model": model, "phases": phases, "epochs": epochs}
    assert {name: run.data.params[name] for name in shown} == shown
    assert run.data.tags["metaflow_run"] == "TrainFlow/19"


@pytest.mark.parametrize(
    ("options", "experiment"),
    [
        (Options(), "moemoe-30pt-sample"),
        (Options(catalog="x"), "moemoe-30pt"),
        (Options(catalog="x", withhold="fit type", unseen="color=Red"), "moemoe-30pt-withheld-fit-type-unseen"),
    ],
)
def test_runs_that_cannot_be_compared_have_experiments_of_their_own(options, experiment):
    assert options.experiment == experiment


def test_an_unknown_stage_is_not_an_attribute():
    with pytest.raises(AttributeError, match="there is no stage 'trian'"):
        _ = stages.trian


def test_as_many_images_are_collected_as_any_recipe_reads():
    recipes = [
        load_recipe("moemoe", settings="sources=[image, image, image, text]"),
        load_recipe("tf-idf"),
        load_recipe("committee", settings="moemoe.sources=[image, image.2, text]"),
    ]
    found = [stages.preflight.images_to_collect([recipe]) for recipe in recipes]
    assert found == [3, 1, 2]
    assert stages.preflight.images_to_collect(recipes) == 3
