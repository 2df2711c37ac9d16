"""Excel workbooks (.xlsx) -> a table: the first sheet that has rows, in memory as a workbook always is."""

import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from moemoe.catalog.formats.csv_records import is_above_header
from moemoe.catalog.formats.table import GridTable
from moemoe.catalog.formats.text import first_line
from moemoe.errors import CatalogError, ConfigError

#: Bytes of a workbook's files when unpacked, at most: a million rows of ten short cells.
MAX_UNPACKED = 512 * 2**20
_CHUNK = 2**20


def open_excel(partition: str, path: Path, constants: Mapping[str, str | None]) -> GridTable:
    """The first sheet with rows; its first row is the header.

    Raises:
        CatalogError: the file is no workbook, is empty, or a zip bomb.
        ConfigError: python-calamine is not installed.
    """
    try:
        import python_calamine
    except ImportError as error:
        raise ConfigError(
            f"{partition} is an Excel workbook, which takes the package python-calamine: pip install 'moemoe[flows]', "
            "or save it as CSV"
        ) from error
    _check_size(partition, path)
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as workbook:
            sheets = (workbook.get_sheet_by_name(name) for name in workbook.sheet_names)
            rows = _rows(next((sheet.iter_rows() for sheet in sheets if sheet.height), iter(())))
    except BaseException as error:
        # calamine's Rust panics on some damaged files, with an exception that is no Exception
        if not isinstance(error, (python_calamine.CalamineError, OSError, ValueError)) and not _is_panic(error):
            raise
        raise CatalogError(f"{partition} is not an Excel workbook or is damaged: {first_line(error)}") from error
    header = next(rows, None)
    if header is None:
        raise CatalogError(f"{partition} has no rows in any sheet; its first row is the header")
    preamble: list[list[str]] = []
    names = [str(cell) for cell in header]
    while is_above_header(preamble, names):
        preamble.append(names)
        names = [str(cell) for cell in next(rows, [])]
    return GridTable(partition, names, rows, constants, preamble, "Excel")


def _rows(rows: Iterator[list[Any]]) -> Iterator[list[Any]]:
    return (row for row in rows if any(cell != "" for cell in row))


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
        raise CatalogError(f"{partition} is not an Excel workbook or is damaged: {first_line(error)}") from error
