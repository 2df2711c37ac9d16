"""CSV -> records of cells: one that cannot be read costs itself alone; the delimiter is found."""

import contextlib
import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from moemoe.catalog.formats.above_header import (
    ABOVE_HEADER,
    is_above_header,
    names_below_groups,
    number_of_comments,
    number_of_labels,
    number_of_titles,
)
from moemoe.catalog.formats.csv_lines import (
    DELIMITERS,
    OPEN,
    STRAY,
    TO_CLOSING_QUOTE,
    begins_with_blank,
    begun,
    complete,
    filled_cells,
    has_blanks_before_quotes,
    is_below_groups,
    rejoined,
    unwrapped,
    whole_records,
    width_of,
)
from moemoe.catalog.formats.escaped_lines import are_escaped, escaped_records, unescaped
from moemoe.catalog.formats.formulas import without_formulas
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.short_records import mark_short
from moemoe.catalog.formats.table import EMPTY, GridTable
from moemoe.catalog.formats.text import MAX_RECORD, TextFile
from moemoe.errors import CatalogError

csv.field_size_limit(MAX_RECORD)  # Python's own limit is 128 KiB a cell
_OTHER_FILES = {
    "pk\x03\x04": "an Excel workbook or a ZIP archive",
    "\x1f\u2039": "compressed",  # as Windows-1252
    "par1": "a Parquet file",
    "%pdf": "a PDF",
    "<": "a web page or XML",
    '{"': "JSON",
    '[{"': "JSON",
}
BACKSLASHES = "rows whose quotes stand behind backslashes, read as doubled"
BLANK_CELLS = "rows with blank cells behind the last column, left out"
WRAPPED = "rows that were quoted as a whole, read as their cells"
JOINED = "rows with a delimiter and a blank within a cell without quotes, read as one cell"
_SEP_LINE = re.compile(r'"?sep=(.)"?[;,\t]*\s*')
_SAMPLED_LINES = 20
#: What DOS and interrupted downloads leave behind the last record.
_AFTER_THE_END = "\0\x1a\r\n"
#: Of a record with quotes behind backslashes, which is read anew with each line.
_MOST_LINES = 100


class _BadRecordError(Exception):
    pass


def open_csv(partition: str, path: Path, constants: Mapping[str, str | None]) -> GridTable:
    """Delimited text with a header; an empty file has no columns, as databases write it of a part without rows.

    Raises:
        CatalogError: the file is another kind of file, or cut short.
    """
    text = TextFile(partition, path, "")
    records = CsvRecords(partition, text)
    name = f"CSV ({DELIMITERS.get(records.delimiter, records.delimiter)})"
    table = GridTable(partition, records.header, iter(records), constants, records.preamble, name)
    table.counts, table.blank_first = text.counts, records.blank_first
    if not records.header:
        table.counts[EMPTY] = 1
    return table


