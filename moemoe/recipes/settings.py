"""Changes to a recipe from the command line: ``experts.number=16, training.learning_rate=0.001``.

Names are those of the configuration: ``text.*``, ``image.*``, ``experts.*``, ``training.*``, a key of ``ModelConfig``,
``load_balancing_weight`` (table 5) or ``tokenizer``.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import yaml

from moemoe.errors import ConfigError
from moemoe.model.config import ExpertConfig, ImageConfig, ModelConfig, TextConfig


@dataclass(frozen=True)
class Training:
    """How long and how fast.

    Args:
        epochs: per phase.
        batch_size: global, in products (all their questions together).
        accumulation: parts that a process's share of a batch is computed in, one after the other.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.
        learning_rate: Adam's, multiplied by 0.2 after 60 % and 90 % of each phase (appendix D: 6th and 9th of 10).
        warmup_steps: linear, at the start of each phase.
        clip_norm: the gradient's largest norm.
        negatives: share of products that are also asked what has no answer, see ``moemoe.training.negatives``.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    clip_norm: float
    accumulation: int = 1
    gradient_checkpointing: bool = False
    negatives: float = 0.0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "accumulation"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training: {name} is {getattr(self, name)}; allowed is 1 or more")
        if not 0 <= self.negatives <= 1:
            raise ConfigError(f"training: negatives is {self.negatives}; allowed is a share from 0 to 1")


GROUPS = {"text": TextConfig, "image": ImageConfig, "experts": ExpertConfig, "training": Training}
ALONE = {"load_balancing_weight": float, "tokenizer": str}


def allowed_settings() -> dict[str, type]:
    """Every name that a setting may have, and its type."""
    found = {f"{group}.{field.name}": _type(field) for group, c in GROUPS.items() for field in dataclasses.fields(c)}
    found |= {f.name: _type(f) for f in dataclasses.fields(ModelConfig) if f.name not in GROUPS}
    return found | ALONE


def change(values: dict[str, Any], settings: str) -> None:
    """Applies ``name=value, name=value`` to the values of a recipe.

    Raises:
        ConfigError: not of this form, an unknown name, a value of another type, experts where the model has none.
    """
    for setting in filter(None, (part.strip() for part in settings.split(","))):
        name, equals, text = (part.strip() for part in setting.partition("="))
        allowed = allowed_settings()
        if not equals or name not in allowed:
            raise ConfigError(f"setting {setting!r}: allowed is name=value with one of {', '.join(sorted(allowed))}")
        value = yaml.safe_load(text)
        wanted = allowed[name]
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if wanted is not object and not (isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))):
            raise ConfigError(f"setting {setting!r}: {name} is of type {wanted.__name__}")
        group, _, key = name.rpartition(".")
        if not group:
            (values if name in ALONE else values["model"])[name] = value
            continue
        parent = values if group == "training" else values["model"]
        if group == "experts" and "experts" not in parent:
            raise ConfigError(f"setting {setting!r}: this model has no experts")
        parent[group] = {**parent.get(group, {}), key: value}


def _type(field: dataclasses.Field) -> type:
    """The type of a field by its annotation; ``object`` where several are allowed."""
    return field.type if isinstance(field.type, type) else object
