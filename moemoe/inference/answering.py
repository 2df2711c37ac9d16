"""How a trained model answers: the temperature of its confidence, and the values it may choose from.

Both are set after training, in the evaluate step, and saved as ``answering.json`` in the model's folder, beside its
weights: ``{"temperature": 1.31, "values": null}``, or ``"values": {"color": ["Red", ...], ...}`` if answers are
restricted. ``Predictor.load`` reads it, so that evaluation, backfill and the served model have the same confidences,
and thresholds mean the same everywhere.

The confidence of an answer is its sequence probability p, temperature-scaled on the log-odds (Guo et al. 2017, for one
answer against all others): sigmoid(logit(p) / T) = p^(1/T) / (p^(1/T) + (1-p)^(1/T)). It rises with p for every T,
so scaling changes neither a cell's Recall@90P nor which products a threshold chosen on validation accepts. It makes a
confidence of 0.9 mean that 90 % are right. That is why it is always on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moemoe.configs import read_object
from moemoe.errors import ConfigError

ANSWERING = "answering.json"
TEMPERATURES = (0.5, 20.0)
CERTAIN = 1e-7  # the resolution of float32 near 1
FREE, CANONICAL = "free", "canonical"


def check_decoding(decoding: str) -> None:
    """Raises ConfigError if ``decoding`` is neither free nor canonical."""
    if decoding not in (FREE, CANONICAL):
        raise ConfigError(f"decoding is {decoding!r}; allowed are {FREE}, {CANONICAL}")


@dataclass(frozen=True)
class Answering:
    """The content of ``answering.json``; by default raw confidences of free answers.

    Args:
        temperature: T above.
        values: attribute -> the values that an answer is chosen from; None: any text.
    """

    temperature: float = 1.0
    values: Mapping[str, Sequence[str]] | None = None

    @classmethod
    def load(cls, folder: str | Path) -> "Answering":
        """Reads the file in a model's folder; the default if there is none.

        Raises:
            ConfigError: the file is damaged, or a value is impossible.
        """
        path = Path(folder) / ANSWERING
        if not path.is_file():
            return cls()
        found = read_object(path)
        if lacking := [name for name in ("temperature", "values") if name not in found]:
            raise ConfigError(f"{path} lacks {' and '.join(lacking)}; copy the model's folder again")
        temperature, values = found["temperature"], found["values"]
        low, high = TEMPERATURES
        if type(temperature) not in (int, float) or not low <= temperature <= high:
            raise ConfigError(f"{path}: temperature is {temperature!r:.50}; allowed is a number from {low} to {high}")
        if values is not None and not _are_values(values):
            raise ConfigError(f"{path}: values are {values!r:.50}; allowed are lists of texts by attribute, or null")
        return cls(temperature, values)

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps({"temperature": self.temperature, "values": self.values}, indent=2, ensure_ascii=False) + "\n"

    def confidence(self, probability: np.ndarray) -> np.ndarray:
        """Sequence probabilities [N] as confidences."""
        return scaled(probability, self.temperature)


def _are_values(values: Any) -> bool:
    lists = values.values() if isinstance(values, dict) else [None]
    return all(isinstance(own, list) and own and all(isinstance(value, str) for value in own) for own in lists)


def scaled(probability: np.ndarray, temperature: float) -> np.ndarray:
    """sigmoid(logit(p) / T), in a form that keeps 0 and 1."""
    probability = np.asarray(probability, dtype=np.float64)
    yes, no = probability ** (1 / temperature), (1 - probability) ** (1 / temperature)
    return yes / (yes + no)


def fit_temperature(probability: np.ndarray, correct: np.ndarray) -> float:
    """The T within TEMPERATURES whose confidences make ``correct`` likeliest; 1 if there is nothing to fit.

    The negative log-likelihood is convex in 1/T; golden-section search finds its one minimum.

    Args:
        probability: sequence probabilities [N] of validation answers.
        correct: bool [N].
    """
    if not len(probability):
        return 1.0
    clipped = np.clip(np.asarray(probability, dtype=np.float64), CERTAIN, 1 - CERTAIN)
    signed = np.where(correct, 1, -1) * (np.log(clipped) - np.log1p(-clipped))

    def loss(slope: float) -> float:
        return float(np.logaddexp(0, -signed * slope).mean())

    low, high = 1 / TEMPERATURES[1], 1 / TEMPERATURES[0]
    ratio = (5**0.5 - 1) / 2
    for _ in range(60):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return 2 / (low + high)
