"""Changes to a recipe from the command line: ``experts.num_experts=16, training.learning_rate=0.001``.

Names are those of the system's configuration (of ``ModelConfig``: ``text.*``, ``image.*``, ``experts.*`` and its own
keys), ``training.*``, ``load_balancing_weight`` (table 5) or ``tokenizer``.
"""

import dataclasses
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, ClassVar, get_args, get_type_hints

import yaml

from moemoe.configs import config_from_dict
from moemoe.errors import ConfigError, first_line

SEPARATOR = re.compile(r",(?=\s*[\w.-]+\s*=|\s*$)")
"""The separator of two settings; a comma within a list or a mapping is not one."""


@dataclass(frozen=True)
class SourceDropout:
    """What training hides of products, drawn by seed, so that the model learns to answer from each source alone.

    Args:
        text: share of products with an image whose whole text is hidden.
        image: share of products whose image is hidden.
        description: share of products of which only marketplace, type and title are shown.
    """

    text: float = 0.0
    image: float = 0.0
    description: float = 0.0

    def __post_init__(self):
        shares = dataclasses.astuple(self)
        if min(shares) < 0 or sum(shares) > 1:
            raise ConfigError(
                f"training.source_dropout: text is {self.text}, image {self.image}, description {self.description}; "
                "allowed are shares of at least 0 with a sum of at most 1"
            )


@dataclass(frozen=True)
class Training:
    """Length, speed and variants of a training.

    Args:
        epochs: number per phase, or a mapping from phase to number.
        batch_size: global, in products (with all their questions).
        accumulation: number of micro-batches into which a process's part of a batch is divided.
        gradient_checkpointing: recompute activations in the backward pass instead of storing them.
        learning_rate: Adam's, multiplied by 0.2 after 60 % and 90 % of each phase (appendix D: 6th and 9th of 10).
        embedding_lr_scale: factor on the learning rate of token embeddings. T5's embeddings start at a standard
            deviation of 1, its other matrices below 0.1. Adam moves all by the same amount; Adafactor, which trained
            T5, scales its steps with the weights.
        image_lr_scale: factor on the learning rate of the image encoder's pretrained weights, where they are trained.
        ngram_rate: factor on the learning rate of the hashed n-grams' embeddings, which Adagrad trains.
        warmup_steps: number of steps of linear warm-up at the start of each phase.
        full_rate_steps: a longer phase has a lower rate: times the square root of ``full_rate_steps / steps``. None:
            the rate does not depend on the number of steps.
        max_grad_norm: gradients with a larger norm are clipped to it.
        negatives: share of products that also get a question without an answer, see ``moemoe.training.negatives``.
        source_dropout: see ``SourceDropout`` and ``moemoe.training.source_dropout``.
        threads: limit of CPU threads per operation (image features always use all). None: no limit. With 1, a seed
            gives the same bits on any number of cores.
        second_view: if set, every step shows each product a second time, shortened: this share with the image only,
            the others with title and image. None shows it once.
    """

    epochs: int | dict[str, int]
    batch_size: int
    learning_rate: float
    warmup_steps: int
    max_grad_norm: float
    embedding_lr_scale: float = 1.0
    image_lr_scale: float = 1.0
    ngram_rate: float = 1000.0
    full_rate_steps: int | None = None
    accumulation: int = 1
    gradient_checkpointing: bool = False
    negatives: float = 0.0
    source_dropout: SourceDropout = field(default_factory=SourceDropout)
    second_view: float | None = None
    threads: int | None = None

    FORMER: ClassVar = {"embedding_rate": "embedding_lr_scale", "clip_norm": "max_grad_norm"}  #: earlier names

    def __post_init__(self):
        if isinstance(self.source_dropout, dict):
            object.__setattr__(self, "source_dropout", config_from_dict(SourceDropout, self.source_dropout))
        epochs = self.epochs if isinstance(self.epochs, dict) else {"each phase": self.epochs}
        for phase, count in epochs.items():
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise ConfigError(f"training: epochs is {count!r} for {phase}; allowed is 1 or more")
        for name in ("batch_size", "accumulation"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training: {name} is {getattr(self, name)}; allowed is 1 or more")
        for name in ("learning_rate", "embedding_lr_scale", "image_lr_scale", "ngram_rate", "max_grad_norm"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"training: {name} is {getattr(self, name)}; allowed is more than 0")
        if self.warmup_steps < 0:
            raise ConfigError(f"training: warmup_steps is {self.warmup_steps}; allowed is 0 or more")
        for name in ("full_rate_steps", "threads"):
            most = getattr(self, name)
            if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 1):
                raise ConfigError(f"training: {name} is {most!r}; allowed is 1 or more, or null")
        if not 0 <= self.negatives <= 1:
            raise ConfigError(f"training: negatives is {self.negatives}; allowed is a share from 0 to 1")
        view = self.second_view
        if view is not None and (isinstance(view, bool) or not isinstance(view, (int, float)) or not 0 <= view <= 1):
            raise ConfigError(f"training: second_view is {view!r}; allowed is a share from 0 to 1, or null")

    def epochs_of(self, phase: str) -> int:
        """The number of epochs of ``phase``. Raises ConfigError if the mapping has no such phase."""
        if not isinstance(self.epochs, dict):
            return self.epochs
        if phase not in self.epochs:
            raise ConfigError(f"training: epochs are given for {', '.join(self.epochs)}, not for the phase {phase}")
        return self.epochs[phase]


