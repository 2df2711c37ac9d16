"""Training with another text encoder, from its checkpoint to a self-contained model folder."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from moemoe.batches.tokenizer import ENCODER_TOKENIZER
from moemoe.inference.predictor import Predictor
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset
from moemoe.training.events import read_events
from moemoe.training.warm_start import check_warm_start
from tests.support.small_encoders import KINDS, small_encoder
from tests.support.small_shards import small_shards
from tests.support.small_training import in_float64, losses, run, run_here, small_recipe
from tests.support.toy_items import answers, make


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    return small_shards(tmp_path_factory.mktemp("root"))


def recipe_with(encoder: str, trained: bool = False, epochs: int = 2, **changes) -> Recipe:
    recipe = small_recipe(**changes)
    text = {**recipe.model["text"], "encoder": encoder, "encoder_trained": trained}
    training = replace(recipe.training, epochs=epochs)
    return replace(recipe, model={**recipe.model, "text": text}, training=training)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trained", [False, True])
def test_it_trains_and_its_folder_stands_alone(kind, trained, manifest, tmp_path):
    encoder = small_encoder(tmp_path / "encoder", kind)
    before = load_file(Path(encoder) / "model.safetensors")
    recipe = recipe_with(encoder, trained)
    recipe.check()
    predictor = make(manifest, tmp_path, recipe)
    validation = [
        e["validation_cross_entropy"] for e in read_events(tmp_path / "run" / "events.jsonl") if e["event"] == "epoch"
    ]
    assert validation[-1] < validation[0]
    backbone = predictor.model.context_encoder.backbone.state_dict()
    same = {name: torch.equal(backbone[name], before[name]) for name in backbone}
    assert all(same.values()) is not trained
    dataset = ShardedDataset(manifest, str(tmp_path / "scratch"))
    found = answers(predictor, dataset)
    assert found != answers(predictor, dataset, text=False)  # the text is read

    shutil.rmtree(encoder)
    shutil.move(tmp_path / "run" / "model", tmp_path / "moved")
    shutil.rmtree(tmp_path / "run")
    again = Predictor.load(tmp_path / "moved")
    assert [answer for *_, answer in answers(again, dataset)] == [answer for *_, answer in found]
    assert (tmp_path / "moved" / ENCODER_TOKENIZER / "tokenizer.json").is_file()


def test_two_encoders_tokens_are_kept_apart(tmp_path):
    """Cached contexts of one are not read for the other: same texts, same length, another tokenizer."""
    manifest = small_shards(tmp_path / "root")
    count = []
    for name, kind in (("a", "bert"), ("b", "xlm-roberta"), ("c", "bert"), ("ours", None)):
        recipe = recipe_with(small_encoder(tmp_path / name / "encoder", kind), epochs=1) if kind else small_recipe()
        make(manifest, tmp_path / name, replace(recipe, phases=("dense",)))
        count.append(len(list((tmp_path / "root").rglob("tokens/*.arrow"))))
    shards = count[0]
    assert count == [shards, 2 * shards, 2 * shards, 3 * shards]


def test_a_killed_training_goes_on_and_a_champion_is_trained_further(manifest, tmp_path):
    encoder = small_encoder(tmp_path / "encoder")
    recipe = recipe_with(encoder, epochs=1)
    whole, events = run_here(manifest, tmp_path / "whole", recipe)

    def kill(events):
        if any(event["total_step"] >= 10 for event in events):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        run(manifest, tmp_path / "killed", recipe=recipe, on_events=kill, every=0)
    weights, resumed = run(manifest, tmp_path / "killed", recipe=recipe)
    assert losses(resumed) == losses(events)
    assert all(torch.equal(weights[name], whole[name]) for name in whole)

    champion = tmp_path / "whole" / "run" / "model"
    check_warm_start(champion, recipe)
    further, _ = run_here(manifest, tmp_path / "more", recipe, warm_start=str(champion))
    changed = {name for name in whole if not torch.equal(whole[name], further[name])}
    assert changed
    assert all("decoder.stack.block.1" in name for name in changed)  # its experts
    tokenizer = Path(ENCODER_TOKENIZER) / "tokenizer.json"
    assert (tmp_path / "more" / "run" / "model" / tokenizer).read_bytes() == (champion / tokenizer).read_bytes()


@pytest.mark.parametrize("trained", [False, True])
def test_two_processes_train_the_same_model_as_one(trained, manifest, tmp_path):
    recipe = recipe_with(small_encoder(tmp_path / "encoder", "modernbert"), trained, 1)  # without dropout
    one, one_events = in_float64(manifest, tmp_path / "one", 1, of=recipe)
    two, two_events = in_float64(manifest, tmp_path / "two", 2, of=recipe)
    assert [loss for _, loss in losses(one_events)] == pytest.approx([loss for _, loss in losses(two_events)], rel=1e-6)
    for name, weight in one.items():
        assert torch.allclose(two[name], weight, rtol=0, atol=1e-5), name
