"""Changes to a recipe from the command line: ``experts.number=16, training.learning_rate=0.001``.

Names are those of the system's configuration (of ``ModelConfig``: ``text.*``, ``image.*``, ``experts.*`` and its own
keys), ``training.*``, ``load_balancing_weight`` (table 5) or ``tokenizer``.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import yaml

from moemoe.errors import ConfigError


@dataclass(frozen=True)
class Training:
    """How long and how fast.

    Args:
        epochs: per phase.
        batch_size: global, in products (all their questions together).
        accumulation: parts that a process's share of a batch is computed in, one after the other.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.
        learning_rate: Adam's, multiplied by 0.2 after 60 % and 90 % of each phase (appendix D: 6th and 9th of 10).
        embedding_rate: token embeddings learn so many times faster. T5's start at a standard deviation of 1, its other
            matrices below 0.1, and Adam moves all by the same length; Adafactor, which trained T5, by their own size.
        warmup_steps: linear, at the start of each phase.
        clip_norm: the gradient's largest norm.
        negatives: share of products that are also asked what has no answer, see ``moemoe.training.negatives``.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    clip_norm: float
    embedding_rate: float = 1.0
    accumulation: int = 1
    gradient_checkpointing: bool = False
    negatives: float = 0.0

    def __post_init__(self):
        for name in ("epochs", "batch_size", "accumulation"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training: {name} is {getattr(self, name)}; allowed is 1 or more")
        if not self.embedding_rate > 0:
            raise ConfigError(f"training: embedding_rate is {self.embedding_rate}; allowed is more than 0")
        if not 0 <= self.negatives <= 1:
            raise ConfigError(f"training: negatives is {self.negatives}; allowed is a share from 0 to 1")


FILLED_IN = {"values", "text.encoder_config"}
"""The keys of a config that the training split or a checkpoint fills in."""


def allowed_settings(config_class: type, fitted: bool = False) -> dict[str, type]:
    """Every name that a setting of a system may have, and its type; a fitted one has no training."""
    groups = {name: kind for name, kind in _kinds(config_class).items() if dataclasses.is_dataclass(kind)}
    found = {f"{group}.{name}": kind for group, c in groups.items() for name, kind in _kinds(c).items()}
    found |= {name: kind for name, kind in _kinds(config_class).items() if name not in groups}
    found = {name: kind for name, kind in found.items() if name not in FILLED_IN}
    if not fitted:
        found |= {f"training.{name}": kind for name, kind in _kinds(Training).items()}
        found |= {"tokenizer": str}
    return found | ({"load_balancing_weight": float} if "experts" in groups else {})


def change(values: dict[str, Any], settings: str, config_class: type, fitted: bool = False) -> None:
    """Applies ``name=value, name=value`` to the values of a recipe whose model is a ``config_class``.

    Raises:
        ConfigError: not of this form, an unknown name, a value of another type, experts where the model has none.
    """
    for setting in filter(None, (part.strip() for part in settings.split(","))):
        name, equals, text = (part.strip() for part in setting.partition("="))
        allowed = allowed_settings(config_class, fitted)
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
            (values if name in ("load_balancing_weight", "tokenizer") else values["model"])[name] = value
            continue
        parent = values if group == "training" else values["model"]
        if group == "experts" and "experts" not in parent:
            raise ConfigError(f"setting {setting!r}: this model has no experts")
        parent[group] = {**parent.get(group, {}), key: value}


def _kinds(config_class: type) -> dict[str, type]:
    """The type of every field; a dataclass that may be None counts as itself, other choices as ``object``."""
    found: dict[str, Any] = {}
    for name, hint in get_type_hints(config_class).items():
        if name in {field.name for field in dataclasses.fields(config_class)}:
            configs = [kind for kind in get_args(hint) if dataclasses.is_dataclass(kind)]
            found[name] = configs[0] if configs else hint if isinstance(hint, type) else object
    return found