FILLED_IN = {"values", "text.encoder_config"}
"""The keys of a config that the training split or a checkpoint fills in."""


def allowed_settings(config_class: type, fitted: bool = False) -> dict[str, type]:
    """The name and type of every setting of a system; a fitted system has no ``training.*``."""
    found = {name: kind for name, kind in _names(config_class).items() if name not in FILLED_IN}
    if not fitted:
        found |= {f"training.{name}": kind for name, kind in _names(Training).items()}
        found |= {"tokenizer": str}
    return found | ({"load_balancing_weight": float} if "experts.num_experts" in found else {})


def change(values: dict[str, Any], settings: str, config_class: type, fitted: bool = False) -> None:
    """Applies ``name=value, name=value`` to the values of a recipe whose model is a ``config_class``.

    Raises:
        ConfigError: a setting has another form, an unknown name, or a value of the wrong type, or sets experts of a
            model without experts.
    """
    for setting in filter(None, (part.strip() for part in SEPARATOR.split(settings))):
        name, equals, text = (part.strip() for part in setting.partition("="))
        name = _present_name(name, config_class)
        allowed = allowed_settings(config_class, fitted)
        if not equals or name not in allowed:
            near = get_close_matches(name, allowed, 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ConfigError(
                f"setting {setting!r}: {hint}allowed is name=value with one of {', '.join(sorted(allowed))}"
            )
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:
            raise ConfigError(f"setting {setting!r}: {text!r} cannot be read ({first_line(error)})") from error
        wanted = allowed[name]
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if wanted is not object and not (isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))):
            raise ConfigError(f"setting {setting!r}: {name} must be of type {wanted.__name__}")
        first, *groups = name.split(".")
        parent = values if first in ("training", "load_balancing_weight", "tokenizer") else values["model"]
        if first == "experts" and "experts" not in parent:
            raise ConfigError(f"setting {setting!r}: this model has no experts")
        for group in [first, *groups][:-1]:
            parent[group] = dict(parent.get(group) or {})
            parent = parent[group]
        parent[name.rpartition(".")[2]] = value


def _names(config_class: type) -> dict[str, type]:
    """The type of every field by its dotted name.

    An optional dataclass counts as that dataclass, a tuple as a list (as in YAML), other unions as ``object``.
    """
    found: dict[str, Any] = {}
    hints = get_type_hints(config_class)
    for name in (own.name for own in dataclasses.fields(config_class)):
        hint = hints[name]
        if nested := _dataclass_of(hint):
            found |= {f"{name}.{inner}": kind for inner, kind in _names(nested).items()}
        else:
            found[name] = (
                list if getattr(hint, "__origin__", None) is tuple else hint if isinstance(hint, type) else object
            )
    return found


def _present_name(name: str, config_class: type) -> str:
    """The present name of a setting, if ``name`` is its name in an earlier version."""
    group, dot, inner = name.rpartition(".")
    of_group = Training if group == "training" else _dataclass_of(get_type_hints(config_class).get(group))
    return f"{group}{dot}{getattr(of_group, 'FORMER', {}).get(inner, inner)}"


def _dataclass_of(hint: Any) -> type | None:
    """The dataclass of a field, which may be optional."""
    choices = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type)]
    return next((kind for kind in choices if dataclasses.is_dataclass(kind)), None)
