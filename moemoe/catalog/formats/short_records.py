"""Decides which CSV records with fewer cells than the header only lack trailing blank cells.

Excel and many exporters omit such cells. An unquoted line break in a cell also splits a record into two short ones,
which must not become two products, and a truncated file ends in a short record.
"""

from collections.abc import Iterator

from moemoe.catalog.formats.row_error import RowError

PADDED = "rows with fewer cells than the header, padded with blank cells"


def mark_short(records: Iterator[list[str] | RowError], width: int) -> Iterator[list[str] | RowError]:
    """The records; ``is_short`` of a RowError is reset if the record may be part of a split one.

    Args:
        records: a short record comes as a RowError, with ``is_short`` if its line is complete.
        width: number of cells in the header.
    """
    before, waiting = None, None
    for record in records:
        number = _number(record, width)
        if number is not None and before is not None and number + before <= width + 1:
            # The parts of a record split once have one cell more than the header; split again, any two have fewer.
            _take_back(record)
            _take_back(waiting)
        if waiting is not None:
            yield waiting
        waiting, before = record, number
    if waiting is not None:
        yield waiting


def _number(record: list[str] | RowError, width: int) -> int | None:
    """The number of cells of a short record, 0 for an unreadable one, None for a complete one."""
    if not isinstance(record, RowError) or len(record.cells) > width:
        return None
    return len(record.cells) if record.is_short else 0


def _take_back(record: list[str] | RowError | None) -> None:
    if isinstance(record, RowError):
        record.is_short = False
