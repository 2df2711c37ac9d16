"""Builds suites of expectations in code, with the data frames that they are checked on.

Great Expectations gets rows in slices, one at a time. Metrics over all rows (uniqueness, counts, shares), which a slice
cannot show, are computed by pyarrow in one pass and checked as separate frames.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

EXAMPLES = 5
SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True)
class ExpectationSpec:
    """One expectation: its class (``kind``) and ``arguments`` in Great Expectations, and its texts for people."""

    words: str
    severity: str
    frame: str
    kind: str
    arguments: Mapping[str, Any]
    observed: str
    product_ids: tuple[str, ...] = ()


@dataclass
class Suite:
    """Expectations, and the frames (by name) that they are checked on, each in slices."""

    title: str
    frames: dict[str, Iterable[pa.Table]]
    expectations: list[ExpectationSpec] = field(default_factory=list)

    def add(self, words: str, severity: str, frame: str, kind: str, *told: Any, **arguments: Any) -> None:
        """Adds an expectation of every slice; ``told`` is the observed value and, if any, product ids that break it."""
        self.expectations.append(ExpectationSpec(words, severity, frame, kind, arguments, *told))

    def figure(
        self,
        words: str,
        severity: str,
        frame: str,
        name: str,
        value: float,
        observed: str,
        product_ids: tuple[str, ...] = (),
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Adds a metric as a column of the one-row ``frame``, with an expectation of its bounds."""
        one = pa.array([float(value)])
        known = next(iter(self.frames.get(frame, ())), None)
        self.frames[frame] = [pa.table({name: one}) if known is None else known.append_column(name, one)]
        # of the column's maximum, its only value: an expectation of each value would show "0% unexpected" instead
        between = "ExpectColumnMaxToBeBetween"
        told = (observed, product_ids)
        self.add(words, severity, frame, between, *told, column=name, min_value=at_least, max_value=at_most)


@dataclass
class Tally:
    """Counts some rows among all rows, and keeps up to EXAMPLES of their product ids."""

    count: int = 0
    total: int = 0
    product_ids: tuple[str, ...] = ()

    def add(self, rows: pa.Table, mask: pa.ChunkedArray | pa.Array) -> None:
        """Counts the ``rows`` (with a column product_id) where ``mask`` is true."""
        count = pc.sum(mask).as_py() or 0
        self.count += count
        self.total += len(rows)
        if count and len(self.product_ids) < EXAMPLES:
            ids = rows["product_id"].filter(mask).drop_null().slice(0, 1000).unique().to_pylist()
            self.product_ids = tuple(dict.fromkeys([*self.product_ids, *ids]))[:EXAMPLES]

    @property
    def share(self) -> float:
        """The share of counted rows; 0 if there are no rows."""
        return self.count / self.total if self.total else 0.0

    @property
    def others(self) -> "Tally":
        """The rows that were not counted, without ids, for expectations about those."""
        return Tally(self.total - self.count, self.total)

    def __str__(self) -> str:
        return f"{self.count:,} of {self.total:,} ({self.share:.1%})"