class CsvRecords:
    """The header and the records of delimited text.

    A record that cannot be read (a stray quote, another number of cells than the header has) comes as ``RowError``,
    with its cells if only their number is wrong; reading goes on at the line after its first, so that it takes no other
    record with it. Empty lines are left out. A record that can be read in no other way is read with quotes behind
    backslashes. Between tabs, where many programs write quotes as they are, a record whose quotes do not add up is read
    without them.

    Args:
        partition: names the file in errors.
        file: opened with ``newline=""``.

    Attributes:
        delimiter: what a line ``sep=`` says, else what divides the header into most cells and fits the next lines.
        header: its cells; none if the file is empty.
        preamble: the records above the header.
        blank_first: empty lines right below the header.

    Raises:
        CatalogError: the file is no text, or has a line of more than ``MAX_RECORD``.
    """

    def __init__(self, partition: str, file: TextFile):
        self._partition, self._file = partition, file
        self._given_back: deque[str] = deque()
        self._line = 0  # the number of the last line taken
        self._open_at_end = False
        self._blanks = False  # before quotes
        self.delimiter = ","
        self.preamble: list[list[str]] = []
        self.header = self._header()
        self._is_padded = self.delimiter == "|" and any(self.header) and all(map(_is_padded, self.header[1:-1]))
        self.header = _without_blanks(self.header) if self._is_padded else self.header
        first = self._first_records()
        if names := names_below_groups(self.header, *first[:1]):
            while not self._cells([self._take()], None):
                pass
            self.preamble.append(self.header)
            self.header, first = names, first[1:]
            self._file.counts[ABOVE_HEADER] += 1
        if _are_numbered(first, len(self.header)):
            self.header = ["", *self.header]
        self._surplus = _surplus(first, len(self.header))
        self._ends_filled = all(cells[-1] for cells in first if len(cells) == len(self.header))
        self.blank_first = self._blank_lines()

    def _header(self) -> list[str]:
        lines = [self._take()]
        while lines[0] and not lines[0].strip():
            lines = [self._take()]
        if not lines[0]:
            return []
        if sep := _SEP_LINE.fullmatch(lines[0]):
            self.delimiter, lines = sep[1], [self._take()]
        lines = [self._without_titles(lines[0])]
        for beginning, kind in _OTHER_FILES.items():
            if lines[0].lstrip(" \t\r\n").lower().startswith(beginning):
                raise CatalogError(f"{self._partition} is {kind}, whatever its name says; save it as CSV")
        lines = [unwrapped(lines[0])]
        if not sep:
            self.delimiter = self._found_delimiter(lines[0])
        self._blanks = has_blanks_before_quotes([lines[0], *self._lines_ahead()], self.delimiter)
        try:
            header, settings = self._cells(lines, width=None), list[list[str]]()
            while is_above_header(settings, header):
                settings.append(header)
                header = self._cells([self._take()], width=None)
            self.preamble = settings or self.preamble
            return header
        except (_BadRecordError, csv.Error) as error:
            raise CatalogError(f"{self._partition} is cut short or is not CSV: line 1: {error}") from error

    def _without_titles(self, first: str) -> str:
        """The header's line, which is ``first`` unless a title stands above it."""
        lines = [first, *(line for _ in range(_SAMPLED_LINES) if (line := self._take()))]
        parts = whole_records(lines)
        records = ["".join(part) for part in parts]
        each = [max(filled_cells(unwrapped(record), d) for d in DELIMITERS) for record in records]
        comments = number_of_comments(records)
        cells = [re.split(r"[,;\t|]", record.strip().replace('"', "")) for record in records]
        titles = number_of_labels(cells) or comments + number_of_titles(each[comments:])
        titles += any(is_below_groups(records[titles : titles + 3], delimiter) for delimiter in DELIMITERS)
        if is_above_header([], cells[0]):
            titles = 0
        above = sum(map(len, parts[:titles]))
        self._give_back(lines[above + 1 :])
        self.preamble += [[record.strip()] for record in records[:titles] if record.strip()]
        if titles:
            self._file.counts[ABOVE_HEADER] += len(self.preamble)
        return lines[above]

    def _found_delimiter(self, header: str) -> str:
        """Of the delimiters that divide the header, the one that most of the next lines agree with."""
        widths = {delimiter: width_of(header, delimiter) for delimiter in DELIMITERS}
        candidates = [delimiter for delimiter in DELIMITERS if widths[delimiter] > 1]
        if len(candidates) < 2:
            return candidates[0] if candidates else ","
        lines = self._lines_ahead()
        agreeing = {d: sum(width_of(line, d) == widths[d] for line in lines) for d in candidates}
        return max(candidates, key=lambda delimiter: (agreeing[delimiter], widths[delimiter]))

    def __iter__(self) -> Iterator[list[str] | RowError]:
        """The records after the header.

        Raises:
            CatalogError: the file ends inside of quotes and of a line.
        """
        if self.delimiter == "\t" and are_escaped(self._lines_ahead()):
            return escaped_records(self._take, len(self.header), self._line + 1, self._file.counts)
        records = mark_short(self._records(), len(self.header))
        return map(_without_blanks, records) if self._is_padded else records

    def _records(self) -> Iterator[list[str] | RowError]:
        width, line = len(self.header), ""
        unsure = 0  # until which line others may be part of a record before them
        surplus, joins = self._surplus, not self._begin_with_blanks(width)
        while line := self._take() or "":
            number, lines, cells = self._line, [line], []
            try:
                cells = self._cells(lines, width)
                if surplus and len(cells) == width + surplus and not any(cells[width:]):
                    self._file.counts[BLANK_CELLS] += 1
                    cells = cells[:width]
                if joins and len(cells) > width and (mended := rejoined(cells, width, self.delimiter)):
                    self._file.counts[JOINED] += 1
                    cells = mended
                if self._ends_filled and len(cells) > width and not any(cells[width:]) and cells[width - 1]:
                    self._file.counts[BLANK_CELLS] += 1
                    cells = cells[:width]
                if len(cells) in (0, width):
                    if cells:
                        yield self._plain(cells, lines)
                    continue
                if not line.strip(_AFTER_THE_END):
                    continue
                if len(cells) == 1 and len(within := self._within(cells[0])) == width:
                    self._file.counts[WRAPPED] += 1
                    yield within
                    continue
                problem = f"line {number} has {len(cells)} cells; the header has {width}"
            except (_BadRecordError, csv.Error) as error:
                problem = f"line {number}: {error}"
            end = self._line
            self._give_back(lines[1:])
            if any('\\"' in one for one in lines) and (mended := self._with_doubled_quotes(line, width)):
                yield mended
                continue
            if self.delimiter == "\t" and len(plain := line.rstrip("\r\n").split("\t")) == width:
                yield plain
                continue
            if self._open_at_end and not self._given_back and not line.endswith(("\n", "\r")):
                raise CatalogError(f"{self._partition} is cut short or is not CSV: line {number}: {OPEN}")
            bad = RowError("row", "row is not readable", problem, cells)
            bad.has_end = lines[-1].endswith(("\n", "\r"))
            if number > unsure and self._is_short(cells, lines, width):
                bad.is_short = True
                bad.cells = self._plain(cells, lines)
                for _ in lines[1:]:
                    self._take()
            else:
                unsure = max(unsure, end if len(lines) > 1 else 0)
            yield bad

    def _is_short(self, cells: list[str], lines: list[str], width: int) -> bool:
        """Whether a record can only lack cells at its end, as none of its lines is a record itself."""
        is_whole = 0 < len(cells) < width and lines[-1].endswith(("\n", "\r"))
        return is_whole and all(width_of(line, self.delimiter, self._blanks) != width for line in lines[1:])

    def _within(self, cell: str) -> list[str]:
        """The cells of a record that is the only cell of its line; none if its quotes do not add up."""
        with contextlib.suppress(csv.Error):
            return next(csv.reader(cell.splitlines(keepends=True), strict=True, delimiter=self.delimiter), [])
        return []

    def _plain(self, cells: list[str], lines: list[str]) -> list[str]:
        """The cells without formulas, and without backslashes before quotes, which nearly no line can have."""
        text = lines[0] if len(lines) == 1 else "".join(lines)
        if '\\"' in text and '\\""' not in text:
            given, cells = cells, unescaped(cells)
            self._file.counts[BACKSLASHES] += cells != given
        may_be = '="' in text or '"=' in text or f"{self.delimiter}=" in text or text[:1] == "="
        return without_formulas(cells, self._file.counts) if may_be else cells

    def _with_doubled_quotes(self, line: str, width: int) -> list[str]:
        """The cells of a record with quotes behind backslashes, as Spark and MySQL write them; none if it is no such.

        Only the backslash before a quote is taken for one.
        """
        lines = [line]
        while lines[-1] and len(lines) <= _MOST_LINES:
            doubled = [one.replace('\\"', '""') for one in lines]
            try:
                cells = next(csv.reader(doubled, strict=True, delimiter=self.delimiter), [])
            except csv.Error as error:
                if OPEN not in str(error):
                    break
                lines.append(self._take())
                continue
            if len(cells) != width:
                break
            self._file.counts[BACKSLASHES] += 1
            return cells
        self._give_back([one for one in lines[1:] if one])
        return []

    def _blank_lines(self) -> int:
        number = 0
        while (line := self._take()) and not line.strip("\r\n"):
            number += 1
        self._give_back([line] if line else [])
        return number

    def _first_records(self) -> list[list[str]]:
        """The first records that can be read, which are still to come."""
        width, was_open = len(self.header), self._open_at_end
        taken, found = list[str](), list[list[str]]()
        while len(found) < _SAMPLED_LINES and len(taken) < _MOST_LINES and (line := self._take()):
            lines = [line]
            with contextlib.suppress(_BadRecordError, csv.Error):
                found += [cells] if (cells := self._cells(lines, 2 * width)) else []
            taken += lines
        self._give_back(taken)
        self._open_at_end = was_open
        return found

    def _lines_ahead(self) -> list[str]:
        """The next lines, which are still to come."""
        lines = [line for _ in range(_SAMPLED_LINES) if (line := self._take())]
        self._give_back(lines)
        return lines

    def _begin_with_blanks(self, width: int) -> bool:
        """Whether cells of the first records do, as in files with a blank behind each delimiter."""
        for line in self._lines_ahead():
            with contextlib.suppress(csv.Error):
                cells = complete(line, self.delimiter, self._blanks) or []
                if len(cells) == width and any(map(begins_with_blank, cells[1:])):
                    return True
        return False

    def _take(self) -> str:
        """The next line with its end, empty after the last."""
        line = self._given_back.popleft() if self._given_back else self._file.readline()
        self._line += bool(line)
        return line

    def _give_back(self, lines: list[str]) -> None:
        self._given_back.extendleft(reversed(lines))
        self._line -= len(lines)

    def _cells(self, lines: list[str], width: int | None) -> list[str]:
        """The cells of the record that begins with the one line of ``lines``; lines that it goes on with are added.

        A record with an open quote fails where it has more cells than ``width``: no file is read again and again.

        Raises:
            csv.Error: quotes where they may not be.
            _BadRecordError: the quotes do not close, or too late.
        """
        between, blanks = self.delimiter, self._blanks
        cells = complete(lines[0], between, blanks)
        if cells is not None:
            return cells
        number, size = begun(lines[0], between, blanks), len(lines[0])
        while line := self._take():
            lines.append(line)
            size += len(line)
            if size > MAX_RECORD:
                raise _BadRecordError(f"a record of more than {MAX_RECORD >> 20} MiB")
            quoted = TO_CLOSING_QUOTE.match(line)
            if quoted is None:
                continue
            rest = line[quoted.end() :]
            if not rest.strip("\r\n") or (rest[0] == between and complete(rest[1:], between, blanks) is not None):
                return next(csv.reader(lines, strict=True, delimiter=between, skipinitialspace=blanks))
            if rest[0] != between:
                raise _BadRecordError(STRAY)
            number += begun(rest[1:], between, blanks)
            if width is not None and number > width:
                raise _BadRecordError(f"a quote opens a cell that does not close within {width} cells")
        self._open_at_end = True
        raise _BadRecordError(f"{OPEN}: a quote opens a cell that does not close")


