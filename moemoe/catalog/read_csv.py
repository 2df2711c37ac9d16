"""CSV -> records of cells: one that cannot be read costs itself alone, and files that are no plain CSV are named."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from moemoe.errors import CatalogError

#: One JSON line or CSV record at most; an image of 32 MiB in base64 fits.
MAX_RECORD = 64 * 2**20

csv.field_size_limit(MAX_RECORD)  # Python's own limit is 128 KiB a cell
#: What is left of a quoted cell, its closing quote included; a doubled quote is a quote in the text.
_TO_CLOSING_QUOTE = re.compile(r'[^"]*+(?:""[^"]*+)*+"')
_OPEN = "unexpected end of data"
_STRAY = "a quote stands inside of a quoted cell; there it is written twice"
_OTHER_FILES = {
    "pk\x03\x04": "an Excel workbook or a ZIP archive",
    "\x1f\udc8b": "compressed",  # bytes that are not UTF-8 come as surrogates
    "par1": "a Parquet file",
    "%pdf": "a PDF",
    "<": "a web page or XML",
    '{"': "JSON",
    '[{"': "JSON",
}
_OTHER_SEPARATORS = {";": "semicolons (;)", "\t": "tabs", "|": "vertical bars (|)"}


@dataclass(frozen=True)
class Unreadable:
    """Why a line is no record."""

    detail: str


class _BadRecordError(Exception):
    pass


class CsvRecords:
    """The header and the records of a CSV file, separated by commas, in UTF-8.

    A record that cannot be read (a stray quote, another number of cells than the header has) comes as ``Unreadable``;
    reading goes on at the line after its first, so that it takes no other record with it. Empty lines are left out.

    Args:
        partition: names the file in errors.
        file: opened with ``newline=""``.

    Raises:
        CatalogError: the file is empty, has other separators than commas, or a line of more than ``MAX_RECORD``.
    """

    def __init__(self, partition: str, file: TextIO):
        self._partition, self._file = partition, file
        self._given_back: deque[str] = deque()
        self._line = 0  # the number of the last line taken
        self._open_at_end = False
        self.header = self._header()

    def _header(self) -> list[str]:
        lines = [self._take()]
        while lines[0] and not lines[0].strip():
            lines = [self._take()]
        if not lines[0]:
            raise CatalogError(f"{self._partition} is empty; a CSV begins with a header")
        for beginning, kind in _OTHER_FILES.items():
            if lines[0].lstrip(" \t\r\n").lower().startswith(beginning):
                raise CatalogError(f"{self._partition} is {kind}, whatever its name says; save it as CSV")
        if re.match(r'"?sep=.', lines[0]):
            raise CatalogError(
                f"{self._partition} begins with {lines[0].strip()!r}, which only Excel understands; delete this line"
                + ("" if "sep=," in lines[0] else " and save the file with commas between the cells")
            )
        separator = max(_OTHER_SEPARATORS, key=lines[0].count)
        if lines[0].count(separator) > lines[0].count(","):
            raise CatalogError(
                f"{self._partition} has {_OTHER_SEPARATORS[separator]} between its cells; save it with commas, or as "
                "Parquet or JSON lines"
            )
        try:
            return self._cells(lines, width=None)
        except (_BadRecordError, csv.Error) as error:
            raise CatalogError(f"{self._partition} is cut short or is not CSV: line 1: {error}") from error

    def __iter__(self) -> Iterator[list[str] | Unreadable]:
        """The records after the header.

        Raises:
            CatalogError: the file ends inside of quotes and of a line.
        """
        width, bad, line = len(self.header), False, ""
        while line := self._take() or "":
            number, lines = self._line, [line]
            try:
                cells = self._cells(lines, width)
                bad = len(cells) not in (0, width)
                problem = f"line {number} has {len(cells)} cells; the header has {width}"
            except (_BadRecordError, csv.Error) as error:
                bad, problem = True, f"line {number}: {error}"
            if bad:
                self._give_back(lines[1:])
                if self._open_at_end and not self._given_back and not line.endswith(("\n", "\r")):
                    raise CatalogError(f"{self._partition} is cut short or is not CSV: line {number}: {_OPEN}")
                yield Unreadable(problem)
            elif cells:
                yield cells

    def _take(self) -> str:
        """The next line with its end, empty after the last."""
        line = self._given_back.popleft() if self._given_back else self._file.readline(MAX_RECORD + 1)
        if len(line) > MAX_RECORD:
            raise CatalogError(f"{self._partition} has a line of more than {MAX_RECORD >> 20} MiB; is it CSV?")
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
        cells = _complete(lines[0])
        if cells is not None:
            return cells
        number, size = _begun(lines[0]), len(lines[0])
        while line := self._take():
            lines.append(line)
            size += len(line)
            if size > MAX_RECORD:
                raise _BadRecordError(f"a record of more than {MAX_RECORD >> 20} MiB")
            quoted = _TO_CLOSING_QUOTE.match(line)
            if quoted is None:
                continue
            rest = line[quoted.end() :]
            if not rest.strip("\r\n") or (rest[0] == "," and _complete(rest[1:]) is not None):
                return next(csv.reader(lines, strict=True))
            if rest[0] != ",":
                raise _BadRecordError(_STRAY)
            number += _begun(rest[1:])
            if width is not None and number > width:
                raise _BadRecordError(f"a quote opens a cell that does not close within {width} cells")
        self._open_at_end = True
        raise _BadRecordError(f"{_OPEN}: a quote opens a cell that does not close")


def _complete(line: str) -> list[str] | None:
    """The cells of ``line``, None if the last one is quoted and goes on. Raises csv.Error."""
    try:
        return next(csv.reader([line], strict=True), [])
    except csv.Error as error:
        if _OPEN in str(error):
            return None
        raise csv.Error(_STRAY if "expected after" in str(error) else str(error)) from error


def _begun(line: str) -> int:
    """How many cells begin in ``line``, whose last one goes on."""
    return len(next(csv.reader([line])))
