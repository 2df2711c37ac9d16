"""Typed configs from plain dictionaries, as recipes and model folders hold them."""

from typing import Any

from moemoe.errors import ConfigError


def config_from_dict(config_class: Any, values: dict[str, Any], **nested: Any) -> Any:
    """``config_class`` from plain ``values``, those in ``nested`` as dataclasses; ConfigError on an unknown key."""
    try:
        return config_class(**{k: nested[k](**v) if k in nested and v is not None else v for k, v in values.items()})
    except TypeError as error:
        raise ConfigError(f"model configuration: {error}") from error
