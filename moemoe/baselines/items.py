"""Batches of fitted systems, which hold the model inputs unchanged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from moemoe.batches.collate import ModelInput
from moemoe.model.outputs import Answer

NO_ANSWER = Answer("", 0.0, 0.0, 1.0)
"""The answer of a system that cannot answer."""


@dataclass
class ItemBatch:
    """Some items."""

    items: Sequence[ModelInput]

    def to(self, device: torch.device) -> "ItemBatch":
        """Returns itself: fitted systems stay on their device."""
        return self

    def questions(self) -> set[str]:
        """All that is asked."""
        return {question for item in self.items for question in item.questions}

    def in_order(self, found: Mapping[tuple[int, str], Answer]) -> list[Answer]:
        """The answers, given by (item, question), in the order of the questions; NO_ANSWER if one is missing."""
        return [found.get((i, question), NO_ANSWER) for i, item in enumerate(self.items) for question in item.questions]


class ItemCollator:
    """Wraps model inputs in an ``ItemBatch``; it needs no tokenizer."""

    tokenizer = None

    def __init__(self, tokenizer: None, config: Any):
        self.config = config

    def __call__(self, items: Sequence[ModelInput]) -> ItemBatch:
        """The items as a batch."""
        return ItemBatch(items)
