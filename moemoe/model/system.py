"""The interface that training and inference need of every system, MoEMoE and the baselines alike.

A trained system is a ``torch.nn.Module`` that goes through the phases of its recipe. A fitted one (k nearest
neighbours, TF-IDF, the image classifier) is made in one pass over the training split. Both are saved into a folder
whose ``config.json`` names them, and both answer batches that their collator makes of items; ``moemoe.systems`` finds
them by name. A committee consists of such systems.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import nn

from moemoe.batches.collate import ModelInput
from moemoe.model.outputs import Answer, Distribution, Losses


class Config(Protocol):
    """A frozen dataclass."""

    @property
    def sources(self) -> tuple[str, ...]:
        """What the system reads of a product, by the names of ``moemoe.sources``."""

    def to_dict(self) -> dict[str, Any]:
        """As a recipe or ``config.json`` has it."""

    def with_catalog(self, tokens: int, values: Mapping[str, Sequence[str]]) -> "Config":
        """Completed from the training split: the tokenizer's size, and the values of each attribute."""


class System(Protocol):
    """What trained and fitted systems have in common."""

    config_class: ClassVar[Any]
    collator_class: ClassVar[Any]  # (tokenizer or None, config); called with items it gives a batch with ``to``
    limits: ClassVar[str]  # what it cannot answer; asked all the same, it says "" with confidence 0
    config: Any

    @classmethod
    def check(cls, config: Any) -> None:
        """Raises ConfigError if weights or packages that the config names cannot be loaded."""

    def answer(self, batch: Any, collator: Any) -> list[Answer]:
        """The answers to a batch's questions, in the order of its items and their questions."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes ``config.json`` and ``model.safetensors``."""

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "System":
        """The inverse; raises ConfigError if files are missing."""


class TrainableSystem(System, Protocol):
    """A system that is trained; also a ``torch.nn.Module``."""

    @classmethod
    def create(cls, config: Any) -> nn.Module:
        """A fresh model, with pretrained parts where the config names them."""

    @property
    def token_embeddings(self) -> list[nn.Parameter]:
        """The tables that ``training.embedding_lr_scale`` applies to."""

    def recompute_activations(self) -> None:
        """Turns gradient checkpointing on."""

    def forward(self, batch: Any) -> Losses:
        """Sums over the batch; a batch also has ``counts``, as ``moemoe.batches.batch.Batch``."""


class Fitted(System, Protocol):
    """``items`` are the training split's products with one answer per question, in a fixed order.

    One that has ``create``, which gives it before it has learned, and an ``image_encoder`` that ``has_features`` may
    read images' features in place of images.
    """

    @classmethod
    def fit(cls, config: Any, items: Iterable[ModelInput], seed: int) -> "Fitted":
        """The system made from ``items``."""


class Member(System, Protocol):
    """What a committee needs of each of its members, see ``moemoe.systems.committee``."""

    def distributions(
        self, batch: Any, collator: Any, asked: Sequence[str], values: Mapping[str, Sequence[str]]
    ) -> list[Distribution]:
        """For each question the probability of each of the attribute's ``values``.

        Args:
            batch: as for ``answer``.
            asked: the questions' attributes, in the order of ``answer``; each is in ``values``.
            values: attribute -> values; one that the system does not know has probability 0.
        """
