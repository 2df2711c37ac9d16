"""Reads CSV as records of cells; an unreadable record does not affect the others."""

import contextlib
import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from moemoe.catalog.formats.csv_header import Header, read_header
from moemoe.catalog.formats.csv_lines import DELIMITERS, OPEN, begins_with_blank, complete, rejoined, width_of
from moemoe.catalog.formats.csv_source import BadRecordError, CsvSource, ends
from moemoe.catalog.formats.escaped_lines import are_escaped, escaped_records, unescaped
from moemoe.catalog.formats.formulas import without_formulas
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.short_records import mark_short
from moemoe.catalog.formats.table import EMPTY, GridTable
from moemoe.catalog.formats.text import TextFile
from moemoe.errors import CatalogError

BACKSLASHES = "rows with backslash-escaped quotes, read as quotes"
BLANK_CELLS = "rows with blank cells behind the last column, left out"
WRAPPED = "rows quoted as a whole, split into cells"
JOINED = "rows with a delimiter inside an unquoted cell, read as one cell"
#: Characters that DOS and interrupted downloads leave after the last record.
_AFTER_THE_END = "\0\x1a\r\n"
#: Most lines of a record with backslash-escaped quotes, which is parsed again with each line.
_MOST_LINES = 100


def open_csv(partition: str, path: Path, constants: Mapping[str, str | None]) -> GridTable:
    """Opens delimited text with a header; an empty file, as databases write for a part without rows, has no columns.

    Raises:
        CatalogError: the file is another kind of file, or cut short.
    """
    text = TextFile(partition, path, "")
    source = CsvSource(text)
    header = read_header(partition, source)
    records = CsvRecords(partition, source, header)
    name = f"CSV ({DELIMITERS.get(source.delimiter, source.delimiter)})"
    table = GridTable(partition, header.names, iter(records), constants, header.preamble, name)
    table.counts, table.blank_first = text.counts, header.blank_first
    if not header.names:
        table.counts[EMPTY] = 1
    return table


