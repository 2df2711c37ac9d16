"""Models by name: one YAML per recipe (architecture and phases), one per size (dimensions and training length)."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from moemoe.configs import config_from_dict
from moemoe.errors import ConfigError
from moemoe.names import did_you_mean
from moemoe.recipes.committee import load_committee
from moemoe.recipes.recipe import Recipe
from moemoe.recipes.settings import Training, change
from moemoe.sources import TEXT, kinds_of, reads_title
from moemoe.systems import FITTED, load_system

FOLDER = Path(__file__).parent


def known_recipes() -> list[str]:
    """The names that ``--model`` takes."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def known_sizes() -> list[str]:
    """The names that ``--size`` takes."""
    return [name for name in ("tiny", "small", "paper") if (FOLDER / "sizes" / f"{name}.yaml").is_file()]


def check_names(name: str, size: str) -> None:
    """Raises ConfigError, with the nearest name, if there is no such model or size. Fast, as it imports no model."""
    if name not in known_recipes():
        raise ConfigError(f"unknown model {name!r}{did_you_mean(name, known_recipes())}")
    if size not in known_sizes():
        raise ConfigError(f"unknown size {size!r}{did_you_mean(size, known_sizes())}")


def load_recipe(
    name: str,
    size: str = "tiny",
    weights: str | None = None,
    question_in: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    settings: str = "",
) -> Recipe:
    """The recipe ``name`` in ``size``.

    Args:
        weights: ``scratch``, or a T5 checkpoint's hub name or folder; by default the size decides.
        question_in: ``decoder`` or ``context``; by default the recipe decides, else ``decoder``.
        epochs, batch_size: replace those of the size.
        settings: further changes, see ``moemoe.recipes.settings``.

    Raises:
        ConfigError: a name, size or number is not allowed; the message lists the allowed ones.
    """
    check_names(name, size)
    for what, number in (("epochs", epochs), ("batch size", batch_size)):
        if number is not None and number < 1:
            raise ConfigError(f"{what} is {number}; allowed is 1 or more")
    recipe = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    scale = yaml.safe_load((FOLDER / "sizes" / f"{size}.yaml").read_text())
    system = recipe.get("system", "moemoe")
    if system == "committee":
        changes = ", ".join(filter(None, (recipe.get("settings"), settings)))
        options = (size, weights, question_in, epochs, batch_size, changes)
        return load_committee(load_recipe, name, recipe["description"], recipe["members"], *options)
    config_class = load_system(system).config_class
    own = recipe.get("sizes", {}).get(size, {})
    values = {
        "model": _model_values(name, recipe, scale, own, config_class, question_in),
        "load_balancing_weight": recipe.get("load_balancing_weight", 0.0),
        "training": {**scale["training"], **own.get("training", {})},
    }
    _take_weights(values, name, size, weights, own.get("weights") or scale.get("weights", "scratch"), config_class)
    given = {key: value for key, value in (("epochs", epochs), ("batch_size", batch_size)) if value is not None}
    if system in FITTED and given:
        raise ConfigError(f"model {name} is fitted in one pass over the training split; leave out {', '.join(given)}")
    values["training"] |= given
    if system == "cma-clip":
        values["training"].pop("negatives", None)  # it cannot give an empty answer
    change(values, settings, config_class, system in FITTED)
    _leave_out_hiding(values["training"], config_class.from_dict(values["model"]).sources, settings)
    _leave_out_ngrams(values, settings)
    _check_changed(values, name, system, config_class, recipe["phases"])
    return Recipe(
        name=name,
        size=size,
        description=recipe["description"],
        model=values["model"],
        phases=tuple(recipe["phases"]),
        load_balancing_weight=values["load_balancing_weight"],
        tokenizer=values["tokenizer"],
        training=config_from_dict(Training, values["training"]),
        parent=recipe.get("parent"),
        system=system,
    )


def _model_values(
    name: str,
    recipe: dict[str, Any],
    scale: dict[str, Any],
    own: dict[str, Any],
    config_class: type,
    question_in: str | None,
) -> dict[str, Any]:
    """A size's dimensions, as far as the model has them, with its recipe's changes, general and per size (``own``)."""
    keys = _fields(config_class)
    model = {key: value for key, value in scale["model"].items() if key in keys}
    model |= recipe.get("model", {}) | own.get("model", {})
    if question_in is not None:
        _check_question_in(question_in, name, keys, recipe.get("model", {}))
    if "question_in" in keys:
        model["question_in"] = question_in or model.get("question_in", "decoder")
    return model


