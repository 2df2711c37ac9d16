"""The image classifier: what it learns from images or cached features, and what it refuses."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.numpy import load_file

from moemoe.baselines.image_classifier import ImageClassifier
from moemoe.batches.collate import ModelInput
from moemoe.errors import ConfigError
from moemoe.inference.predictor import ProductQuery, product_question
from moemoe.recipes import load_recipe
from moemoe.shards.image_features import FOLDER
from tests.support.toy_items import accuracy, answers, make

SMALL = "image.size=64, least_steps=200, batch_size=16"


@pytest.fixture(scope="module")
def trained(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image-classifier")
    return folder, make(manifest, folder, load_recipe("image-classifier", settings=SMALL))


def config(**values: list[str]):
    recipe = load_recipe("image-classifier", settings="image.size=32, least_steps=60")
    return recipe.config.with_catalog(0, values)


def plain_images(*shades: int) -> list[np.ndarray]:
    return [np.full((3, 32, 32), shade, np.uint8) for shade in shades]


def test_it_learns_what_images_show_and_nothing_else(trained, dataset):
    _, predictor = trained
    shown = [found for found in answers(predictor, dataset) if found[2].value]
    right = accuracy(shown)
    assert right["color"] > 0.9
    assert right["material"] < 0.7  # the title alone says it
    assert {answer.image_weight for _, _, answer in shown} == {1.0}


def test_without_an_image_it_says_nothing(trained):
    _, predictor = trained
    [[answer]] = predictor.answer([ProductQuery("IN | shirt | Red shirt", None, ["color"])])
    assert (answer.value, answer.confidence) == ("", 0.0)
    batch = predictor.collator([ModelInput([None], ["color"])])
    [found] = predictor.model.distributions(batch, None, ["color"], {"color": ["Red", "Blue", "other", "Green"]})
    assert found.probability_C.tolist() == [0.25] * 4


def test_kept_features_answer_as_images_do(trained, dataset):
    _, predictor = trained
    rows = dataset.rows("test").tolist()
    features = predictor.image_features(dataset)
    assert any(features[row][0] is not None for row in rows)
    kept = [product_question(dataset[row], features[row]) for row in rows]
    assert predictor.answer(kept) == predictor.answer([product_question(dataset[row]) for row in rows])


def test_the_same_seed_gives_the_same_bits_from_features_or_images(trained, manifest, dataset, tmp_path, monkeypatch):
    folder, _ = trained
    assert list(Path(manifest).parents[2].glob(f"{FOLDER}/*"))  # which it was trained on
    monkeypatch.setattr("moemoe.training.fitter.compute_image_features", lambda *_: None)
    make(manifest, tmp_path, load_recipe("image-classifier", settings=SMALL))
    one, two = (load_file(own / "run" / "model" / "model.safetensors") for own in (folder, tmp_path))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize(("attributes", "images"), [(["a"], [10, 200]), ([], [])])
def test_an_attribute_whose_products_have_no_image_is_not_answered(attributes, images, tmp_path):
    items = [ModelInput([image], ["a"], ["xy"[i]]) for i, image in enumerate(plain_images(*images))]
    items.append(ModelInput([None], ["z", "b"], ["v", "q"]))
    ImageClassifier.fit(config(z=["u", "v"], a=["x", "y"], b=["p", "q"]), items, 0).save_pretrained(tmp_path)
    model = ImageClassifier.from_pretrained(tmp_path)
    batch = model.collator_class(None, model.config)([ModelInput(plain_images(200), ["z", "a", "b"])])
    said = {name: answer.value for name, answer in zip(["z", "a", "b"], model.answer(batch, None), strict=True)}
    assert said == {"z": "", "a": "y" if attributes else "", "b": ""}


def test_another_seed_gives_others():
    items = [ModelInput([image], ["a"], ["x"]) for image in plain_images(10, 200)]
    one, other = (ImageClassifier.fit(config(a=["x", "y"]), items, seed) for seed in (0, 1))
    assert not torch.equal(one.out.weight, other.out.weight)


def test_each_attribute_has_a_softmax_of_its_own():
    """The loss of questions side by side is that of each attribute's logits alone."""
    model = ImageClassifier(config(a=["x", "y", "z"], b=["p", "q"]))
    column_AV, exists_AV = model._columns_by_attribute()
    logits_IC = torch.randn(2, 5)
    logits_NV = logits_IC[torch.tensor([0, 0, 1])].gather(1, column_AV[torch.tensor([0, 1, 1])])
    logits_NV = logits_NV.masked_fill(~exists_AV[torch.tensor([0, 1, 1])], -torch.inf)
    together = F.cross_entropy(logits_NV, torch.tensor([2, 0, 1]), reduction="sum")
    alone = F.cross_entropy(logits_IC[:1, :3], torch.tensor([2])) + F.cross_entropy(
        logits_IC[:, 3:], torch.tensor([0, 1]), reduction="sum"
    )
    assert together == pytest.approx(alone.item())


def test_a_catalog_without_images_teaches_it_nothing():
    items = [ModelInput([None], ["a"], ["x"]), ModelInput([None], ["a"], ["y"])]
    model = ImageClassifier.fit(config(a=["x", "y"]), items, 0)
    [answer] = model.answer(model.collator_class(None, model.config)(items[:1]), None)
    assert answer.value == ""


def test_two_images_of_two_values_are_told_apart():
    items = [ModelInput([image], ["a"], [value]) for image, value in zip(plain_images(10, 240), "xy", strict=True)]
    model = ImageClassifier.fit(config(a=["x", "y"]), items, 0)
    found = model.answer(model.collator_class(None, model.config)(items), None)
    assert [answer.value for answer in found] == ["x", "y"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("image.trained=all", "image.trained is all; allowed are none and last"),
        ("image.pretrained=false", "random weights would stay as they are"),
        ("training.epochs=3", "allowed is name=value with one of"),
    ],
)
def test_what_it_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe("image-classifier", settings=settings)


def test_weights_of_another_shape_are_refused(trained, tmp_path):
    folder, predictor = trained
    predictor.model.save_pretrained(tmp_path)
    wider = replace(predictor.model.config, hidden=300)
    ImageClassifier(wider).save_pretrained(tmp_path / "wider")
    (tmp_path / "config.json").write_bytes((tmp_path / "wider" / "config.json").read_bytes())
    with pytest.raises(ConfigError, match="do not fit config"):
        ImageClassifier.from_pretrained(tmp_path)
