"""Reads workbooks (.xlsx, .xls, .ods) in memory: one table for the sheets of each header."""

import re
import zipfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

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
from moemoe.catalog.formats.cell_formats import units_of_cells, with_units
from moemoe.catalog.formats.double_encoding import undo_in
from moemoe.catalog.formats.formulas import NO_RESULT, number_without_result
from moemoe.catalog.formats.table import SHEET, GridTable
from moemoe.catalog.formats.text import OLD_EXCEL
from moemoe.errors import CatalogError, ConfigError, first_line

#: Most unpacked bytes of a workbook: a million rows of ten short cells.
MAX_UNPACKED = 512 * 2**20
_CHUNK = 2**20
MERGED = "blank cells of merged ranges, filled with the range's value"
REPEATED = "rows repeated from an earlier sheet, left out"
TO_READ_ONE = "save one as a file of its own to have it read"
_EXAMPLE = re.compile(
    r"\b(?:examples?|beispiele?|exemples?|ejemplos?|exemplos?|esemp[io]o?|voorbeeld(?:en)?)\b|例", re.IGNORECASE
)
_SAMPLED_ROWS = 20
#: Escapes of a control character, and of the underscore that begins an escape.
_ESCAPE = re.compile("_x(00[01][0-9A-F]|005F)_", re.IGNORECASE)
#: Least number of common columns of two sheets of one table: id, product type and title.
_FEWEST_COMMON = 3
#: Bytes that occur in no text except UTF-16.
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")


def open_excel(partition: str, path: Path, constants: Mapping[str, str | None]) -> GridTable:
    """Opens the sheets with the header that most rows have; ``further`` opens the others, for the layouts to choose.

    Sheets of notes and examples have few rows, wherever they are.

    Raises:
        CatalogError: the file is not a workbook, is empty, or is a zip bomb.
        ConfigError: python-calamine is not installed.
    """
    _check_size(partition, path)
    groups = _groups(partition, path)
    if not groups:
        raise CatalogError(f"{partition} has no rows in any sheet; its first row is the header")
    names = [name for group in groups for name in group]
    opened = [partial(_open_sheets, partition, path, constants, group, names) for group in groups]
    table = opened[0]()
    table.further = opened[1:]
    return table


def _kind(partition: str) -> str:
    return "OpenDocument" if partition.casefold().endswith(".ods") else "Excel"


def is_text(path: Path) -> bool:
    """Whether a file with a workbook's ending is text, such as tab-separated cells."""
    with open(path, "rb") as file:
        begin = file.read(_CHUNK)
    return begin.startswith((b"\xff\xfe", b"\xfe\xff")) or not _BINARY.search(begin)