def _take_weights(
    values: dict[str, Any], name: str, size: str, weights: str | None, default: str, config_class: type
) -> None:
    """Sets a checkpoint's name for the text encoder, and removes settings that apply only to one from scratch."""
    model = values["model"]
    has_text = "text" in _fields(config_class)
    if weights is not None and not has_text:
        raise ConfigError(f"weights are {weights!r}; model {name} has no text encoder to load them into")
    checkpoint = weights or default
    values["tokenizer"] = "catalog"
    if has_text and checkpoint != "scratch":
        values["tokenizer"] = checkpoint
        values["training"].pop(
            "embedding_lr_scale", None
        )  # the size's value is for embeddings from scratch, as are its n-grams
        text = {key: value for key, value in model.get("text", {}).items() if key != "ngrams"}
        model["text"] = {**text, "pretrained": checkpoint}
    elif has_text and "text" not in model:
        raise ConfigError(f"size {size} takes its dimensions from a checkpoint; give --weights one, by name or folder")


def _fields(config_class: type) -> set[str]:
    return {field.name for field in dataclasses.fields(config_class)}


def _leave_out_hiding(training: dict[str, Any], sources: Sequence[str], settings: str) -> None:
    """Removes a size's source dropout and second view if the system has no other source, or no title, to read."""
    dropout = training.get("source_dropout")
    if dropout is not None:
        can = {"description": reads_title(sources)}
        training["source_dropout"] = {
            name: share
            for name, share in dropout.items()
            if can.get(name, len(set(kinds_of(sources))) > 1) or f"training.source_dropout.{name}" in settings
        }
    if not reads_title(sources) and "training.second_view" not in settings:
        training.pop("second_view", None)


def _check_training(training: Training, config: Any, name: str, phases: Sequence[str]) -> None:
    """Raises ConfigError if a phase has no epochs, or if hiding a source would leave a product without any."""
    for phase in phases:
        training.epochs_of(phase)
    dropout = training.source_dropout
    for kind, share in (("text", dropout.text), ("image", dropout.image)):
        if share and set(kinds_of(config.sources)) == {kind}:
            raise ConfigError(f"training.source_dropout.{kind}: model {name} reads only {kind}; nothing would be left")
    if training.second_view is not None and not reads_title(config.sources):
        raise ConfigError(f"training.second_view: model {name} reads no text that could be shortened; leave it out")
    if dropout.description and TEXT in kinds_of(config.sources) and not reads_title(config.sources):
        raise ConfigError(
            f"training.source_dropout.description: model {name} reads no title; nothing would be left of its text"
        )


def _leave_out_ngrams(values: dict[str, Any], settings: str) -> None:
    """Removes a size's n-grams beside another text encoder. Raises ConfigError if the user has set them."""
    text = values["model"].get("text") or {}
    if text.get("encoder") is not None and "ngrams" in text:
        if "text.ngrams" in settings:
            raise ConfigError(f"text.ngrams: the text encoder {text['encoder']} has its own tokens; leave one out")
        text.pop("ngrams")


def _check_changed(values: dict[str, Any], name: str, system: str, config_class: type, phases: Sequence[str]) -> None:
    """Raises ConfigError if the values of a recipe, with the user's settings, are incompatible."""
    _check_tokenizer(values, name, system)
    if values["load_balancing_weight"] < 0:
        raise ConfigError(f"load_balancing_weight is {values['load_balancing_weight']}; allowed is 0 or more")
    if system == "cma-clip" and values["training"].get("negatives"):
        raise ConfigError(f"training.negatives: model {name} cannot give an empty answer; remove this setting")
    config = config_class.from_dict(values["model"])  # type: ignore[attr-defined]
    if system not in FITTED:
        _check_training(config_from_dict(Training, values["training"]), config, name, phases)


def _check_tokenizer(values: dict[str, Any], name: str, system: str) -> None:
    pretrained = values["model"].get("text", {}).get("pretrained")
    if pretrained not in (None, values["tokenizer"]) and not hasattr(load_system(system), "replace_vocabulary"):
        raise ConfigError(
            f"tokenizer is {values['tokenizer']!r}; model {name} needs the tokenizer of its weights, {pretrained}"
        )


def _check_question_in(question_in: str, name: str, keys: set[str], model: dict[str, Any]) -> None:
    if question_in not in ("decoder", "context"):
        raise ConfigError(f"question-in is {question_in!r}; allowed are decoder, context")
    if "question_in" not in keys:
        raise ConfigError(f"question-in is {question_in!r}; model {name} has one place for its question; leave it out")
    if question_in != model.get("question_in", question_in):
        raise ConfigError(f"question-in is {question_in!r}; model {name} allows only {model['question_in']}")
