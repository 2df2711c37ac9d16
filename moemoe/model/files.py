"""A model's folder: ``config.json`` with the system's name beside its config; weights lie in ``model.safetensors``."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load_model
from torch import nn

from moemoe.errors import ConfigError


def write_config(folder: str | Path, system: str, config: Any) -> None:
    """Makes the folder and writes ``config.json``."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "config.json").write_text(json.dumps({"system": system, **config.to_dict()}, indent=2) + "\n")


def read_config(folder: str | Path, config_class: Any) -> Any:
    """The inverse. Raises ConfigError where the file is missing or of another system."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} holds no model: config.json is missing")
    values = json.loads(path.read_text())
    values.pop("system", None)
    return config_class.from_dict(values)


def read_weights(folder: str | Path, model: nn.Module) -> None:
    """Puts ``model.safetensors`` into ``model``.

    Raises:
        ConfigError: the weights are not those that ``config.json`` describes.
        SafetensorError: the file is no safetensors file.
    """
    try:
        load_model(model, str(Path(folder) / "model.safetensors"), strict=True)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"{folder}/model.safetensors: the weights do not fit config.json ({reason})") from error
