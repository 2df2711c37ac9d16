"""The progress card of a backfill."""

import time
from collections.abc import Sequence
from typing import Any

from metaflow import current
from metaflow.cards import Markdown, ProgressBar

import cards
from moemoe.reporting.document import Document


class ProgressCard:
    """backfill: partitions done, rows and rows per second, refreshed while the step runs; also printed."""

    def __init__(self, model_version: str, partitions: Sequence[str]):
        cards.show(Document("Backfill", []))
        self.bar = ProgressBar(max=len(partitions), label="partitions")
        self.now = Markdown("starting ...")
        self.total, self.read, self.done, self.began = len(partitions), 0, 0, time.monotonic()
        current.card.append(cards.markdown(f"Model {model_version}; this task's partitions: {len(partitions)}."))
        for component in (self.bar, self.now):
            current.card.append(component)

    def rows(self, new: int) -> None:
        """Counts ``new`` more finished rows."""
        self.read += new
        self._say()

    def part(self, part: Any, was_there: bool) -> None:
        """A partition is finished, or was found finished."""
        self.done += 1
        self.bar.update(self.done)
        name = part.partition.rsplit("/", 1)[-1]
        how = "already finished" if was_there else f"{part.products:,} products"
        print(f"{name}: {how} ({self.done} of {self.total} partitions)", flush=True)
        self._say()

    def _say(self) -> None:
        rate = self.read / max(time.monotonic() - self.began, 1e-9)
        line = f"{self.done} of {self.total} partitions, {self.read:,} rows, {rate:.0f} rows/s"
        self.now.update(line)
        current.card.refresh()
        if self.read:
            print(line, flush=True)
