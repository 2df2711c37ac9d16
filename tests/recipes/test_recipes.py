import pytest

from moemoe.errors import ConfigError
from moemoe.model.config import ModelConfig
from moemoe.recipes import Recipe, known_recipes, known_sizes, load_recipe


def test_every_recipe_in_every_size_is_a_model():
    for name in known_recipes():
        for size in known_sizes():
            recipe = load_recipe(name, size)
            assert ModelConfig.from_dict(recipe.model).question_in == "decoder"
            assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_the_sizes_are_what_they_promise():
    tiny, small, paper = (
        ModelConfig.from_dict(load_recipe("moemoe", size).model) for size in ("tiny", "small", "paper")
    )
    assert tiny.text.decoder_layers >= 4
    assert (small.text.d_model, small.text.decoder_layers, small.context_length) == (512, 6, 512)
    assert (paper.text.pretrained, paper.image.name) == ("google-t5/t5-base", "swinv2_tiny_window8_256")
    assert paper.image.pretrained


def test_the_default_is_the_papers_best_model():
    recipe = load_recipe("moemoe")
    assert recipe.phases == ("dense", "experts")
    assert recipe.load_balancing_weight == 0.1
    assert recipe.model["experts"]["decoder"] == "odd"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "moemo"}, "unknown model 'moemo'; known models are moemoe, qga"),
        ({"name": "qga", "size": "huge"}, "unknown size 'huge'; known sizes are tiny, small, paper"),
        ({"name": "qga", "epochs": 0}, "epochs is 0; allowed is 1 or more"),
        ({"name": "qga", "batch_size": -1}, "batch size is -1"),
        ({"name": "qga", "question_in": "title"}, "allowed are decoder, context"),
        ({"name": "qga", "size": "paper", "weights": "scratch"}, "size paper has no dimensions of its own"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(arguments, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe(**arguments)
