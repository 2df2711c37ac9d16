"""The image encoder in the model card."""

import pytest

from moemoe.inference.thresholds import Thresholds
from moemoe.recipes import load_recipe
from moemoe.reporting.model_card import Card, TrainingData
from moemoe.schemas import EVALUATION


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("moemoe", "", "`tf_efficientnet_lite0` at 128 pixels, ImageNet weights of the Python package"),
        ("mxt", "", "Apache-2.0; its last stage trained"),
        ("qga", "image.trained=none", "Apache-2.0; frozen"),
        ("qga", "image.pretrained=false, image.trained=all", None),
        ("t5", "", None),
        ("committee", "", "Apache-2.0; its last stage trained"),
    ],
)
def test_a_pretrained_image_encoder_is_named_with_its_licence(name, settings, said):
    recipe = load_recipe(name, settings=settings).to_dict()
    data = TrainingData("30pt", 1, "c", "d", False)
    card = Card.of("m", data, recipe, {}, EVALUATION.empty_table(), "abc").markdown(Thresholds({}, {}))
    assert (said in card) if said else ("image encoder" not in card)
