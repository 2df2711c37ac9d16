"""Every trained baseline on the toy shards: what it learns, what it saves, what it cannot answer."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file

from moemoe.inference.predictor import Predictor, ProductQuery
from moemoe.recipes import Recipe, Training, load_recipe
from moemoe.systems import load_system
from moemoe.training.optimizers import ngram_tables
from moemoe.vision.config import ImageConfig
from moemoe.vision.weights import create_timm
from tests.support.small_model import TINY_SWIN
from tests.support.toy_items import accuracy, answers, make

T5 = {"vocab_size": 320, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_heads": 4, "context_layers": 1, "decoder_layers": 1}
SWIN = {"size": 32, "options": TINY_SWIN}
RESNET = {"name": "resnet18", "size": 32, "options": {"layers": [1, 1, 1, 1], "channels": [8, 8, 16, 32]}}
MODELS = {
    "t5": {"text": T5},
    "flan-t5": {"text": {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}},
    "mxt": {"text": T5, "image": RESNET, "features": RESNET, "heads": 4},
    "cma-clip": {
        "text": {"width": 32, "layers": 1, "heads": 4, "feed_forward": 64, "positions": 24}, "image": SWIN, "layers": 1,
        "hidden": 32,
    },
    "ner-mqmrc": {
        "text": {"vocab_size": 320, "width": 32, "layers": 2, "heads": 4, "feed_forward": 64, "positions": 64},
    },
}  # fmt: skip
EPOCHS = {"ner-mqmrc": 20, "cma-clip": 6}
SEES = {"t5": False, "flan-t5": False, "mxt": True, "cma-clip": True, "ner-mqmrc": False}


def toy_recipe(name: str, epochs: int | None = None) -> Recipe:
    recipe = load_recipe(name)
    model = {**recipe.model, "context_length": 24, **MODELS[name]}
    epochs = epochs or EPOCHS.get(name, 12)
    training = Training(epochs=epochs, batch_size=6, learning_rate=3e-3, warmup_steps=5, max_grad_norm=1.0)
    return dataclasses.replace(recipe, model=model, training=training)


@pytest.mark.parametrize("name", MODELS)
def test_the_recipe_in_size_tiny_is_built_and_no_larger_than_moemoe(name):
    def parameters(name: str) -> int:
        recipe = load_recipe(name)
        config = recipe.config.with_catalog(4096, {f"attribute {i}": ["x", "y", "z"] for i in range(38)})
        with torch.device("meta"):
            model = load_system(recipe.system)(config)
            looked_up = {id(table) for table in ngram_tables(model)}
            return sum(p.numel() for p in model.parameters() if p.requires_grad and id(p) not in looked_up)

    assert 0.25 * parameters("moemoe") < parameters(name) < parameters("moemoe")


@pytest.fixture(scope="module", params=MODELS)
def trained(request, manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, folder, make(manifest, folder, toy_recipe(request.param))


def test_each_learns_what_its_sources_show(trained, dataset):
    name, _, predictor = trained
    found = answers(predictor, dataset)
    right = accuracy(found)
    assert right["material"] > 0.9  # the title says it
    if SEES[name]:
        assert right["color"] > 0.8  # the image says it; one product in eleven has none
        blanked = answers(predictor, dataset, image=False)
        assert accuracy(blanked)["color"] < 0.7
        assert max(answer.image_weight for _, _, answer in blanked) == 0
        assert max(answer.image_weight for _, _, answer in found) > 0
    else:
        assert right["color"] < 0.7
        assert {answer.image_weight for _, _, answer in found} == {0.0}
    assert all(0 <= a.confidence <= 1 and a.image_weight + a.text_weight == pytest.approx(1) for _, _, a in found)


def test_answers_do_not_depend_on_what_is_asked_beside(trained, dataset):
    _, folder, predictor = trained
    products = [dataset[row] for row in dataset.rows("test")[:6]]
    questions = [ProductQuery(p.context, p.image, list(p.values)) for p in products]
    again = Predictor.load(folder / "run" / "model")
    for question, given in zip(questions, predictor.answer(questions), strict=True):
        alone = again.answer([question])[0]
        assert [a.value for a in alone] == [a.value for a in given]
        assert [a.confidence for a in alone] == pytest.approx([a.confidence for a in given], rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("name", ["mxt", "cma-clip", "knn"])
def test_frozen_images_are_read_with_their_colours(name, manifest, dataset, tmp_path):
    """What size tiny has: the colours come from the image alone, and random features tell little of them."""
    weights = tmp_path / "weights.safetensors"
    save_file(create_timm(ImageConfig(**RESNET), pretrained=False).state_dict(), weights)
    image = {**RESNET, "pretrained": str(weights), "trained": "none", "color_levels": 2}
    recipe = load_recipe("knn") if name == "knn" else toy_recipe(name, epochs=1)
    features = {"features": image} if name == "mxt" else {}
    make(manifest, tmp_path, dataclasses.replace(recipe, model={**recipe.model, "image": image, **features}))
    predictor = Predictor.load(tmp_path / "run" / "model")
    seen, blanked = (answers(predictor, dataset, image=shown) for shown in (True, False))
    assert max(answer.image_weight for *_, answer in seen) > max(answer.image_weight for *_, answer in blanked) == 0
    if name == "knn":
        assert accuracy(seen)["color"] > 0.8


@pytest.mark.parametrize("name", ["mxt", "cma-clip", "ner-mqmrc"])
def test_the_same_seed_gives_the_same_bits(name, manifest, tmp_path):
    recipe = toy_recipe(name, epochs=1)
    weights = []
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        make(manifest, folder, recipe)
        weights.append(load_file(folder / "run" / "model" / "model.safetensors"))
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_what_it_cannot_answer_it_says(trained):
    name, _, predictor = trained
    if name in ("t5", "flan-t5", "mxt"):
        assert "answers any text" in predictor.model.limits
        return
    asked = [ProductQuery("IN | shirt | Brand 3 Silk shirt", None, ["material", "neck style"])]
    [[material, unknown]] = predictor.answer(asked)
    assert material.value == "Silk"
    assert "answers only" in predictor.model.limits
    if name == "cma-clip":
        assert (unknown.value, unknown.confidence) == ("", 0.0)
    else:
        [[colour]] = predictor.answer([ProductQuery("IN | shirt | Brand 3 Silk shirt", None, ["color"])])
        assert (colour.value, colour.confidence) == ("", 0.0)  # no text of the toy names a colour
