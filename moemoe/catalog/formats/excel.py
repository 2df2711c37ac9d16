"""Excel workbooks (.xlsx) -> a table for each sheet that has rows, in memory as a workbook always is."""

import zipfile
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from moemoe.catalog.formats.csv_records import ABOVE_HEADER, is_above_header, number_of_comments, number_of_titles
from moemoe.catalog.formats.double_encoding import undo_in
from moemoe.catalog.formats.table import GridTable
from moemoe.catalog.formats.text import OLD_EXCEL, first_line
from moemoe.errors import CatalogError, ConfigError

#: Bytes of a workbook's files when unpacked, at most: a million rows of ten short cells.
MAX_UNPACKED = 512 * 2**20
_CHUNK = 2**20
MERGED = "blank cells of ranges that are merged, read as the range's value"
_SAMPLED_ROWS = 20


def open_excel(partition: str, path: Path, constants: Mapping[str, str | None]) -> GridTable:
    """The largest sheet, its first row the header; ``further`` opens the others, for which the layouts decide.

    Notes and examples are sheets of a few rows, wherever they stand.

    Raises:
        CatalogError: the file is no workbook, is empty, or a zip bomb.
        ConfigError: python-calamine is not installed.
    """
    _check_size(partition, path)
    names = _sheets(partition, path)
    if not names:
        raise CatalogError(f"{partition} has no rows in any sheet; its first row is the header")
    opened = [partial(_open_sheet, partition, path, constants, name, names) for name in names]
    table = opened[0]()
    table.further = opened[1:]
    return table


def _open_sheet(
    partition: str, path: Path, constants: Mapping[str, str | None], sheet: str, sheets: Sequence[str]
) -> GridTable:
    counts: Counter[str] = Counter()
    with _workbook(partition, path) as workbook:
        rows = _rows(workbook.get_sheet_by_name(sheet), counts)
    begin = list(islice(rows, _SAMPLED_ROWS))
    comments = number_of_comments([str(cells[0]) for _, cells in begin])
    titles = comments + number_of_titles([sum(cell != "" for cell in cells) for _, cells in begin[comments:]])
    if is_above_header([], [str(cell) for cell in begin[0][1]]):
        titles = 0  # Amazon's settings, which say more
    preamble = [[str(cell) for cell in cells] for _, cells in begin[:titles]]
    rows = chain(begin[titles:], rows)
    number, cells = next(rows)
    while is_above_header(preamble, names := [str(cell) for cell in cells]):
        preamble.append(names)
        number, cells = next(rows, (number, []))
    first = list(islice(rows, 1))
    if first and _goes_on(names, first[0][1]):
        preamble.append(names)
        number, cells = first[0]
        names = [str(cell) or above for cell, above in zip(cells, names, strict=True)]
        titles, first = titles + 1, list(islice(rows, 1))
    records = (cells for _, cells in chain(first, rows))
    table = GridTable(partition, names, records, constants, preamble, "Excel")
    table.counts = counts
    table.blank_first = first[0][0] - number - 1 if first else 0
    if titles:
        table.counts[ABOVE_HEADER] = titles
    others = ", ".join(repr(name) for name in sheets if name != sheet)
    if others:
        table.format = f"Excel (sheet {sheet!r})"
        table.counts[f"other sheets with rows, not read: {others}"] = len(sheets) - 1
    return table


def _goes_on(names: Sequence[str], cells: Sequence[Any]) -> bool:
    """Whether a row is the lower one of a header of two, as some of its cells are merged with those above them."""
    same = sum(cell == name != "" for cell, name in zip(cells, names, strict=True))
    return same > 1 and list(cells) != list(names)


def _sheets(partition: str, path: Path) -> list[str]:
    """The names of the sheets that have rows, those with most of them first."""
    with _workbook(partition, path) as workbook:
        rows = {
            name: sum(1 for _ in _rows(workbook.get_sheet_by_name(name), Counter())) for name in workbook.sheet_names
        }
    return sorted((name for name, number in rows.items() if number), key=lambda name: -rows[name])


def _rows(sheet: Any, counts: Counter[str]) -> Iterator[tuple[int, list[Any]]]:
    """The rows that are not blank, with their numbers. Cells below each other that are merged all have the value."""
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
            yield number, [_as_shown(cell) if isinstance(cell, float) else undo_in(cell, counts) for cell in row]


def _merged(sheet: Any) -> list[Any]:
    return (sheet.merged_cell_ranges or []) if sheet.height else []


def _as_shown(number: float) -> float:
    """What was calculated with 15 digits, as Excel shows it: 0.3, not 0.30000000000000004. Ids stay as they are."""
    return number if number.is_integer() else float(f"{number:.15g}")


@contextmanager
def _workbook(partition: str, path: Path) -> Iterator[Any]:
    """The workbook; what calamine raises comes as CatalogError."""
    try:
        import python_calamine
    except ImportError as error:
        raise ConfigError(
            f"{partition} is an Excel workbook, which takes the package python-calamine: pip install 'moemoe[flows]', "
            "or save it as CSV"
        ) from error
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as workbook:
            yield workbook
    except BaseException as error:
        # calamine's Rust panics on some damaged files, with an exception that is no Exception
        if not isinstance(error, (python_calamine.CalamineError, OSError, ValueError)) and not _is_panic(error):
            raise
        raise CatalogError(f"{partition} is not an Excel workbook or is damaged: {first_line(error)}") from error


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _check_size(partition: str, path: Path) -> None:
    """Raises CatalogError if the workbook unpacks to more than ``MAX_UNPACKED``, whatever its directory says."""
    size = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                entry.file_size = MAX_UNPACKED + 1  # read on behind the size that it claims
                with archive.open(entry) as file:
                    file._expected_crc = None  # type: ignore[attr-defined]
                    while data := file.read(_CHUNK):
                        size += len(data)
                        if size > MAX_UNPACKED:
                            raise CatalogError(
                                f"{partition} unpacks to more than {MAX_UNPACKED >> 20} MiB (a zip bomb?); save it as "
                                "CSV"
                            )
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        with open(path, "rb") as file:
            begin = file.read(_CHUNK).lstrip(b"\xef\xbb\xbf \r\n\t")
            if begin.startswith(b"<"):  # as many a shop calls the page that Excel opens
                raise CatalogError(
                    f"{partition} is a web page or XML, whatever its name says; save it as .xlsx"
                ) from None
            if begin.startswith(OLD_EXCEL):
                raise CatalogError(
                    f"{partition} is a workbook of Excel 97 (.xls) or has a password; save it as .xlsx without one"
                ) from None
        raise CatalogError(f"{partition} is not an Excel workbook or is damaged: {first_line(error)}") from error
