"""Reads predictions in parts, so that memory holds one part and the measurements of the others."""

from collections.abc import Iterator, Sequence
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.errors import MoEMoEError
from moemoe.schemas import AS_IS, FORMER_CONDITIONS, PREDICTIONS, WITHHELD
from moemoe.table_parts import completed

Shown = tuple[str, str]
"""Split and condition."""


class EvaluationError(MoEMoEError):
    """A predictions table that cannot be evaluated."""


class Parts(Protocol):
    """A table in parts; ``moemoe.table_parts.ListedParts`` is one. See there."""

    def __len__(self) -> int: ...
    def part(self, index: int, columns: Sequence[str] | None = None) -> pa.Table: ...  # noqa: D102


class WholeTable:
    """A table in memory as its only part."""

    def __init__(self, table: pa.Table):
        self._table = table

    def __len__(self) -> int:
        return 1

    def part(self, index: int, columns: Sequence[str] | None = None) -> pa.Table:
        """The table, all ``columns`` or some."""
        return self._table.select(columns) if columns else self._table


Predictions: TypeAlias = pa.Table | Parts
"""PREDICTIONS, in memory or in parts."""


def in_parts(predictions: Predictions) -> Parts:
    """The predictions as parts.

    Raises:
        EvaluationError: the table lacks columns of PREDICTIONS.
    """
    if not isinstance(predictions, pa.Table):
        return predictions
    whole = completed(predictions, PREDICTIONS)
    check_columns(whole)
    return WholeTable(whole)


def shown_in(part: pa.Table) -> list[Shown]:
    """The splits and conditions that a part has rows of, in the order in which they come."""
    found = part.select(["split", "condition"]).group_by(["split", "condition"], use_threads=False).aggregate([])
    conditions = [FORMER_CONDITIONS.get(name, name) for name in found["condition"].to_pylist()]
    return list(zip(found["split"].to_pylist(), conditions, strict=True))


def rows_shown(part: pa.Table, split: str, condition: str) -> np.ndarray:
    """The numbers of a part's rows that are of a split in a condition."""
    names = [condition, *(former for former, now in FORMER_CONDITIONS.items() if now == condition)]
    shown = pc.and_(pc.equal(part["split"], split), pc.is_in(part["condition"], pa.array(names)))
    return np.flatnonzero(pc.fill_null(shown, False).to_numpy(zero_copy_only=False))


def main_condition(conditions: set[str]) -> str:
    """The condition that the headline is of: ``as is``, or ``withheld`` if no row is as is."""
    return WITHHELD if WITHHELD in conditions and AS_IS not in conditions else AS_IS


def group_names(part: pa.Table) -> pa.ChunkedArray:
    """The group of each row; a row without one is a group of its own product."""
    return pc.coalesce(part["group"], part["product_id"])


def have_gold(part: pa.Table) -> np.ndarray:
    """Whether each row has a gold value, bool [N]."""
    known = pc.greater(pc.list_value_length(part["gold"]), 0)
    return pc.fill_null(known, False).to_numpy(zero_copy_only=False)


def check_columns(part: pa.Table) -> None:
    """Raises EvaluationError if a part lacks columns of PREDICTIONS."""
    missing = [name for name in PREDICTIONS.names if name not in part.column_names]
    if missing:
        raise EvaluationError(f"predictions lack the columns {', '.join(missing)}")


def all_parts(parts: Parts, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The parts, one after the other."""
    return (parts.part(index, columns) for index in range(len(parts)))
