"""Training that starts from a trained model."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from moemoe.errors import ConfigError
from moemoe.inference.predictor import Predictor
from moemoe.model.mixture_of_experts import MixtureOfExperts
from moemoe.recipes import Recipe, load_recipe
from moemoe.training import launch
from moemoe.training.events import read_events
from moemoe.training.job import TrainingJob
from moemoe.training.warm_start import check_warm_start
from tests.support.small_shards import small_shards
from tests.support.small_training import small_recipe
from tests.support.warm_python import warm

LAST_STAGE = tuple(f"image_encoder.backbone.{layer}" for layer in ("blocks.6", "conv_head", "bn2"))


def train(manifest: str, folder: Path, warm_start: str = "", recipe: Recipe | None = None):
    recipe = recipe or small_recipe(training=replace(small_recipe().training, epochs=1))
    job = TrainingJob(
        manifest, str(folder / "run"), str(folder / "scratch"), recipe.to_dict(), 1, warm_start=warm_start
    )
    with warm():
        launch.train(job, 1, lambda events: None, poll_seconds=0.05)
    return folder / "run" / "model", read_events(folder / "run" / "events.jsonl")


@pytest.fixture(scope="module")
def champion(tmp_path_factory) -> Path:
    manifest = small_shards(tmp_path_factory.mktemp("root"), 40)
    return train(manifest, tmp_path_factory.mktemp("champion"))[0]


def test_the_last_phase_goes_on_from_the_champions_weights_with_its_tokenizer(champion, tmp_path):
    more = small_shards(tmp_path / "root", 60)  # other titles: a tokenizer of its own would differ
    folder, events = train(more, tmp_path, str(champion))
    assert {event["phase"] for event in events} == {"experts"}
    assert events[-1]["total_step"] == 36 // 6  # one epoch: 60 products, 36 of them to train on
    before, after = load_file(champion / "model.safetensors"), load_file(folder / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    model = Predictor.load(folder).model
    experts = [name for name, module in model.named_modules() if isinstance(module, MixtureOfExperts)]
    assert changed
    assert all(name.startswith(tuple(experts)) for name in changed)  # all else is the champion's, to the bit
    assert (folder / "tokenizer.json").read_bytes() == (champion / "tokenizer.json").read_bytes()


def test_a_champion_of_the_recipe_passes(champion):
    check_warm_start(champion, small_recipe())


def test_the_last_stage_of_a_frozen_champion_is_trained_further(tmp_path):
    def recipe(trained: str) -> Recipe:
        image = {"name": "tf_efficientnet_lite0", "size": 32, "pretrained": "package", "trained": trained}
        once = replace(small_recipe().training, epochs=1)
        return small_recipe(model={**small_recipe().model, "image": image}, phases=("full",), training=once)

    manifest = small_shards(tmp_path / "root", 40)
    frozen, _ = train(manifest, tmp_path / "frozen", recipe=recipe("none"))
    check_warm_start(frozen, recipe("last"))
    tuned, _ = train(manifest, tmp_path / "tuned", str(frozen), recipe("last"))
    before, after = (load_file(folder / "model.safetensors") for folder in (frozen, tuned))
    assert before.keys() == after.keys()
    changed = {name for name in before if "backbone" in name and not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith(LAST_STAGE) for name in changed)
    with pytest.raises(ConfigError, match=r"image\.trained is 'last', not 'none'"):  # its features would be others
        check_warm_start(tuned, recipe("none"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"experts": {"num_experts": 8, "top_k": 2, "noise": False}}, r"experts.num_experts is 4, not 8"),
        ({"experts": None}, r"experts is \{.*\}, not None"),
        ({"context_length": 48}, r"context_length is 24, not 48"),
    ],
)
def test_a_champion_of_another_configuration_is_refused(champion, change, message):
    recipe = small_recipe(model={**small_recipe().model, **change})
    with pytest.raises(ConfigError, match=rf"^warm start: .*{message}.*train without --warm-start"):
        check_warm_start(champion, recipe)


def test_what_is_no_model_is_refused(tmp_path, champion):
    with pytest.raises(ConfigError, match="does not hold a model"):
        check_warm_start(tmp_path, small_recipe())
    with pytest.raises(ConfigError, match="only these start from a champion"):
        check_warm_start(champion, load_recipe("knn"))


def test_the_vocabulary_is_the_champions(champion, tmp_path):
    config = json.loads((champion / "config.json").read_text())
    config["text"]["vocab_size"] += 8
    (tmp_path / "config.json").write_text(json.dumps(config))
    check_warm_start(tmp_path, small_recipe())


def test_a_champion_of_another_system_is_refused(champion, tmp_path):
    config = json.loads((champion / "config.json").read_text()) | {"system": "cma_clip"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="the champion is not a MoEMoE model, but recipe small is"):
        check_warm_start(tmp_path, small_recipe())