@dataclass
class _Sheet:
    """A sheet: its header, the rows above it, the number of blank rows below it, and the records."""

    names: list[str]
    preamble: list[list[str]]
    above: int
    blank_first: int
    records: Iterator[list[Any]]

    @classmethod
    def of(cls, rows: Iterator[tuple[int, list[Any]]]) -> "_Sheet":
        begin = list(islice(rows, _SAMPLED_ROWS))
        comments = number_of_comments([",".join(map(str, cells[:2])) for _, cells in begin])
        filled = [sum(cell != "" for cell in cells) for _, cells in begin[comments:]]
        titles = number_of_labels([list(map(str, cells)) for _, cells in begin]) or comments + number_of_titles(filled)
        three = [list(map(str, cells)) for _, cells in begin[titles : titles + 3]]
        grouped = len(three) == 3 and has_groups(*three)
        titles += grouped
        if is_above_header([], [str(cell) for cell in begin[0][1]]):
            titles = 0  # Amazon's settings, which say more
        preamble = [[str(cell) for cell in cells] for _, cells in begin[:titles]]
        rows = chain(begin[titles:], rows)
        number, cells = next(rows)
        while is_above_header(preamble, names := [str(cell) for cell in cells]):
            preamble.append(names)
            number, cells = next(rows, (number, []))
        names = named_in_groups(preamble[-1], names) if grouped and preamble else names
        first = list(islice(rows, 1))
        below = list(map(str, first[0][1])) if first else []
        if first and (_goes_on(names, first[0][1]) or names_below_groups(names, below)):
            preamble.append(names)
            number, cells = first[0]
            within = named_in_groups(names, [str(cell) for cell in cells])
            names = [name or above for name, above in zip(within, names, strict=True)]
            titles, first = titles + 1, list(islice(rows, 1))
        blank = first[0][0] - number - 1 if first else 0
        return cls(names, preamble, titles, blank, (cells for _, cells in chain(first, rows)))

    def key(self) -> tuple[str, ...]:
        """Equal for sheets with the same header: the names, in any order if each occurs once."""
        plain = [name.strip().casefold() for name in self.names]
        return tuple(sorted(plain) if "" not in plain and len(set(plain)) == len(plain) else plain)

    def records_under(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """The records with their cells in the order of ``names``; blank where the header lacks a name."""
        plain = {name.strip().casefold(): at for at, name in reversed(list(enumerate(self.names)))}
        order = [plain.get(name.strip().casefold()) for name in names]
        if order == list(range(len(names))):
            return self.records
        return (["" if at is None else cells[at] for at in order] for cells in self.records)


def _open_sheets(
    partition: str, path: Path, constants: Mapping[str, str | None], names: Sequence[str], all_names: Sequence[str]
) -> GridTable:
    """A table of one sheet, or of several with an additional column that has the sheet's name."""
    counts: Counter[str] = Counter()
    with _workbook(partition, path) as workbook:
        sheets = [_Sheet.of(_rows_as_shown(workbook, path, name, counts)) for name in names]
    first, header, records = sheets[0], sheets[0].names, sheets[0].records
    if len(sheets) > 1:
        header = _union(sheet.names for sheet in sheets)
        records = _joined(dict(zip(names, sheets, strict=True)), header, counts)
        header = [*header, SHEET]
    table = GridTable(partition, header, records, constants, first.preamble, _kind(partition))
    table.counts = counts
    table.blank_first = first.blank_first
    if lost := sum(number_without_result(path, name) for name in names):
        table.counts[NO_RESULT] += lost
    if above := sum(sheet.above for sheet in sheets):
        table.counts[ABOVE_HEADER] = above
    if len(all_names) > 1:
        table.format = f"{_kind(partition)} (sheet{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))})"
    if others := [repr(name) for name in all_names if name not in names]:
        table.counts[f"other sheets with rows, not read: {', '.join(others)}; {TO_READ_ONE}"] = len(others)
    return table


def _union(headers: Iterable[Sequence[str]]) -> list[str]:
    """The names of the first header, then further names of the others."""
    first, *others = headers
    names = list(first)
    known = {name.strip().casefold() for name in names}
    for name in (name for header in others for name in header):
        if name.strip().casefold() not in known:
            names.append(name)
            known.add(name.strip().casefold())
    return names


def _joined(sheets: Mapping[str, _Sheet], header: Sequence[str], counts: Counter[str]) -> Iterator[list[Any]]:
    """The records of all sheets without those of an earlier sheet, as one sheet may repeat all the others."""
    before = set[int]()
    for name, sheet in sheets.items():
        own = set[int]()
        for cells in sheet.records_under(header):
            own.add(mark := hash(tuple(cells)))
            if mark in before:
                counts[REPEATED] += 1
            else:
                yield [*cells, name]
        before |= own


def _goes_on(names: Sequence[str], cells: Sequence[Any]) -> bool:
    """Whether a row is the second row of a header, as some of its cells are merged with those above."""
    same = sum(cell == name != "" for cell, name in zip(cells, names, strict=True))
    return same > 1 and list(cells) != list(names)


@dataclass
class _Group:
    """Sheets that are one table.

    Attributes:
        names: names of the sheets.
        header: the column names in the form for comparison; empty for examples.
        ids: the values of the first column if they are unique; else empty.
    """

    names: list[str]
    header: list[str]
    ids: list[Any]
    rows: int

    def takes(self, other: "_Group") -> bool:
        """Whether another group has further products: the same first columns, and no id of this group."""
        common = set(self.header) & set(other.header)
        is_alike = self.header[:1] == other.header[:1] and len(common) >= max(_FEWEST_COMMON, len(other.header) // 2)
        ids = {*self.ids, *other.ids}
        return is_alike and bool(self.ids and other.ids) and len(ids) == len(self.ids) + len(other.ids)

    def add(self, other: "_Group") -> None:
        self.names += other.names
        self.ids += other.ids
        self.rows += other.rows


def _groups(partition: str, path: Path) -> list[list[str]]:
    """The names of the non-empty sheets, grouped by table, the table with most rows first.

    Sheets with the same header form a table, and so do sheets with different headers and further products, as in
    workbooks with one sheet per kind of product. A sheet of examples has the products' header, but none of them.
    """
    groups: dict[tuple[str, ...], _Group] = {}
    with _workbook(partition, path) as workbook:
        for name in workbook.sheet_names:
            if rows := list(_rows(workbook.get_sheet_by_name(name), Counter())):
                sheet = _Sheet.of(iter(rows))
                is_example = _is_example(name, sheet)
                key = (name,) if is_example else sheet.key()
                plain = [one.strip().casefold() for one in sheet.names]
                is_clear = not is_example and "" not in plain and len(set(plain)) == len(plain)
                at = plain.index(groups[key].header[0]) if key in groups and is_clear else 0
                ids = [cells[at] for cells in sheet.records] if is_clear else []
                one = _Group([name], plain if is_clear else [], ids, len(rows))
                if key in groups:
                    groups[key].add(one)
                else:
                    groups[key] = one
    tables: list[_Group] = []
    for group in sorted(groups.values(), key=lambda group: -group.rows):
        if taker := next((table for table in tables if table.takes(group)), None):
            taker.add(group)
        else:
            tables.append(group)
    return [group.names for group in sorted(tables, key=lambda group: -group.rows)]


def _is_example(name: str, sheet: _Sheet) -> bool:
    """Whether a sheet's name or its only record says "example"."""
    first = list(islice(sheet.records, 2))
    sheet.records = chain(first, sheet.records)
    cells = [name, *(cell for cell in first[0] if isinstance(cell, str))] if len(first) == 1 else [name]
    return any(map(_EXAMPLE.search, cells))


def _rows(sheet: Any, counts: Counter[str]) -> Iterator[tuple[int, list[Any]]]:
    """The non-blank rows with their numbers. Vertically merged cells all have the value."""
    merged = sorted((top, column, bottom) for (top, column), (bottom, last) in _merged(sheet) if column == last)
    inside = ((top, column - sheet.start[1], bottom) for top, column, bottom in merged if bottom > top)
    tall = deque(one for one in inside if 0 <= one[1] < sheet.width)
    shown: dict[int, tuple[Any, int]] = {}  # column -> the value and the last row of the range that is open there
    for number, row in enumerate(sheet.iter_rows() if sheet.height else ()):
        for column, (value, bottom) in list(shown.items()):
            if number > bottom:
                del shown[column]
            elif row[column] == "" and any(cell != "" for cell in row):
                row[column] = value
                counts[MERGED] += 1
        while tall and tall[0][0] == number:
            _, column, bottom = tall.popleft()
            if row[column] != "":
                shown[column] = row[column], bottom
        if any(cell != "" for cell in row):
            yield number, [_as_shown(cell) if isinstance(cell, float) else undo_in(_text(cell), counts) for cell in row]


def _rows_as_shown(workbook: Any, path: Path, name: str, counts: Counter[str]) -> Iterator[tuple[int, list[Any]]]:
    sheet = workbook.get_sheet_by_name(name)
    return with_units(_rows(sheet, counts), units_of_cells(path, name), sheet.start[1], counts)


def _merged(sheet: Any) -> list[Any]:
    return (sheet.merged_cell_ranges or []) if sheet.height else []


def _text(cell: Any) -> Any:
    """A cell's text with its escaped control characters ("Red_x000D_") resolved."""
    if isinstance(cell, str) and "_x00" in cell:
        return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), cell)
    return cell


