"""A model's folder: ``config.json`` with the system's name beside its config; weights lie in ``model.safetensors``."""

import json
from pathlib import Path
from typing import Any, Self

from safetensors.torch import load_file, save_model
from torch import nn

from moemoe.configs import read_object
from moemoe.errors import ConfigError


def write_config(folder: str | Path, system: str, config: Any) -> None:
    """Makes the folder and writes ``config.json``."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / "config.json").write_text(json.dumps({"system": system, **config.to_dict()}, indent=2) + "\n")


def read_config(folder: str | Path, config_class: Any) -> Any:
    """The inverse. Raises ConfigError if the file is missing, damaged or of another system."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{folder} does not hold a model: config.json is missing")
    values = read_object(path)
    values.pop("system", None)
    return config_class.from_dict(values)


def read_weights(folder: str | Path, model: nn.Module) -> None:
    """Puts ``model.safetensors`` into ``model``.

    A tensor that the model has under several names (tied embeddings, a backbone of two encoders) is saved under one.
    safetensors' own ``load_model`` cannot put a shared BatchNorm back: torch does not say that its counter is missing.

    Raises:
        ConfigError: the weights do not fit ``config.json``, or are not finite: such a model would silently answer
            nothing.
        SafetensorError: the file is not a safetensors file.
    """
    weights, own = load_file(Path(folder) / "model.safetensors"), model.state_dict()
    for name, weight in weights.items():
        if weight.is_floating_point() and not weight.isfinite().all():
            raise ConfigError(f"{folder}/model.safetensors: {name} has values that are not numbers; train it again")
    saved_as = {own[name].data_ptr(): name for name in weights.keys() & own.keys()}
    for name in own.keys() - weights.keys():
        if own[name].data_ptr() in saved_as:
            weights[name] = weights[saved_as[own[name].data_ptr()]]
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ConfigError(f"{folder}/model.safetensors: the weights do not fit config.json ({reason})") from error


class SavedModule(nn.Module):
    """A system that its config and weights describe completely: it is saved into a folder and loaded from it."""

    name: str
    config_class: Any
    config: Any

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``config.json`` and ``model.safetensors`` into ``folder``."""
        write_config(folder, self.name, self.config)
        save_model(self, str(Path(folder) / "model.safetensors"))

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """The inverse of ``save_pretrained``, in evaluation mode.

        Raises:
            ConfigError: ``config.json`` is missing, or the weights are not those that it describes.
        """
        model = cls(read_config(folder, cls.config_class))
        read_weights(folder, model)
        return model.eval()
