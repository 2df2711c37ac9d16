"""Training that starts from a trained model: its weights and tokenizer, the last phase of its recipe."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn

from moemoe.configs import read_object
from moemoe.errors import ConfigError
from moemoe.model.config import ModelConfig
from moemoe.model.files import read_weights
from moemoe.recipes import Recipe


def check_warm_start(folder: str | Path, recipe: Recipe) -> None:
    """Raises ConfigError, naming what differs, if the model in ``folder`` is not one that ``recipe`` describes."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"warm start: {folder} does not hold a model of this library")
    if recipe.system != "moemoe":
        raise ConfigError(f"warm start: recipe {recipe.name} is not a MoEMoE model; only these start from a champion")
    values = read_object(path)
    if values.pop("system", recipe.system) != recipe.system:
        raise ConfigError(f"warm start: the champion is not a MoEMoE model, but recipe {recipe.name} is")
    theirs = _comparable(values, recipe)
    mine = _comparable(json.loads(json.dumps(recipe.model)), recipe)  # lists where it has tuples, as in the file
    if theirs["image"]["trained"] == "none" and mine["image"]["trained"] == "last":
        theirs["image"]["trained"] = "last"  # the same weights
    if differ := sorted(_differences(theirs, mine)):
        raise ConfigError(
            f"warm start: the champion is not of recipe {recipe.name} in size {recipe.size} "
            f"({', '.join(differ)}); train without --warm-start, or with the recipe that made it"
        )


def load_weights(model: nn.Module, folder: str | Path) -> None:
    """Puts the weights of the model in ``folder`` into ``model``.

    Raises:
        ConfigError: they are no safetensors file, or do not fit the folder's ``config.json``.
    """
    try:
        read_weights(folder, model)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"warm start: {folder}/model.safetensors is not a safetensors file ({error})") from error


def _comparable(values: dict[str, Any], recipe: Recipe) -> dict[str, Any]:
    config = ModelConfig.from_dict(values)
    # the tokenizer's, which is taken over, and the checkpoint's
    text = replace(config.text, vocab_size=0, encoder_config=None)
    if recipe.model.get("text", {}).get("pretrained"):
        text = type(text)(  # the checkpoint knows its dimensions
            pretrained=text.pretrained, encoder=text.encoder, encoder_trained=text.encoder_trained
        )
    return replace(config, text=text).to_dict()


def _differences(theirs: dict[str, Any], mine: dict[str, Any], prefix: str = "") -> list[str]:
    found = []
    for key in theirs.keys() | mine.keys():
        a, b = theirs.get(key), mine.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append(f"{prefix}{key} is {a!r}, not {b!r}")
    return found