def _as_shown(number: float) -> float:
    """A number with 15 digits, as Excel shows it: 0.3, not 0.30000000000000004. Ids are unchanged."""
    return number if number.is_integer() else float(f"{number:.15g}")


@contextmanager
def _workbook(partition: str, path: Path) -> Iterator[Any]:
    """Opens the workbook; errors of calamine become CatalogError."""
    try:
        import python_calamine
    except ImportError as error:
        raise ConfigError(
            f"{partition} is an {_kind(partition)} workbook, which needs the package python-calamine: "
            "pip install 'moemoe[flows]', or save it as CSV"
        ) from error
    try:
        book = python_calamine.CalamineWorkbook
        with open(path, "rb") as file:
            by_content = path.suffix.casefold() == ".xls" or _is_old(path)  # else by its name
            opened = book.from_filelike(file) if by_content else book.from_path(str(path))
            with opened as workbook:
                yield workbook
    except BaseException as error:
        # calamine's Rust code panics on some damaged files, with a BaseException
        if not isinstance(error, (python_calamine.CalamineError, OSError, ValueError)) and not _is_panic(error):
            raise
        if _is_old(path):
            raise CatalogError(
                f"{partition} is a workbook of Excel 97 that cannot be read, or has a password: {first_line(error)}; "
                "save it as .xlsx without one"
            ) from error
        raise CatalogError(
            f"{partition} is not an {_kind(partition)} workbook or is damaged: {first_line(error)}"
        ) from error


