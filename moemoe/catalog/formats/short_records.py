"""CSV records with fewer cells than their header: which of them lack nothing but blank cells at their end.

Excel and many exporters leave such cells out. A line break in a cell without quotes cuts a record into two short ones,
which must not be read as two products, and a file that was cut ends in a short one.
"""

from collections.abc import Iterator

from moemoe.catalog.formats.row_error import RowError

PADDED = "rows with fewer cells than the header, padded with blank cells"


def mark_short(records: Iterator[list[str] | RowError], width: int) -> Iterator[list[str] | RowError]:
    """The records; ``is_short`` of a RowError is taken back if the record may be part of a cut one.

    Args:
        records: in the place of a short one a RowError, with ``is_short`` if its line is whole.
        width: cells of the header.
    """
    before, waiting = None, None
    for record in records:
        number = _number(record, width)
        if number is not None and before is not None and number + before <= width + 1:
            # Cut once, the parts have a cell more together than the header; cut again, any two of them have fewer.
            _take_back(record)
            _take_back(waiting)
        if waiting is not None:
            yield waiting
        waiting, before = record, number
    if waiting is not None:
        yield waiting


def _number(record: list[str] | RowError, width: int) -> int | None:
    """The cells of a short record, 0 of one that cannot be read and may be anything; None if it has all."""
    if not isinstance(record, RowError) or len(record.cells) > width:
        return None
    return len(record.cells) if record.is_short else 0


def _take_back(record: list[str] | RowError | None) -> None:
    if isinstance(record, RowError):
        record.is_short = False
