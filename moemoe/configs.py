"""Builds typed configs from plain dictionaries, the form in recipes and model folders."""

from collections.abc import Mapping
from typing import Any

from moemoe.errors import ConfigError


def config_from_dict(config_class: Any, values: Mapping[str, Any], **nested: Any) -> Any:
    """Builds a ``config_class`` from plain ``values``; ``nested`` holds fields that are dataclasses.

    Raises:
        ConfigError: a key is unknown or missing.
    """
    values = present_names(config_class, values)
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
