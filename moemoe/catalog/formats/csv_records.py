"""CSV -> records of cells: one that cannot be read costs itself alone; the delimiter is found."""

import contextlib
import csv
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from moemoe.catalog.formats.above_header import (
    ABOVE_HEADER,
    is_above_header,
    number_of_comments,
    number_of_labels,
    number_of_titles,
)
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.short_records import mark_short
from moemoe.catalog.formats.table import EMPTY, GridTable
from moemoe.catalog.formats.text import MAX_RECORD, TextFile
from moemoe.errors import CatalogError

csv.field_size_limit(MAX_RECORD)  # Python's own limit is 128 KiB a cell
#: What is left of a quoted cell, its closing quote included; a doubled quote is a quote in the text.
_TO_CLOSING_QUOTE = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_OPEN = "unexpected end of data"
_STRAY = "a quote stands inside of a quoted cell; there it is written twice"
_OTHER_FILES = {
    "pk\x03\x04": "an Excel workbook or a ZIP archive",
    "\x1f\u2039": "compressed",  # as Windows-1252
    "par1": "a Parquet file",
    "%pdf": "a PDF",
    "<": "a web page or XML",
    '{"': "JSON",
    '[{"': "JSON",
}
#: Between cells; of two that divide a header alike the first.
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
FORMULAS = 'rows with cells written ="...", read as their texts'
BACKSLASHES = "rows whose quotes stand behind backslashes, read as doubled"
BLANK_CELLS = "rows with blank cells behind the last column, left out"
JOINED = "rows with a delimiter and a blank within a cell without quotes, read as one cell"
_SEP_LINE = re.compile(r'"?sep=(.)"?[;,\t]*\s*')
_SAMPLED_LINES = 20
_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
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
        self.delimiter = ","
        self.preamble: list[list[str]] = []
        self.header = self._header()
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
        if not sep:
            self.delimiter = self._found_delimiter(lines[0])
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
        each = [max((_filled(line, d) for d in DELIMITERS), default=0) for line in lines]
        comments = number_of_comments(lines)
        cells = [re.split(r"[,;\t|]", line.strip().replace('"', "")) for line in lines]
        titles = number_of_labels(cells) or comments + number_of_titles(each[comments:])
        if is_above_header([], cells[0]):
            titles = 0
        self._give_back(lines[titles + 1 :])
        self.preamble += [[line.strip()] for line in lines[:titles] if line.strip()]
        if titles:
            self._file.counts[ABOVE_HEADER] += len(self.preamble)
        return lines[titles]

    def _found_delimiter(self, header: str) -> str:
        """Of the delimiters that divide the header, the one that most of the next lines agree with."""
        widths = {delimiter: _width(header, delimiter) for delimiter in DELIMITERS}
        candidates = [delimiter for delimiter in DELIMITERS if widths[delimiter] > 1]
        if len(candidates) < 2:
            return candidates[0] if candidates else ","
        lines = [line for _ in range(_SAMPLED_LINES) if (line := self._take())]
        self._give_back(lines)
        agreeing = {d: sum(_width(line, d) == widths[d] for line in lines) for d in candidates}
        return max(candidates, key=lambda delimiter: (agreeing[delimiter], widths[delimiter]))

    def __iter__(self) -> Iterator[list[str] | RowError]:
        """The records after the header.

        Raises:
            CatalogError: the file ends inside of quotes and of a line.
        """
        return mark_short(self._records(), len(self.header))

    def _records(self) -> Iterator[list[str] | RowError]:
        width, line = len(self.header), ""
        unsure = 0  # until which line others may be part of a record before them
        surplus, joins = self._surplus(width), not self._begin_with_blanks(width)
        while line := self._take() or "":
            number, lines, cells = self._line, [line], []
            try:
                cells = self._cells(lines, width)
                if surplus and len(cells) == width + surplus and not any(cells[width:]):
                    self._file.counts[BLANK_CELLS] += 1
                    cells = cells[:width]
                if joins and len(cells) > width and (joined := _joined(cells, width, self.delimiter)):
                    self._file.counts[JOINED] += 1
                    cells = joined
                if len(cells) in (0, width):
                    if cells:
                        yield self._without_formulas(cells) if '="' in line else cells
                    continue
                if not line.strip(_AFTER_THE_END):
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
                raise CatalogError(f"{self._partition} is cut short or is not CSV: line {number}: {_OPEN}")
            bad = RowError("row", "row is not readable", problem, cells)
            bad.has_end = lines[-1].endswith(("\n", "\r"))
            if number > unsure and self._is_short(cells, lines, width):
                bad.is_short = True
                bad.cells = self._without_formulas(cells) if '="' in line else cells
                for _ in lines[1:]:
                    self._take()
            else:
                unsure = max(unsure, end if len(lines) > 1 else 0)
            yield bad

    def _is_short(self, cells: list[str], lines: list[str], width: int) -> bool:
        """Whether a record can only lack cells at its end, as none of its lines is a record itself."""
        is_whole = 0 < len(cells) < width and lines[-1].endswith(("\n", "\r"))
        return is_whole and all(_width(line, self.delimiter) != width for line in lines[1:])

    def _without_formulas(self, cells: list[str]) -> list[str]:
        """The cells, of those that are written ="007" so that Excel keeps the zeros the text."""
        plain = [found[1].replace('""', '"') if (found := _FORMULA.fullmatch(cell)) else cell for cell in cells]
        self._file.counts[FORMULAS] += plain != cells
        return plain

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
                if _OPEN not in str(error):
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

    def _surplus(self, width: int) -> int:
        """How many blank cells the records have behind the header's last, if the first two agree.

        A single record with one more than the others has a delimiter in a text, and is shifted.
        """
        lines = [line for _ in range(2) if (line := self._take())]
        self._give_back(lines)
        with contextlib.suppress(csv.Error):
            cells = [_complete(line, self.delimiter) or [] for line in lines]
            numbers = {len(each) - width for each in cells if not any(each[width:])}
            if len(cells) == 2 and len(numbers) == 1 and all(len(each) > width for each in cells):
                return numbers.pop()
        return 0

    def _begin_with_blanks(self, width: int) -> bool:
        """Whether cells of the first records do, as in files with a blank behind each delimiter."""
        lines = [line for _ in range(_SAMPLED_LINES) if (line := self._take())]
        self._give_back(lines)
        for line in lines:
            with contextlib.suppress(csv.Error):
                cells = _complete(line, self.delimiter) or []
                if len(cells) == width and any(map(_begins_with_blank, cells[1:])):
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
        between = self.delimiter
        cells = _complete(lines[0], between)
        if cells is not None:
            return cells
        number, size = _begun(lines[0], between), len(lines[0])
        while line := self._take():
            lines.append(line)
            size += len(line)
            if size > MAX_RECORD:
                raise _BadRecordError(f"a record of more than {MAX_RECORD >> 20} MiB")
            quoted = _TO_CLOSING_QUOTE.match(line)
            if quoted is None:
                continue
            rest = line[quoted.end() :]
            if not rest.strip("\r\n") or (rest[0] == between and _complete(rest[1:], between) is not None):
                return next(csv.reader(lines, strict=True, delimiter=between))
            if rest[0] != between:
                raise _BadRecordError(_STRAY)
            number += _begun(rest[1:], between)
            if width is not None and number > width:
                raise _BadRecordError(f"a quote opens a cell that does not close within {width} cells")
        self._open_at_end = True
        raise _BadRecordError(f"{_OPEN}: a quote opens a cell that does not close")