def _is_old(path: Path) -> bool:
    """Whether a workbook has the Excel 97 format, whatever its name; so does a newer one with a password."""
    with open(path, "rb") as file:
        return file.read(len(OLD_EXCEL)) == OLD_EXCEL


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _check_size(partition: str, path: Path) -> None:
    """Raises CatalogError if the workbook unpacks to more than ``MAX_UNPACKED``, whatever its directory says."""
    size = path.stat().st_size if _is_old(path) else 0  # that format is not packed
    if size > MAX_UNPACKED:
        raise CatalogError(f"{partition} is larger than {MAX_UNPACKED >> 20} MiB; save it as CSV")
    if size:
        return
    try:
        for data in _unpacked(path):
            size += len(data)
            if size > MAX_UNPACKED:
                raise CatalogError(
                    f"{partition} unpacks to more than {MAX_UNPACKED >> 20} MiB (a zip bomb?); save it as CSV"
                )
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        with open(path, "rb") as file:
            begin = file.read(_CHUNK).lstrip(b"\xef\xbb\xbf \r\n\t")
            if begin.startswith(b"<"):  # some shops give a web page for Excel this ending
                raise CatalogError(
                    f"{partition} is a web page or XML, whatever its name says; save it as .xlsx"
                ) from None
        raise CatalogError(
            f"{partition} is not an {_kind(partition)} workbook or is damaged: {first_line(error)}"
        ) from error


def _unpacked(path: Path) -> Iterator[bytes]:
    """The unpacked bytes of a workbook's files, beyond the sizes that its directory claims."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            entry.file_size = MAX_UNPACKED + 1
            with archive.open(entry) as file:
                file._expected_crc = None  # type: ignore[attr-defined]
                while data := file.read(_CHUNK):
                    yield data
