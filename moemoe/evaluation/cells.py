"""Predictions, checked once and cut into product type x attribute cells, for all metrics.

Memory: about 20 bytes a row of the main condition, 13 of the other one in use; the rows themselves stay in their parts.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.correctness import are_right
from moemoe.evaluation.numbering import Numbering
from moemoe.evaluation.parts import (
    EvaluationError,
    Parts,
    Predictions,
    Shown,
    group_names,
    have_gold,
    in_parts,
    main_condition,
    rows_shown,
)
from moemoe.evaluation.recall_at_precision import recall_at_precision
from moemoe.evaluation.survey import UNKNOWN, survey
from moemoe.schemas import PREDICTIONS

__all__ = ["MIN_SUPPORT", "TRAITS", "Cell", "CellPredictions", "CellRows", "Cells", "EvaluationError"]

MIN_SUPPORT = 30

Cell = tuple[str, str]
"""Product type and attribute."""

#: Columns of PREDICTIONS that slices are made by.
TRAITS = ("explicit", "unseen", "rare", "has_image", "canonical")
#: The columns of PREDICTIONS that CellPredictions are made of, and those that CellRows need besides.
_READ = ["product_id", "product_type", "group", "attribute", "split", "condition", "gold", "prediction", "confidence",
         "tolerance"]  # fmt: skip
_READ_TOO = ["marketplace", *TRAITS]
#: The type of each column of a cell.
_KINDS = {
    "confidence": np.float64, "correct": np.bool_, "group": np.int32, "row": np.uint32, "traits": np.uint8,
    "marketplace": np.uint16, "majority": np.bool_,
}  # fmt: skip
Kept = TypeVar("Kept", bound="CellPredictions")


@dataclass(frozen=True)
class CellPredictions:
    """One cell's products that have a gold value.

    Args:
        confidence: float [N].
        correct: bool [N], whether the prediction is among the gold values.
        group: int32 [N], the number of the product's group.
    """

    confidence: np.ndarray
    correct: np.ndarray
    group: np.ndarray

    @classmethod
    def concat(cls, cells: Iterable["CellPredictions"]) -> "CellPredictions":
        """The products of several cells, one cell after the other."""
        columns = list(zip(*((cell.confidence, cell.correct, cell.group) for cell in cells), strict=True))
        return CellPredictions(*map(np.concatenate, columns)) if columns else NO_PREDICTIONS

    @property
    def support(self) -> int:
        """Products with a gold value."""
        return len(self.correct)

    @property
    def accuracy(self) -> float:
        """Share of right predictions."""
        return float(self.correct.mean()) if self.support else math.nan

    @property
    def recall_at_90p(self) -> float:
        """Recall at 90 % precision."""
        return recall_at_precision(self.confidence, self.correct)[0]


NO_PREDICTIONS = CellPredictions(np.empty(0), np.empty(0, bool), np.empty(0, np.int32))


@dataclass(frozen=True)
class CellRows(CellPredictions):
    """A cell's products with the columns that slices and examples need.

    Args:
        row: uint32 [N], the row in the table of predictions.
        traits: uint8 [N], a bit for each of TRAITS, from the lowest.
        marketplace: uint16 [N], its number in ``Cells.marketplaces``.
        majority: bool [N], whether the cell's majority value is among the gold values.
    """

    row: np.ndarray
    traits: np.ndarray
    marketplace: np.ndarray
    majority: np.ndarray

    def has(self, trait: str) -> np.ndarray:
        """Whether each product has a trait, bool [N]."""
        return (self.traits >> TRAITS.index(trait) & 1).astype(bool)

    def where(self, chosen: np.ndarray) -> CellPredictions:
        """The products that are ``chosen`` (bool [N])."""
        if chosen.all():
            return self
        return CellPredictions(self.confidence[chosen], self.correct[chosen], self.group[chosen])


class Cells:
    """Predictions, cut into the products of each product type and attribute; rows without gold are skipped.

    The validation split and the test split in the main condition stay in memory once they were asked for; of the other
    conditions the last one, until the main one is read.

    Args:
        predictions: PREDICTIONS; every pass over it reads its parts again.
        majority: each cell's most frequent training value.

    Attributes:
        conditions: all in the table; ``condition`` is the main one.
        marketplaces: the number of rows of each.
        groups: number of groups in the test split.
        canonical: share of the test answers that are values of the contract.

    Raises:
        EvaluationError: as ``survey``.
    """

    def __init__(self, predictions: Predictions, majority: Mapping[Cell, str] | None = None):
        self.predictions: Parts = in_parts(predictions)
        self._survey = survey(self.predictions)
        self._majority = majority or {}
        self.conditions = self._survey.conditions
        self.condition = main_condition(self.conditions)
        self.marketplaces = self._survey.marketplaces
        self.groups = len(self._survey.groups)
        self.canonical = self._survey.canonical.get(self.condition, math.nan)
        self._main: dict[str, dict[Cell, CellRows]] = {}
        self._other: dict[str, dict[Cell, CellPredictions]] = {}

    def of(self, split: str) -> Mapping[Cell, CellRows]:
        """The cells of a split in the main condition, sorted by product type and attribute."""
        if split not in self._main:
            self._other = {}  # before the new ones are read
            self._main[split] = self._cut(CellRows, (split, self.condition))
        return self._main[split]

    def test(self, condition: str) -> Mapping[Cell, CellPredictions]:
        """The cells of the test split in any condition, sorted alike."""
        if condition == self.condition:
            return self.of("test")
        if condition not in self._other:
            self._other = {}  # before the new ones are read
            self._other[condition] = self._cut(CellPredictions, ("test", condition))
        return self._other[condition]

    def release(self) -> None:
        """Drops all cells from memory; they are read again when they are needed."""
        self._main, self._other = {}, {}

    def answers(
        self, condition: str, columns: Sequence[str], keep: Callable[[pa.Table], np.ndarray] | None = None
    ) -> tuple[pa.Table, np.ndarray]:
        """Test rows in a condition, with gold or without, and the numbers of their groups.

        Args:
            columns: of PREDICTIONS.
            keep: a part -> whether to keep each of its rows, bool; all by default.
        """
        tables, groups = [PREDICTIONS.empty_table().select(columns)], [np.empty(0, np.int32)]
        read = list(dict.fromkeys(["product_id", "group", "split", "condition", *columns]))
        for index in self._survey.parts.get(("test", condition), ()):
            part = self.predictions.part(index, read)
            part = part.take(pa.array(rows_shown(part, "test", condition)))
            if keep is not None:
                part = part.filter(pa.array(keep(part), pa.bool_()))
            tables.append(part.select(columns))
            groups.append(self._survey.groups(group_names(part)))
        return pa.concat_tables(tables), np.concatenate(groups)

    def rows(self, numbers: np.ndarray) -> pa.Table:
        """The rows of the table of predictions with these numbers, in this order."""
        order = np.argsort(numbers, kind="stable")
        rising, found = numbers[order], []
        for index, (start, stop) in enumerate(zip(self._survey.starts, self._survey.starts[1:], strict=False)):
            first, last = np.searchsorted(rising, [start, stop])
            if first < last:
                found.append(self.predictions.part(index).take(pa.array(rising[first:last].astype(np.int64) - start)))
        if not found:
            return self.predictions.part(0).slice(0, 0)
        return pa.concat_tables(found).take(pa.array(np.argsort(order, kind="stable")))

    def _cut(self, kept: type[Kept], shown: Shown) -> dict[Cell, Kept]:
        """The cells of a split in a condition.

        Each column is allocated once, at its largest possible length, and sorted in place: pieces that are joined at
        the end would take twice the memory and fragment it.
        """
        groups = self._survey.groups if shown[0] == "test" else Numbering()
        starts, names = self._survey.starts, [field.name for field in fields(kept)]
        longest = sum(starts[index + 1] - starts[index] for index in self._survey.parts.get(shown, ()))
        whole: dict[str, np.ndarray] = {name: np.empty(longest, _KINDS[name]) for name in names}
        number, count, cells = np.empty(longest, np.int32), 0, dict[Cell, int]()
        for index in self._survey.parts.get(shown, ()):
            found = self._columns(index, kept, shown, groups, cells)
            rows = slice(count, count + len(found["cell"]))
            number[rows], count = found.pop("cell"), rows.stop
            for name, column in found.items():
                whole[name][rows] = column
        place = {cell: index for index, cell in enumerate(sorted(cells))}
        number = np.array([place[cell] for cell in cells], np.int32)[number[:count]]
        order = np.argsort(number, kind="stable").astype(np.uint32)
        ends = np.cumsum(np.bincount(number, minlength=len(cells)))
        del number
        for column in whole.values():
            column[:count] = column[order]
        return {
            cell: kept(**{name: column[end - size : end] for name, column in whole.items()})
            for cell, end, size in zip(place, ends, np.diff(ends, prepend=0), strict=True)
        }

    def _columns(
        self, index: int, kept: type[CellPredictions], shown: Shown, groups: Numbering, cells: dict[Cell, int]
    ) -> dict[str, np.ndarray]:
        """A part's columns of ``kept``, and the number of each row's cell; new cells are added to ``cells``."""
        more = _READ_TOO if kept is CellRows else []
        part = self.predictions.part(index, [*_READ, *more])
        rows = rows_shown(part, *shown)
        part = part.take(pa.array(rows))
        known = have_gold(part)
        part, rows = part.filter(pa.array(known)), rows[known]
        cell = _numbered(part, cells)
        found = {
            "cell": cell,
            "confidence": part["confidence"].to_numpy(),
            "correct": are_right(part["prediction"], part["gold"], part["tolerance"]),
            "group": groups(group_names(part)),
        }
        if not more:
            return found
        places = pa.array(list(self.marketplaces), pa.string())
        majority = pa.array([self._majority.get(own) for own in cells], pa.string()).take(pa.array(cell))
        return found | {
            "row": rows + self._survey.starts[index],
            "traits": _traits(part),
            "marketplace": pc.index_in(pc.fill_null(part["marketplace"], UNKNOWN), places).to_numpy(),
            "majority": are_right(pa.chunked_array([majority]), part["gold"], part["tolerance"]),
        }


def _numbered(part: pa.Table, cells: dict[Cell, int]) -> np.ndarray:
    """The number of each row's cell, int32 [N]; new ones are added to ``cells``."""
    types, attributes = (part[name].combine_chunks().dictionary_encode() for name in ("product_type", "attribute"))
    names = types.dictionary.to_pylist(), attributes.dictionary.to_pylist()
    pair = types.indices.to_numpy().astype(np.int64) * len(names[1]) + attributes.indices.to_numpy()
    distinct, inverse = np.unique(pair, return_inverse=True)
    found = [(names[0][code // len(names[1])], names[1][code % len(names[1])]) for code in distinct.tolist()]
    return np.array([cells.setdefault(cell, len(cells)) for cell in found], np.int32)[inverse]


def _traits(part: pa.Table) -> np.ndarray:
    bits = np.zeros(len(part), np.uint8)
    for bit, name in enumerate(TRAITS):
        bits |= pc.fill_null(part[name], False).to_numpy(zero_copy_only=False).astype(np.uint8) << bit
    return bits
