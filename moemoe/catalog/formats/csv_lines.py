"""Splits lines of delimited text into cells, and checks lines before their records are read."""

import contextlib
import csv
import re
from collections.abc import Sequence

from moemoe.catalog.formats.above_header import FEWEST_NAMES, has_groups

#: Delimiters; if two fit a header equally, the first. Hive writes the last one.
DELIMITERS = {
    **{",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"},
    **{"^": "caret", "~": "tilde", "\x01": "control character 1"},
}
#: The rest of a quoted cell with its closing quote; a doubled quote is a quote in the text.
TO_CLOSING_QUOTE = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
OPEN = "unexpected end of data"
STRAY = "a quote inside a quoted cell must be doubled"


def rejoined(cells: Sequence[str], width: int, delimiter: str) -> list[str]:
    """The cells of a record with too many, rejoined where a cell begins with a blank: "Bags, Belts" is one cell.

    Empty unless exactly the surplus number of cells begins with a blank.
    """
    further = [at for at, cell in enumerate(cells) if at and begins_with_blank(cell)]
    if delimiter == "\t" or len(cells) - len(further) != width:
        return []
    joined: list[str] = []
    for at, cell in enumerate(cells):
        if at in further:
            joined[-1] += delimiter + cell
        else:
            joined.append(cell)
    return joined


def begins_with_blank(cell: str) -> bool:
    """Whether a cell's text begins with a blank."""
    return cell[:1] == " " and not cell.isspace()


def filled_cells(line: str, delimiter: str) -> int:
    """The number of non-blank cells in a line, or of all if the last is not closed; 0 if the quotes do not match."""
    try:
        cells = complete(line, delimiter)
        return begun(line, delimiter) if cells is None else sum(bool(cell.strip()) for cell in cells)
    except csv.Error:
        return 0


def width_of(line: str, delimiter: str, blanks: bool = False) -> int:
    """The number of cells that begin in a line; 0 if the quotes do not match."""
    try:
        cells = complete(line, delimiter, blanks)
        return begun(line, delimiter, blanks) if cells is None else len(cells)
    except csv.Error:
        return 0


def complete(line: str, delimiter: str, blanks: bool = False) -> list[str] | None:
    """The cells of ``line``; None if its last quoted cell is not closed. Raises csv.Error.

    Args:
        blanks: whether blanks may precede a cell's quote.
    """
    try:
        return next(csv.reader([line], strict=True, delimiter=delimiter, skipinitialspace=blanks), [])
    except csv.Error as error:
        if OPEN in str(error):
            return None
        if cells := _closed(line, delimiter):
            return cells
        raise csv.Error(STRAY if "expected after" in str(error) else str(error)) from error


def _closed(line: str, delimiter: str) -> list[str]:
    """The cells of a line with blanks after quotes (``"p1" , "Red, long"``); none if it is malformed otherwise."""
    end = re.escape(delimiter)
    closing = rf'((?<!")"(?:"")*|(?:^|{end}) *"") +(?=[{end}\r\n]|$)'  # an odd number of quotes, or a blank cell's
    with contextlib.suppress(csv.Error):
        plain = re.sub(closing, r"\1", line)
        cells = next(csv.reader([plain], strict=True, delimiter=delimiter, skipinitialspace=True), [])
        return [] if any(cell.endswith('"') for cell in cells) else cells
    return []


def begun(line: str, delimiter: str, blanks: bool = False) -> int:
    """How many cells begin in ``line``, whose last one is not closed."""
    return len(next(csv.reader([line], delimiter=delimiter, skipinitialspace=blanks)))


def has_blanks_before_quotes(lines: Sequence[str], delimiter: str) -> bool:
    """Whether there are blanks between delimiters and quotes (``"p1", "Red, long"``), by a header and lines below it.

    Read in this way, at least as many lines must have the header's number of cells.
    """
    if not any(re.search(rf'{re.escape(delimiter)} +"', line) for line in lines):
        return False
    so, otherwise = ([width_of(line, delimiter, blanks) for line in lines] for blanks in (True, False))
    cells = (cell for line in lines for cell in _cells_or_none(line, delimiter))
    return so.count(so[0]) >= otherwise.count(so[0]) and any(re.match(' +"', cell) for cell in cells)


def _cells_or_none(line: str, delimiter: str) -> list[str]:
    with contextlib.suppress(csv.Error):
        return complete(line, delimiter) or []
    return []


def unwrapped(line: str) -> str:
    """The record of a line that is quoted as a whole, as Excel saves a line in which it found no delimiter.

    Any other line, and a title in quotes, is returned unchanged.
    """
    cells = _cells_or_none(line, ",") if line[:1] == '"' else []
    within = cells[0] if len(cells) == 1 else ""
    each = [_cells_or_none(within, delimiter) for delimiter in DELIMITERS]
    is_record = any(len(cells) >= FEWEST_NAMES and not any(map(begins_with_blank, cells)) for cells in each)
    return within + line[len(line.rstrip("\r\n")) :] if is_record else line


def whole_records(lines: Sequence[str]) -> list[list[str]]:
    """Groups lines into records by their quotes; if the last record is not closed, each of its lines is its own."""
    records, quotes = [list[str]()], 0
    for line in lines:
        records[-1].append(line)
        quotes += line.count('"')
        if quotes % 2 == 0:
            records.append([])
    return [*records[:-1], *([line] for line in records[-1])]


def is_below_groups(records: Sequence[str], delimiter: str) -> bool:
    """Whether the second of three records is the header and the first names groups of its columns."""
    cells = [_cells_or_none(record, delimiter) for record in records]
    return len(cells) == 3 and has_groups(*cells)