def _joined(cells: Sequence[str], width: int, delimiter: str) -> list[str]:
    """The cells of a record with too many, if those that begin with a blank are as many: "Bags, Belts" is one.

    None where another number of cells does.
    """
    further = [at for at, cell in enumerate(cells) if at and _begins_with_blank(cell)]
    if delimiter == "\t" or len(cells) - len(further) != width:
        return []
    joined: list[str] = []
    for at, cell in enumerate(cells):
        if at in further:
            joined[-1] += delimiter + cell
        else:
            joined.append(cell)
    return joined


def _begins_with_blank(cell: str) -> bool:
    return cell[:1] == " " and not cell.isspace()


def _filled(line: str, delimiter: str) -> int:
    """The number of cells of a line that are not blank, of all if the last goes on; 0 if its quotes do not add up."""
    try:
        cells = _complete(line, delimiter)
        return _begun(line, delimiter) if cells is None else sum(bool(cell.strip()) for cell in cells)
    except csv.Error:
        return 0


def _width(line: str, delimiter: str) -> int:
    """The number of cells that begin in a line; 0 if its quotes do not add up."""
    try:
        cells = _complete(line, delimiter)
        return _begun(line, delimiter) if cells is None else len(cells)
    except csv.Error:
        return 0


def _complete(line: str, delimiter: str) -> list[str] | None:
    """The cells of ``line``, None if the last one is quoted and goes on. Raises csv.Error."""
    try:
        return next(csv.reader([line], strict=True, delimiter=delimiter), [])
    except csv.Error as error:
        if _OPEN in str(error):
            return None
        raise csv.Error(_STRAY if "expected after" in str(error) else str(error)) from error


def _begun(line: str, delimiter: str) -> int:
    """How many cells begin in ``line``, whose last one goes on."""
    return len(next(csv.reader([line], delimiter=delimiter)))
