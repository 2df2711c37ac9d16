"""Finds the header of delimited text, its delimiter, and how the records below differ from it."""

import contextlib
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from moemoe.catalog.formats.above_header import (
    ABOVE_HEADER,
    has_groups,
    is_above_header,
    named_in_groups,
    names_below_groups,
    number_of_comments,
    number_of_labels,
    number_of_titles,
)
from moemoe.catalog.formats.csv_lines import (
    DELIMITERS,
    filled_cells,
    has_blanks_before_quotes,
    is_below_groups,
    unwrapped,
    whole_records,
    width_of,
)
from moemoe.catalog.formats.csv_source import SAMPLED_LINES, BadRecordError, CsvSource
from moemoe.errors import CatalogError

_OTHER_FILES = {
    "pk\x03\x04": "an Excel workbook or a ZIP archive",
    "\x1f\u2039": "compressed",  # as Windows-1252
    "par1": "a Parquet file",
    "%pdf": "a PDF",
    "<": "a web page or XML",
    '{"': "JSON",
    '[{"': "JSON",
}
_SEP_LINE = re.compile(r'"?sep=(.)"?[;,\t]*\s*')
#: Lines after which sampling stops if no record can be read.
_MOST_LINES = 100


@dataclass
class Header:
    """The header, and what the records below it have in common.

    Args:
        names: its cells; none if the file is empty.
        preamble: the records above it.
        is_padded: each cell has blanks around it, as in a table drawn with bars.
        surplus: number of blank cells after each record's last.
        ends_filled: the last column has a value in each of the first records.
        blank_first: empty lines right below the header.
    """

    names: list[str]
    preamble: list[list[str]] = field(default_factory=list)
    is_padded: bool = False
    surplus: int = 0
    ends_filled: bool = False
    blank_first: int = 0


def read_header(partition: str, source: CsvSource) -> Header:
    """Takes the lines up to and including the header, and sets the delimiter of ``source``.

    The delimiter is that of a line ``sep=``, else the one that splits the header into most cells and fits the
    next lines.

    Raises:
        CatalogError: the file is another kind of file, or cut short.
    """
    header = _header(partition, source)
    header.is_padded = source.delimiter == "|" and any(header.names) and all(map(_is_padded, header.names[1:-1]))
    if header.is_padded:
        header.names = [cell.strip() for cell in header.names]
    first = _first_records(source, len(header.names))
    above = _cells_above(header, source)
    if above and first and has_groups(above, header.names, first[0]):
        header.names = named_in_groups(above, header.names)
    if names := names_below_groups(header.names, *first[:1]):
        while not source.cells([source.take()], None):
            pass
        header.preamble.append(header.names)
        header.names, first = names, first[1:]
        source.counts[ABOVE_HEADER] += 1
    if _are_numbered(first, len(header.names)):
        header.names = ["", *header.names]
    header.surplus = _surplus(first, len(header.names))
    header.ends_filled = all(cells[-1] for cells in first if len(cells) == len(header.names))
    header.blank_first = _blank_lines(source)
    return header


def _cells_above(header: Header, source: CsvSource) -> list[str]:
    """The cells of the record above the header, padded or cut to its width; none if there is no such record."""
    if not header.preamble or len(header.preamble[-1]) > 1:
        return []
    with contextlib.suppress(BadRecordError, csv.Error):
        cells = source.cells([header.preamble[-1][0]], None)
        return [*cells, *[""] * (len(header.names) - len(cells))]
    return []


def _header(partition: str, source: CsvSource) -> Header:
    line = source.take()
    while line and not line.strip():
        line = source.take()
    if not line:
        return Header([])
    if sep := _SEP_LINE.fullmatch(line):
        source.delimiter, line = sep[1], source.take()
    line, preamble = _without_titles(line, source)
    for beginning, kind in _OTHER_FILES.items():
        if line.lstrip(" \t\r\n").lower().startswith(beginning):
            raise CatalogError(f"{partition} is {kind}, whatever its name says; save it as CSV")
    line = unwrapped(line)
    if not sep:
        source.delimiter = _found_delimiter(line, source.ahead())
    source.blanks = has_blanks_before_quotes([line, *source.ahead()], source.delimiter)
    try:
        names, settings = source.cells([line], width=None), list[list[str]]()
        while is_above_header(settings, names):
            settings.append(names)
            names = source.cells([source.take()], width=None)
    except (BadRecordError, csv.Error) as error:
        raise CatalogError(f"{partition} is cut short or is not CSV: line 1: {error}") from error
    return Header(names, settings or preamble)


