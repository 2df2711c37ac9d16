"""Training over features that are computed once: with and without a cache, in one and two processes, by phase."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file, save_file

import data_contracts
from moemoe.inference.predictions import predict_test
from moemoe.inference.predictor import Predictor
from moemoe.inference.routing import routing
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.image_features import ImageFeatures
from moemoe.storage import read_table
from moemoe.systems.saved import load_saved
from moemoe.training.job import TrainingJob
from moemoe.training.optimizers import make_optimizer
from moemoe.training.run import main
from moemoe.vision.config import ImageConfig
from moemoe.vision.weights import create_timm
from tests.support.small_model import TINY_RESNET
from tests.support.small_shards import small_shards
from tests.support.small_training import run, small_recipe

IMAGES = {
    "none": {"name": "resnet18", "size": 32, "options": TINY_RESNET},
    "last": {"name": "mobilenetv2_035", "size": 32},
}


@pytest.fixture(scope="module", params=IMAGES)
def recipe(request, tmp_path_factory) -> Recipe:
    """A tiny network, all of it frozen or all but its last stage, its weights in a file, and a patch of colours."""
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    image = IMAGES[request.param]
    torch.manual_seed(1)
    save_file(create_timm(ImageConfig(**image), pretrained=False).state_dict(), path)
    small = small_recipe()
    frozen = {**image, "pretrained": str(path), "trained": request.param, "color_levels": 2}
    return replace(small, model={**small.model, "image": frozen})


def frozen_names(model: MoEMoE) -> set[str]:
    fixed = set(map(id, model.image_encoder.frozen_parameters()))
    return {name for name, parameter in model.named_parameters() if id(parameter) in fixed}


def here(manifest: str, folder: Path, recipe: Recipe) -> dict[str, torch.Tensor]:
    """Trains in this process."""
    job = TrainingJob(manifest, str(folder / "run"), str(folder / "scratch"), recipe.to_dict(), 1)
    Path(job.scratch).mkdir(parents=True)
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    assert main(str(folder / "job.json")) == 0
    return load_file(folder / "run" / "model" / "model.safetensors")


@pytest.fixture(scope="module")
def kept(recipe, tmp_path_factory):
    """The manifest, the run's folder and the model's weights; the image of row 2 does not decode."""
    root, folder = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("kept")
    manifest = small_shards(root, cut_short=(2,))
    return manifest, folder, here(manifest, folder, recipe)


def test_without_kept_features_the_same_bits_are_trained_and_predicted(recipe, kept, tmp_path, monkeypatch):
    manifest, folder, weights = kept
    contract = data_contracts.load("30pt")
    predictor, dataset = Predictor.load(folder / "run" / "model"), ShardedDataset(manifest, tmp_path / "scratch")
    assert predictor.image_features(dataset)[0][0] is not None
    predictions, routed = pa.concat_tables(predict_test(predictor, dataset, contract)), routing(predictor, dataset)

    monkeypatch.setattr(ImageFeatures, "fitting", lambda self: [])
    bare = small_shards(tmp_path / "root", cut_short=(2,))
    others = here(bare, tmp_path, recipe)
    assert not list((tmp_path / "root").glob("image_features/*"))
    assert all(torch.equal(others[name], weight) for name, weight in weights.items())
    predictor, dataset = Predictor.load(tmp_path / "run" / "model"), ShardedDataset(bare, tmp_path / "scratch")
    assert predictor.image_features(dataset)[0] == [None]
    assert pa.concat_tables(predict_test(predictor, dataset, contract)) == predictions
    assert routing(predictor, dataset) == routed


def test_two_processes_train_it_as_well(recipe, kept, tmp_path):
    manifest = small_shards(tmp_path / "root", cut_short=(2,))
    weights, events = run(manifest, tmp_path / "run", 2, recipe=recipe)
    assert {event["phase"] for event in events if event["event"] == "epoch"} == {"dense", "experts"}
    frozen = frozen_names(MoEMoE.create(recipe.config))
    assert len(frozen) > 10
    assert all(torch.equal(weights[name], kept[2][name]) for name in frozen)


def test_nothing_frozen_is_in_the_optimizer_in_any_phase(recipe):
    model = MoEMoE.create(recipe.config)
    frozen = {id(parameter) for parameter in model.image_encoder.frozen_parameters()}
    rest = {id(parameter) for parameter in model.image_encoder.backbone.parameters()} - frozen
    assert bool(rest) is (recipe.config.image.trained == "last")
    for phase in ("dense", "experts", "full", "backbone"):
        optimizer = make_optimizer(model, phase, recipe.training)
        moved = {id(p) for group in optimizer.param_groups for p in group["params"]}
        assert not frozen & moved
        assert rest & moved == (set() if phase == "experts" else rest)
        assert not any(parameter.requires_grad for parameter in model.image_encoder.frozen_parameters())


def test_an_image_that_does_not_decode_is_quarantined_as_ever(kept):
    found = read_table(str(kept[1] / "run" / "quarantine-train.parquet")).to_pylist()
    assert [entry["product_id"] for entry in found] == ["p2"]


def test_the_model_holds_its_backbone(recipe, kept):
    model = load_saved(kept[1] / "run" / "model")
    source = MoEMoE.create(recipe.config)
    assert model.config.image.trained == recipe.config.image.trained
    assert not any(parameter.requires_grad for parameter in model.image_encoder.frozen_parameters())
    first, own = (next(one.image_encoder.backbone.parameters()) for one in (source, model))
    assert torch.equal(first, own)
