"""Builds typed configs from plain dictionaries, the form in recipes and model folders."""

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from moemoe.errors import ConfigError, first_line

#: Upper limit of every dimension, length and number of layers.
LARGEST_SIZE = 2**24


def config_from_dict(config_class: Any, values: Mapping[str, Any], **nested: Any) -> Any:
    """Builds a ``config_class`` from plain ``values``; ``nested`` holds fields that are dataclasses.

    Raises:
        ConfigError: a key is unknown or missing, or one in ``nested`` is not a mapping.
    """
    values = present_names(config_class, values)
    kinds = get_type_hints(config_class)
    for name in nested.keys() & values.keys():
        if not isinstance(values[name], Mapping) and not (values[name] is None and isinstance(None, kinds[name])):
            raise ConfigError(f"model configuration: {name} is {values[name]!r}; allowed is a mapping of its settings")
    try:
        return config_class(
            **{
                name: nested[name](**present_names(nested[name], value))
                if name in nested and value is not None
                else value
                for name, value in values.items()
            }
        )
    except TypeError as error:
        raise ConfigError(f"model configuration: {error}") from error


def present_names(config_class: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with former field names, which ``FORMER`` of ``config_class`` lists, replaced by the present ones."""
    former = getattr(config_class, "FORMER", {})
    return {former.get(name, name): value for name, value in values.items()}


def check_sizes(config: Any, within: str = "") -> None:
    """Checks a model's config, nested ones included, before a model of these sizes is built.

    Raises:
        ConfigError: a value is not of its field's type, or is out of range.
    """
    for field in dataclasses.fields(config):
        value, name = getattr(config, field.name), f"{within}{field.name}"
        if dataclasses.is_dataclass(value):
            check_sizes(value, f"{name}.")
        elif field.type is int:
            least = min(1, field.default) if isinstance(field.default, int) else 1
            if type(value) is not int or not least <= value <= LARGEST_SIZE:
                raise ConfigError(f"{name} is {value!r:.50}; allowed is a whole number from {least} to {LARGEST_SIZE}")
        elif field.type is float:
            most = 1 if "dropout" in field.name else math.inf
            if type(value) not in (int, float) or not (0 <= value <= most and math.isfinite(value)):
                allowed = "a share from 0 to 1" if most == 1 else "a number from 0"
                raise ConfigError(f"{name} is {value!r:.50}; allowed is {allowed}")
        elif field.type in (bool, str) and not isinstance(value, field.type):
            raise ConfigError(f"{name} is {value!r:.50}; allowed is a {field.type.__name__}")


def read_object(path: str | Path) -> dict[str, Any]:
    """Reads a JSON object from a file of a model's folder.

    Raises:
        ConfigError: the file cannot be read, or is not a JSON object.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = first_line(error)
        raise ConfigError(f"{path} is not a complete JSON file ({reason}); copy the model's folder again") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path} does not hold a JSON object but {values!r:.50}; copy the model's folder again")
    return values