def _without_titles(first: str, source: CsvSource) -> tuple[str, list[list[str]]]:
    """The header's line (``first`` unless there is a title above it), and the records above it."""
    taken = [first, *(line for _ in range(SAMPLED_LINES) if (line := source.take()))]
    parts = whole_records(taken)
    records = ["".join(part) for part in parts]
    each = [max(filled_cells(unwrapped(record), d) for d in DELIMITERS) for record in records]
    comments = number_of_comments(records)
    cells = [re.split(r"[,;\t|]", record.strip().replace('"', "")) for record in records]
    titles = number_of_labels(cells) or comments + number_of_titles(each[comments:])
    titles += any(is_below_groups(records[titles : titles + 3], delimiter) for delimiter in DELIMITERS)
    if is_above_header([], cells[0]):
        titles = 0
    above = sum(map(len, parts[:titles]))
    source.give_back(taken[above + 1 :])
    preamble = [[record.strip()] for record in records[:titles] if record.strip()]
    if titles:
        source.counts[ABOVE_HEADER] += len(preamble)
    return taken[above], preamble


def _found_delimiter(header: str, below: Sequence[str]) -> str:
    """Of the delimiters in the header, the one that fits most of the lines ``below``."""
    widths = {delimiter: width_of(header, delimiter) for delimiter in DELIMITERS}
    candidates = [delimiter for delimiter in DELIMITERS if widths[delimiter] > 1]
    if len(candidates) < 2:
        return candidates[0] if candidates else ","
    agreeing = {d: sum(width_of(line, d) == widths[d] for line in below) for d in candidates}
    return max(candidates, key=lambda delimiter: (agreeing[delimiter], widths[delimiter]))


def _first_records(source: CsvSource, width: int) -> list[list[str]]:
    """The first readable records, without taking them."""
    was_open, taken, found = source.open_at_end, list[str](), list[list[str]]()
    while len(found) < SAMPLED_LINES and len(taken) < _MOST_LINES and (line := source.take()):
        own = [line]
        with contextlib.suppress(BadRecordError, csv.Error):
            found += [cells] if (cells := source.cells(own, 2 * width)) else []
        taken += own
    source.give_back(taken)
    source.open_at_end = was_open
    return found


def _blank_lines(source: CsvSource) -> int:
    number = 0
    while (line := source.take()) and not line.strip("\r\n"):
        number += 1
    source.give_back([line] if line else [])
    return number


def _surplus(records: Sequence[Sequence[str]], width: int) -> int:
    """The number of blank cells after the last column, if the first two records agree.

    A single record with an extra cell has a delimiter in a text and is shifted.
    """
    numbers = {len(cells) - width for cells in records[:2] if len(cells) > width and not any(cells[width:])}
    is_every = len(records) > 1 and len({len(cells) for cells in records[:2]}) == 1
    return numbers.pop() if is_every and numbers and all(not any(c[width:]) for c in records[:2]) else 0


def _are_numbered(records: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the records begin with a row number that has no name in the header, as R writes them."""
    numbers = [cells[0] for cells in records if len(cells) == width + 1]
    if len(records) != len(numbers) or len(numbers) < 2 or not any(cells[-1] for cells in records):
        return False
    return numbers[0].isdecimal() and numbers == [str(int(numbers[0]) + i) for i in range(len(numbers))]


def _is_padded(cell: str) -> bool:
    """Whether a name has blanks around it, as in a table drawn with bars."""
    return cell.strip() != "" and cell.startswith(" ") and cell.endswith(" ")
