"""Why a row of a catalog, or a part of it, cannot be read."""

from collections.abc import Sequence
from typing import Any


class RowError(Exception):
    """Why a row, or with field "image" or "images" these alone, cannot be read.

    ``cells`` are those of a CSV record that has more or fewer than its header, and ``is_short`` says that one
    with fewer can only lack blank ones at its end, ``has_end`` that its line has one; ``kept`` is what can be read of a
    list.
    """

    is_short = False
    has_end = False

    def __init__(self, field: str, reason: str, detail: str, cells: Sequence[str] = (), kept: Any = None):
        super().__init__(detail)
        self.field, self.reason, self.detail, self.cells, self.kept = field, reason, detail, cells, kept
