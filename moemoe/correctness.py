"""Whether an answer is right: equal to a gold value or, for a measurement, within the tolerance of one.

It needs only the values' text, so that a table of predictions suffices.
"""

import re
from collections.abc import Collection
from decimal import Decimal
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_MEASURE = re.compile(r"(-?\d+(?:\.\d+)?) (.+)")


def is_right(answer: str | None, gold: Collection[str], tolerance: float | None = None) -> bool:
    """Whether ``answer`` is one of the ``gold`` values.

    Args:
        tolerance: for a measurement ("32 cm"), how far its number may lie from that of a gold value in the same unit;
            None: values are names and must be equal.
    """
    if tolerance is None or answer in gold:
        return answer in gold
    return answer is not None and any(_is_near(answer, value, tolerance) for value in gold)


def are_right(
    answers: pa.ChunkedArray, golds: pa.ChunkedArray, tolerances: pa.ChunkedArray | None = None
) -> np.ndarray:
    """``is_right`` for each row of the columns ``prediction``, ``gold`` and ``tolerance`` of PREDICTIONS, bool [N]."""
    lists, given = golds.combine_chunks(), answers.combine_chunks()
    row = pc.list_parent_indices(lists)
    equal = pc.fill_null(pc.equal(lists.flatten(), given.take(row)), False).to_numpy(zero_copy_only=False)
    right = np.zeros(len(lists), dtype=bool)
    right[row.to_numpy()[equal]] = True
    if tolerances is not None and tolerances.null_count < len(tolerances):
        measured = pc.is_valid(tolerances).to_numpy(zero_copy_only=False)
        for index in np.flatnonzero(measured & ~right).tolist():
            right[index] = is_right(given[index].as_py(), lists[index].as_py() or (), tolerances[index].as_py())
    return right


def number_and_unit(value: str) -> tuple[Decimal, str] | None:
    """The number and the unit of a measure ("32 cm"); None for any other value."""
    found = _MEASURE.fullmatch(value)
    return (Decimal(found[1]), found[2]) if found else None


@lru_cache(100_000)
def _is_near(one: str, other: str, tolerance: float) -> bool:
    found, wanted = number_and_unit(one), number_and_unit(other)
    if not found or not wanted or found[1] != wanted[1]:
        return False
    return abs(found[0] - wanted[0]) <= Decimal(str(tolerance))  # 6.4 - 6.1 is 0.3
