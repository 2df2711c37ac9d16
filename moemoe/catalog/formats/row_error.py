"""The error for a row of a catalog, or a part of it, that cannot be read."""

from collections.abc import Sequence
from typing import Any


class RowError(Exception):
    """The reason why a row cannot be read, or with field "image" or "images" only these.

    ``cells`` are those of a CSV record with more or fewer cells than its header; ``is_short``: it can only lack blank
    cells at its end; ``has_end``: its line has a line break; ``kept``: the readable items of a list.
    """

    is_short = False
    has_end = False

    def __init__(self, field: str, reason: str, detail: str, cells: Sequence[str] = (), kept: Any = None):
        super().__init__(detail)
        self.field, self.reason, self.detail, self.cells, self.kept = field, reason, detail, cells, kept
