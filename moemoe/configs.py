"""Typed configs from plain dictionaries, as recipes and model folders hold them."""

from collections.abc import Mapping
from typing import Any

from moemoe.errors import ConfigError


def config_from_dict(config_class: Any, values: Mapping[str, Any], **nested: Any) -> Any:
    """``config_class`` from plain ``values``, those in ``nested`` as dataclasses.

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
    """``values`` under the names that the fields of ``config_class`` have now (its ``FORMER`` says what they were)."""
    former = getattr(config_class, "FORMER", {})
    return {former.get(name, name): value for name, value in values.items()}