class CsvRecords:
    """The records below the header of delimited text.

    An unreadable record (a stray quote, a wrong number of cells) is returned as ``RowError``, with its cells if only
    their number is wrong. Reading continues at the line after its first one, so that no other record is lost. Empty
    lines are skipped. A record that cannot be read otherwise is read with backslash-escaped quotes. Between tabs, where
    many programs do not escape quotes, a record whose quotes do not match is read with literal quotes.

    Args:
        partition: names the file in errors.
        source: its lines below the header.
        header: what ``read_header`` found.
    """

    def __init__(self, partition: str, source: CsvSource, header: Header):
        self._partition, self._source, self._header = partition, source, header
        self._width, self._counts = len(header.names), source.counts
        self._joins = not self._begin_with_blanks()
        self._unsure = 0  # up to this line, lines may be part of an earlier record

    def __iter__(self) -> Iterator[list[str] | RowError]:
        """The records.

        Raises:
            CatalogError: the file ends within quotes and within a line.
        """
        source = self._source
        if source.delimiter == "\t" and are_escaped(source.ahead()):
            return escaped_records(source.take, self._width, source.number + 1, self._counts)
        records = mark_short(self._records(), self._width)
        return map(_without_blanks, records) if self._header.is_padded else records

    def _records(self) -> Iterator[list[str] | RowError]:
        while line := self._source.take():
            number, lines, cells = self._source.number, [line], list[str]()
            try:
                cells = self._of_width(self._source.cells(lines, self._width))
                if len(cells) == self._width:
                    yield self._plain(cells, lines)
                    continue
                if not cells or not line.strip(_AFTER_THE_END):
                    continue
                if len(cells) == 1 and len(within := self._within(cells[0])) == self._width:
                    self._counts[WRAPPED] += 1
                    yield within
                    continue
                problem = f"line {number} has {len(cells)} cells; the header has {self._width}"
            except (BadRecordError, csv.Error) as error:
                problem = f"line {number}: {error}"
            yield self._read_otherwise(number, lines, cells, problem)

    def _of_width(self, cells: list[str]) -> list[str]:
        """The cells without blank ones after the last column; cells split by an unquoted delimiter are rejoined."""
        width, surplus = self._width, self._header.surplus
        if len(cells) <= width:
            return cells
        if surplus and len(cells) == width + surplus and not any(cells[width:]):
            self._counts[BLANK_CELLS] += 1
            return cells[:width]
        if self._joins and (mended := rejoined(cells, width, self._source.delimiter)):
            self._counts[JOINED] += 1
            return mended
        if self._header.ends_filled and not any(cells[width:]) and cells[width - 1]:
            self._counts[BLANK_CELLS] += 1
            return cells[:width]
        return cells

    def _read_otherwise(self, number: int, lines: list[str], cells: list[str], problem: str) -> list[str] | RowError:
        """Tries other readings of an unreadable record; lines that it does not use are given back."""
        line, end = lines[0], self._source.number
        self._source.give_back(lines[1:])
        if any('\\"' in one for one in lines) and (mended := self._with_doubled_quotes(line)):
            return mended
        if self._source.delimiter == "\t" and len(plain := line.rstrip("\r\n").split("\t")) == self._width:
            return plain
        if self._source.open_at_end and self._source.is_last(line):
            raise CatalogError(f"{self._partition} is cut short or is not CSV: line {number}: {OPEN}")
        bad = RowError("row", "row is not readable", problem, cells)
        bad.has_end = ends(lines[-1])
        if number > self._unsure and self._is_short(cells, lines):
            bad.is_short = True
            bad.cells = self._plain(cells, lines)
            for _ in lines[1:]:
                self._source.take()
        else:
            self._unsure = max(self._unsure, end if len(lines) > 1 else 0)
        return bad

    def _is_short(self, cells: list[str], lines: list[str]) -> bool:
        """Whether a record can only lack trailing cells, as none of its lines is a record itself."""
        if not 0 < len(cells) < self._width or not ends(lines[-1]):
            return False
        return all(width_of(line, self._source.delimiter, self._source.blanks) != self._width for line in lines[1:])

    def _within(self, cell: str) -> list[str]:
        """The cells of a record that is the only cell of its line; none if the quotes do not match."""
        with contextlib.suppress(csv.Error):
            return next(csv.reader(cell.splitlines(keepends=True), strict=True, delimiter=self._source.delimiter), [])
        return []

    def _plain(self, cells: list[str], lines: list[str]) -> list[str]:
        """The cells without formulas and without backslashes before quotes; nearly no line has either."""
        text = lines[0] if len(lines) == 1 else "".join(lines)
        if '\\"' in text and '\\""' not in text:
            given, cells = cells, unescaped(cells)
            self._counts[BACKSLASHES] += cells != given
        may_be = '="' in text or '"=' in text or f"{self._source.delimiter}=" in text or text[:1] == "="
        return without_formulas(cells, self._counts) if may_be else cells

    def _with_doubled_quotes(self, line: str) -> list[str]:
        """The cells of a record with backslash-escaped quotes, as Spark and MySQL write them; none for other records.

        Only a backslash before a quote counts as an escape.
        """
        lines = [line]
        while lines[-1] and len(lines) <= _MOST_LINES:
            doubled = [one.replace('\\"', '""') for one in lines]
            try:
                cells = next(csv.reader(doubled, strict=True, delimiter=self._source.delimiter), [])
            except csv.Error as error:
                if OPEN not in str(error):
                    break
                lines.append(self._source.take())
                continue
            if len(cells) != self._width:
                break
            self._counts[BACKSLASHES] += 1
            return cells
        self._source.give_back([one for one in lines[1:] if one])
        return []

    def _begin_with_blanks(self) -> bool:
        """Whether cells of the first records begin with blanks, as in files with a blank after each delimiter."""
        for line in self._source.ahead():
            with contextlib.suppress(csv.Error):
                cells = complete(line, self._source.delimiter, self._source.blanks) or []
                if len(cells) == self._width and any(map(begins_with_blank, cells[1:])):
                    return True
        return False


_Record = TypeVar("_Record", list[str], list[str] | RowError)


def _without_blanks(record: _Record) -> _Record:
    return record if isinstance(record, RowError) else [cell.strip() for cell in record]
