import dataclasses
import json

import pytest

from moemoe.errors import ConfigError
from moemoe.model.config import ModelConfig, NgramConfig, expert_layers
from moemoe.recipes import Recipe, known_recipes, load_recipe
from moemoe.systems import COMMITTEES, FITTED, TRAINED

# Table 4 and figure 5: (decoder layers, encoder layers, phases) of a model with six layers a side.
PAPER = {
    "qga": ([], [], ("dense",)),
    "wo-qg": ([], [], ("dense",)),
    "wo-al": ([], [], ("dense",)),
    "s-enc": ([], [], ("dense",)),
    "enc-dec-moe-full": ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], ("dense", "full")),
    "enc-dec-moe-odd": ([1, 3, 5], [1, 3, 5], ("dense", "experts")),
    "enc-dec-moe-even": ([0, 2, 4], [0, 2, 4], ("dense", "experts")),
    "encoder-moe-full": ([], [0, 1, 2, 3, 4, 5], ("dense", "full")),
    "decoder-moe-full": ([0, 1, 2, 3, 4, 5], [], ("dense", "full")),
    "decoder-last-moe": ([5], [], ("dense", "full")),
    "decoder-last-2-moe": ([4, 5], [], ("dense", "full")),
    "decoder-even-moe": ([0, 2, 4], [], ("dense", "experts")),
    "decoder-odd-moe-frozen": ([1, 3, 5], [], ("dense", "backbone")),
    "moemoe": ([1, 3, 5], [], ("dense", "experts")),
}

# What they are compared with (tables 1 to 3, and what a practitioner would try first): (system, sources).
BASELINES = {
    "t5": ("moemoe", ("text",)),
    "flan-t5": ("moemoe", ("text",)),
    "mxt": ("mxt", ("image", "text")),
    "cma-clip": ("cma-clip", ("image", "text")),
    "ner-mqmrc": ("ner-mqmrc", ("text",)),
    "image-classifier": ("image-classifier", ("image",)),
    "knn": ("knn", ("image", "text")),
    "tf-idf": ("tf-idf", ("text",)),
}


def test_every_model_of_the_paper_has_its_recipe():
    assert set(known_recipes()) == {*PAPER, *BASELINES, *COMMITTEES}
    assert {load_recipe(name).system for name in BASELINES} == set(TRAINED) | set(FITTED)


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize("size", ["tiny", "small", "paper"])
def test_every_baseline_has_its_config_in_every_size(name, size):
    recipe = load_recipe(name, size)
    system, sources = BASELINES[name]
    assert (recipe.system, recipe.config.sources) == (system, sources)
    assert recipe.fitted == (system in FITTED)
    assert recipe.phases == (("fit",) if recipe.fitted else ("dense",))
    assert recipe.config.from_dict(recipe.config.to_dict()) == recipe.config
    assert recipe.limits
    assert Recipe.from_dict(recipe.to_dict()) == recipe
    if size == "paper" and not recipe.fitted:
        pretrained = {
            "t5": "google-t5/t5-base",
            "flan-t5": "google/flan-t5-base",
            "mxt": "google-t5/t5-base",
            "cma-clip": "openai/clip-vit-base-patch32",
            "ner-mqmrc": "google-bert/bert-base-uncased",
        }
        assert recipe.config.text.pretrained == recipe.tokenizer == pretrained[name]
    if system == "mxt" and size == "paper":
        assert (recipe.config.image.name, recipe.config.features.name) == ("resnet152", "legacy_xception")


