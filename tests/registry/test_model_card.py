"""What the model card says of the image encoder."""

import pytest

from moemoe.recipes import load_recipe
from moemoe.registry.model_card import Data, model_card
from moemoe.schemas import EVALUATION


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("moemoe", "", "`tf_efficientnet_lite0` at 128 pixels, ImageNet weights of the Python package"),
        ("mxt", "", "Apache-2.0; frozen"),
        ("qga", "image.trained=last", "Apache-2.0; its last layers trained"),
        ("qga", "image.pretrained=false, image.trained=all", None),
        ("t5", "", None),
    ],
)
def test_a_pretrained_image_encoder_is_named_with_its_licence(name, settings, said):
    recipe = load_recipe(name, settings=settings).to_dict()
    card = model_card("m", Data("30pt", 1, "c", "d", False), recipe, {}, EVALUATION.empty_table())
    assert (said in card) if said else ("image encoder" not in card)