def _surplus(records: Sequence[Sequence[str]], width: int) -> int:
    """How many blank cells the records have behind the header's last, if the first two agree.

    A single record with one more than the others has a delimiter in a text, and is shifted.
    """
    numbers = {len(cells) - width for cells in records[:2] if len(cells) > width and not any(cells[width:])}
    is_every = len(records) > 1 and len({len(cells) for cells in records[:2]}) == 1
    return numbers.pop() if is_every and numbers and all(not any(c[width:]) for c in records[:2]) else 0


def _are_numbered(records: Sequence[Sequence[str]], width: int) -> bool:
    """Whether the records have a number in front for which the header has no name, as R writes them."""
    numbers = [cells[0] for cells in records if len(cells) == width + 1]
    if len(records) != len(numbers) or len(numbers) < 2 or not any(cells[-1] for cells in records):
        return False
    return numbers[0].isdecimal() and numbers == [str(int(numbers[0]) + i) for i in range(len(numbers))]


def _is_padded(cell: str) -> bool:
    """Whether blanks stand around a name, as in a table that is drawn with bars."""
    return cell.strip() != "" and cell.startswith(" ") and cell.endswith(" ")


_Record = TypeVar("_Record", list[str], list[str] | RowError)


def _without_blanks(record: _Record) -> _Record:
    return record if isinstance(record, RowError) else [cell.strip() for cell in record]