@pytest.mark.parametrize("name", PAPER)
@pytest.mark.parametrize("size", ["tiny", "small", "paper"])
def test_every_recipe_is_the_papers_model_in_every_size(name, size):
    recipe = load_recipe(name, size)
    config = ModelConfig.from_dict(recipe.model)
    decoder, encoder, phases = PAPER[name]
    assert recipe.phases == phases
    assert config.question_in == ("context" if name == "s-enc" else "decoder")
    assert (config.question_guidance, config.alignment) == (
        name not in ("wo-qg", "s-enc"),
        name not in ("wo-al", "s-enc"),
    )
    if config.experts is None:
        assert (decoder, encoder, recipe.parent) == ([], [], None)
    else:
        assert expert_layers(config.experts.decoder, 6) == decoder
        assert expert_layers(config.experts.encoder, 6) == encoder
        assert recipe.load_balancing_weight == 0.1
        parent = load_recipe(recipe.parent, size)
        assert dataclasses.replace(config, experts=None) == ModelConfig.from_dict(parent.model)
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
        (
            {"name": "moemo"},
            "did you mean .moemoe.. known are cma-clip, .*moemoe, mxt, ner-mqmrc, qga, ",
        ),
        ({"name": "qga", "size": "huge"}, "unknown size 'huge'; known are tiny, small, paper"),
        ({"name": "qga", "epochs": 0}, "epochs is 0; allowed is 1 or more"),
        ({"name": "qga", "batch_size": -1}, "batch size is -1"),
        ({"name": "qga", "question_in": "title"}, "allowed are decoder, context"),
        ({"name": "s-enc", "question_in": "decoder"}, "model s-enc allows only context"),
        ({"name": "moemoe", "settings": "experts.top_k=1"}, "with 1 the router gets no gradient"),
        ({"name": "moemoe", "settings": "experts.top=3"}, r"'experts.top=3': did you mean experts.top_k\? allowed is"),
        ({"name": "moemoe", "settings": "experts.size=3"}, "allowed is name=value with one of .*experts.num_experts"),
        ({"name": "moemoe", "settings": "experts.num_experts=many"}, "experts.num_experts must be of type int"),
        ({"name": "moemoe", "settings": "alignment=0"}, "alignment must be of type bool"),
        ({"name": "qga", "settings": "experts.num_experts=4"}, "this model has no experts"),
        ({"name": "cma-clip", "settings": "training.negatives=0.2"}, "cannot give an empty answer"),
        ({"name": "qga", "settings": "training.accumulation=0"}, "accumulation is 0; allowed is 1 or more"),
        (
            {"name": "qga", "settings": "training.embedding_lr_scale=0"},
            "embedding_lr_scale is 0.0; allowed is more than 0",
        ),
        (
            {"name": "qga", "settings": "training.source_dropout.text=0.8, training.source_dropout.image=0.3"},
            "at most 1",
        ),
        (
            {"name": "qga", "settings": "training.source_dropout.title=0.1"},
            r"with one of .*source_dropout\.description",
        ),
        ({"name": "qga", "settings": "training.epochs={dense: 0}"}, "epochs is 0 for dense; allowed is 1 or more"),
        ({"name": "moemoe", "settings": "training.epochs={dense: 2}"}, "not for the phase experts"),
        ({"name": "qga", "settings": "text.ngrams.orders=[9]"}, "allowed are orders from 1 to 8"),
        (
            {"name": "qga", "settings": "text.encoder=bert, text.ngrams.orders=[2]"},
            "its own tokens; leave one out",
        ),
        ({"name": "t5", "settings": "training.source_dropout.text=0.2"}, "reads only text; nothing would be left"),
        ({"name": "qga", "settings": "training.second_view=2"}, "second_view is 2; allowed is a share from 0 to 1"),
        ({"name": "qga", "settings": "training.second_view=true"}, "second_view is True; allowed is a share"),
        ({"name": "qga", "settings": "training.full_rate_steps=0"}, "full_rate_steps is 0; allowed is 1 or more"),
        ({"name": "qga", "settings": "training.threads=0"}, "threads is 0; allowed is 1 or more"),
        ({"name": "qga", "size": "paper", "weights": "scratch"}, "size paper takes its dimensions from a checkpoint"),
    ],
)
def test_what_is_not_known_is_refused_with_what_is(arguments, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe(**arguments)


@pytest.mark.parametrize("name", ["moemoe", "mxt", "flan-t5"])
def test_embeddings_from_scratch_learn_faster_pretrained_ones_do_not(name):
    assert load_recipe(name).training.embedding_lr_scale > 1
    assert load_recipe(name, weights="google-t5/t5-small").training.embedding_lr_scale == 1
    assert load_recipe(name, "paper").training.embedding_lr_scale == 1


def test_a_system_has_of_a_size_s_training_what_it_can_use():
    assert load_recipe("qga").training.negatives > 0
    assert load_recipe("cma-clip").training.negatives == 0  # it cannot give an empty answer
    assert load_recipe("qga").training.second_view is not None
    assert load_recipe("flan-t5").training.source_dropout.image == 0  # it reads none


def test_a_setting_may_be_nested_and_hold_a_list_or_a_mapping():
    recipe = load_recipe(
        "moemoe",
        settings="text.ngrams.orders=[2, 3], text.ngrams.buckets=64,training.source_dropout.text=0.25, "
        "training.epochs={dense: 3, experts: 1}, alignment=false",
    )
    assert recipe.config.text.ngrams == NgramConfig((2, 3), 64)
    assert recipe.config.text.d_model == load_recipe("moemoe").config.text.d_model
    assert recipe.training.source_dropout == dataclasses.replace(
        load_recipe("moemoe").training.source_dropout, text=0.25
    )
    assert [recipe.training.epochs_of(phase) for phase in recipe.phases] == [3, 1]
    assert recipe.config.alignment is False
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_settings_change_what_they_name_and_nothing_else():
    recipe = load_recipe(
        "moemoe", settings="experts.num_experts=16, load_balancing_weight=0.5,training.gradient_checkpointing=true"
    )
    plain = load_recipe("moemoe")
    assert recipe.model["experts"] == {**plain.model["experts"], "num_experts": 16}
    assert recipe.load_balancing_weight == 0.5
    assert recipe.training == dataclasses.replace(plain.training, gradient_checkpointing=True)
    assert {**recipe.model, "experts": None} == {**plain.model, "experts": None}


def test_recipes_and_models_of_earlier_versions_are_read():
    recipe = load_recipe("moemoe")
    values = json.loads(json.dumps(recipe.to_dict()))
    experts, training = values["model"]["experts"], values["training"]
    experts["number"], experts["k"] = experts.pop("num_experts"), experts.pop("top_k")
    training["clip_norm"] = training.pop("max_grad_norm")
    training["embedding_rate"] = training.pop("embedding_lr_scale")
    former = Recipe.from_dict(values)
    assert former.training == recipe.training
    assert former.config == recipe.config


def test_sources_by_name():
    recipe = load_recipe("moemoe", settings="sources=[image, image.2, text.title, text.description], experts.top_k=3")
    assert recipe.config.sources == ("image", "image.2", "text.title", "text.description")
    assert recipe.training == load_recipe("moemoe").training
    repeated = load_recipe("moemoe", settings="sources=[image, image, text, text]")
    assert repeated.config.sources == ("image", "image.2", "text.title+bullets", "text.description")
    assert Recipe.from_dict(json.loads(json.dumps(repeated.to_dict()))).config == repeated.config


def test_settings_of_earlier_versions_have_their_old_names_too():
    former = "experts.number=16, experts.k=3, training.embedding_rate=9, training.clip_norm=2"
    now = "experts.num_experts=16, experts.top_k=3, training.embedding_lr_scale=9, training.max_grad_norm=2"
    assert load_recipe("moemoe", settings=former) == load_recipe("moemoe", settings=now)


def test_a_size_hides_nothing_without_which_nothing_is_left():
    of_images = load_recipe("moemoe", settings="sources=[image, image.2]").training
    assert (of_images.source_dropout.image, of_images.second_view) == (0.0, None)
    untitled = load_recipe("moemoe", settings="sources=[image, text.description]").training
    assert (untitled.source_dropout.image, untitled.second_view) == (0.25, None)


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        ("committee", "moemoe.sources=[image, sound]", "source 'sound' is unknown"),
        ("moemoe", "sources=[image, sound]", "source 'sound' is unknown; allowed are image, image.2, "),
        ("moemoe", "sources=[text.title, text.title]", "text.title is listed twice; list each source once"),
        ("moemoe", "sources=[image.2, text]", "image.2 without image"),
        ("moemoe", "sources=text", "sources must be of type list"),
        ("moemoe", "sources=[image, text.bullets], training.second_view=0.5", "reads no text that could be shortened"),
        ("moemoe", "sources=[image, text.bullets], training.source_dropout.description=0.5", "reads no title"),
        ("moemoe", "sources=[image, image.2], training.source_dropout.image=0.5", "reads only image"),
        ("mxt", "sources=[image, image.2, text]", "mxt reads one image and one text"),
        ("cma-clip", "sources=[image, image.2, text]", "allowed is name=value with one of"),
        ("knn", "sources=[image, image.2, text]", "allowed is name=value with one of"),
    ],
)
def test_sources_that_cannot_be(model, settings, message):
    with pytest.raises(ConfigError, match=message):
        load_recipe(model, settings=settings)
