"""Models by name: one YAML per recipe (architecture and phases), one per size (dimensions and training length)."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from moemoe.errors import ConfigError

FOLDER = Path(__file__).parent
PHASES = ("dense", "experts")


@dataclass(frozen=True)
class Training:
    """How long and how fast.

    Args:
        epochs: per phase.
        batch_size: global, in products (all their questions together).
        learning_rate: Adam's, multiplied by 0.2 after 60 % and 90 % of each phase (appendix D: 6th and 9th of 10).
        warmup_steps: linear, at the start of each phase.
        clip_norm: the gradient's largest norm.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    warmup_steps: int
    clip_norm: float


@dataclass(frozen=True)
class Recipe:
    """A named model in one size; ``model`` is what ``moemoe.model.config.ModelConfig.from_dict`` reads."""

    name: str
    size: str
    description: str
    model: dict[str, Any]
    phases: tuple[str, ...]
    load_balancing_weight: float
    training: Training

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as written beside checkpoints and models."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """The inverse of ``to_dict``."""
        return cls(**{**values, "phases": tuple(values["phases"]), "training": Training(**values["training"])})


def known_recipes() -> list[str]:
    """The names that ``--model`` takes."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def known_sizes() -> list[str]:
    """The names that ``--size`` takes."""
    return [name for name in ("tiny", "small", "paper") if (FOLDER / "sizes" / f"{name}.yaml").is_file()]


def load_recipe(
    name: str,
    size: str = "tiny",
    weights: str | None = None,
    question_in: str = "decoder",
    epochs: int | None = None,
    batch_size: int | None = None,
) -> Recipe:
    """The recipe ``name`` in ``size``.

    Args:
        weights: ``scratch``, or a T5 checkpoint's hub name or folder; None takes the size's own.
        question_in: ``decoder`` or ``context``.
        epochs, batch_size: override the size's.

    Raises:
        ConfigError: a name, size or number that is not allowed; the message lists what is.
    """
    if name not in known_recipes():
        raise ConfigError(f"unknown model {name!r}; known models are {', '.join(known_recipes())}")
    if size not in known_sizes():
        raise ConfigError(f"unknown size {size!r}; known sizes are {', '.join(known_sizes())}")
    if epochs is not None and epochs < 1:
        raise ConfigError(f"epochs is {epochs}; allowed is 1 or more")
    if batch_size is not None and batch_size < 1:
        raise ConfigError(f"batch size is {batch_size}; allowed is 1 or more")
    if question_in not in ("decoder", "context"):
        raise ConfigError(f"question-in is {question_in!r}; allowed are decoder, context")
    recipe = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())
    scale = yaml.safe_load((FOLDER / "sizes" / f"{size}.yaml").read_text())
    model = {**scale["model"], **recipe["model"], "question_in": question_in}
    weights = weights or scale.get("weights", "scratch")
    if weights != "scratch":
        model["text"] = {**model.get("text", {}), "pretrained": weights}
    elif "text" not in model:
        raise ConfigError(
            f"size {size} has no dimensions of its own; give --weights a T5 checkpoint, by name or folder"
        )
    given = {"epochs": epochs, "batch_size": batch_size}
    training = Training(**{**scale["training"], **{k: v for k, v in given.items() if v is not None}})
    return Recipe(
        name=name,
        size=size,
        description=recipe["description"],
        model=model,
        phases=tuple(recipe["phases"]),
        load_balancing_weight=recipe.get("load_balancing_weight", 0.0),
        training=training,
    )
