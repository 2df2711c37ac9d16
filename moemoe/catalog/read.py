"""Streams a seller's catalog file, in any format and layout, as record batches in one schema."""

import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from moemoe.catalog.formats.columnar import ColumnarTable
from moemoe.catalog.formats.opened import open_table
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row, Table
from moemoe.catalog.known_layouts import AUTO, BY_CONTRACT, check_layout, ignored_columns, layout_of
from moemoe.catalog.layouts import own, records
from moemoe.catalog.layouts.columns import REQUIRED, named_column
from moemoe.catalog.layouts.languages import CHOSEN, in_its_markets_language
from moemoe.catalog.layouts.layout import ALL, UNUSED, SellerFile
from moemoe.catalog.product_images import first_and_further
from moemoe.catalog.reading import Reading
from moemoe.catalog.screen import Problem
from moemoe.errors import CatalogError, ConfigError
from moemoe.names import did_you_mean
from moemoe.schemas import CATALOG
from moemoe.storage import beside, exists, fetch, is_s3

BATCH_ROWS = 256  # images travel with their rows: phone photos of 4 MB make a batch of 1 GB

#: The note on a column of the contract's ``columns:`` that is not used.
_IGNORED = f"the contract's `columns:` applies only to the layouts {', '.join(BY_CONTRACT)}"

#: Called with (row, field, reason, detail) of an unreadable row. For records.OF_IMAGES only the row's images are lost.
Quarantine = Callable[[int, str, str, str], None]


def read_batches(
    partition: str,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    quarantine: Quarantine | None = None,
    only: Sequence[str] = tuple(CATALOG.names),
    batch_rows: int = BATCH_ROWS,
    required: Sequence[str] = REQUIRED,
    layout: str = AUTO,
    told: Callable[[Reading], None] = lambda _: None,
    images: int = 1,
) -> Generator[pa.RecordBatch, None, None]:
    """Reads the rows of one catalog file, in order, in the CATALOG schema.

    ``image`` is a product's first image and ``images`` has the others, see ``product_images``.

    Args:
        partition: a URI from ``find_partitions``.
        columns: catalog column -> the seller's column (``Contract.columns``).
        quarantine: called for each unreadable row, before its batch is yielded; such a row is null in every column, so
            that row numbers do not change. Without it such a row is an error.
        only: the catalog columns to read; the others come as null.
        batch_rows: most rows in a batch.
        required: the catalog columns that the file must have; backfill needs no labels.
        layout: the layout's name; recognised by default.
        told: called once with the ``Reading``, when the last batch has been taken or the iterator is closed.
        images: how many images of a product to keep.

    Raises:
        CatalogError: the file cannot be read, is truncated, fits no known layout or several, lacks a column, or has one
            of a type that cannot be converted.
    """
    quarantine = quarantine or _refuse(partition)
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        file = open_file(partition, scratch, columns or {}, required)
        chosen = layout_of(file, layout)
        try:
            if "image" in only and "images" not in only:
                only = (*only, "images")
            if chosen is own.LAYOUT and isinstance(file.table, ColumnarTable) and own.has_catalog_columns(file):
                batches = _columnar_batches(
                    own.batches(file, file.table, only, batch_rows), quarantine, only, file.counts
                )
            else:
                batches = _batches(chosen.rows(file), quarantine, only, batch_rows, file.counts)
            yield from (first_and_further(batch, images) for batch in batches)
        finally:
            table = file.table
            became = {table.as_written(column): file.became.get(column, UNUSED) for column in table.columns}
            for column, name in ignored_columns(file, chosen).items():
                if not became[column].startswith(name):
                    became[column] += f", not {name}: {_IGNORED}"
            counts = dict(file.table.counts + file.counts)
            told(Reading(file.table.format, chosen.name, became, counts, partition.rsplit("/", 1)[-1]))


def open_file(
    partition: str, scratch: str, columns: Mapping[str, str | Sequence[str]], required: Sequence[str] = REQUIRED
) -> SellerFile:
    """Opens a catalog file, before its layout is known.

    Args:
        scratch: local folder for downloads from S3.
        columns, required: see ``read_batches``.
    """

    def opened(uri: str) -> Table:
        return open_table(uri, fetch(uri, scratch))

    def open_beside(path: str) -> Table | None:
        uri = beside(partition, path)
        return opened(uri) if exists(uri) else None

    return SellerFile(opened(partition), columns, required, open_beside)


def check_layouts(
    partitions: Iterable[str],
    columns: Mapping[str, str | Sequence[str]],
    layout: str,
    required: Sequence[str] = REQUIRED,
) -> list[str]:
    """Opens each local file and recognises its layout; for a shop's export also reads the first product.

    Files on S3 are skipped, as they would have to be downloaded.

    Args:
        columns, required: see ``read_batches``.

    Returns:
        Notes for the user: columns that the contract maps, in files whose layout has its own names.

    Raises:
        ConfigError: the layout's name is unknown.
        CatalogError: a file cannot be opened, its layout is not known, or it lacks a column that the layout needs.
    """
    check_layout(layout)
    examples: dict[tuple[str, str], str] = {}
    alike: set[tuple[str, ...]] = set()
    for partition in partitions:
        if not is_s3(partition):
            file = open_file(partition, "", columns, required)
            found = layout_of(file, layout)
            columns_of = (found.name, *file.table.columns)
            if found.name not in BY_CONTRACT and columns_of not in alike:
                next(iter(found.rows(file)), None)  # reading begins with the columns
                alike.add(columns_of)
            if ignored := ignored_columns(file, found):
                named = ", ".join(f"{name}: {column!r}" for column, name in ignored.items())
                examples.setdefault((found.name, named), partition)
    return [
        f"{example} is read in the layout {name}, by that shop's names: {_IGNORED}, so not here ({named})"
        for (name, named), example in examples.items()
    ]


def check_columns(partitions: Iterable[str], columns: Mapping[str, str]) -> None:
    """Checks that some file has each column of ``--column``; opens files until all are found, mostly the first one.

    Args:
        columns: catalog column -> the seller's column.

    Raises:
        ConfigError: no file has one of them.
        CatalogError: a file cannot be opened.
    """
    missing = {name: theirs for name, theirs in columns.items() if theirs != ALL}
    known: dict[str, None] = {}
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        for partition in partitions:
            if not missing:
                return
            table = open_file(partition, scratch, {}).table
            for one in chain([table], (sheet() for sheet in table.further)):
                known.update(dict.fromkeys(one.columns))
                missing = {name: theirs for name, theirs in missing.items() if not _has(one, name, theirs)}
    for name, theirs in missing.items():
        given = f"{name}={theirs}"
        raise ConfigError(f"--column {given!r}: no file has a column {theirs!r}{did_you_mean(theirs, known)}")


def _has(table: Table, name: str, theirs: str) -> bool:
    """Whether a table has a column, or columns ``labels.color`` if the attributes are called "labels"."""
    begin = f"{theirs}.".casefold()
    is_prefix = name == "attributes" and any(column.casefold().startswith(begin) for column in table.columns)
    return is_prefix or named_column(table.columns, [theirs]) is not None


def _refuse(partition: str) -> Quarantine:
    def refuse(row: int, field: str, reason: str, detail: str) -> None:
        raise CatalogError(f"{partition}: row {row} cannot be read: {reason} ({detail})")

    return refuse


def _batches(
    rows: Iterator[Row | RowError],
    quarantine: Quarantine,
    only: Sequence[str],
    batch_rows: int,
    left_out: Counter[str],
) -> Iterator[pa.RecordBatch]:
    start = 0
    while chunk := list(islice(rows, batch_rows)):
        found = []
        for number, row in enumerate(chunk, start=start):
            record, problem = _record(row, only, left_out)
            found.append(record)
            if problem is not None:
                quarantine(number, *problem)
        yield pa.RecordBatch.from_pylist(found, CATALOG)
        start += len(chunk)


def _columnar_batches(
    batches: Iterable[pa.RecordBatch | own.UnfitBatch],
    quarantine: Quarantine,
    only: Sequence[str],
    left_out: Counter[str],
) -> Iterator[pa.RecordBatch]:
    """The batches; one with an unfit value is read row by row, so that only its row is lost.

    Raises:
        CatalogError: no row fits, so the column is at fault.
    """
    start = 0
    for batch in batches:
        if isinstance(batch, own.UnfitBatch):
            found = [_record(row, only, left_out) for row in batch.rows]
            if not start and all(problem is not None for _, problem in found):
                raise batch.error
            for number, (_, problem) in enumerate(found, start=start):
                if problem is not None:
                    quarantine(number, *problem)
            batch = pa.RecordBatch.from_pylist([record for record, _ in found], CATALOG)
        yield batch
        start += batch.num_rows


def _record(row: Row | RowError, only: Sequence[str], left_out: Counter[str]) -> tuple[dict[str, Any], Problem | None]:
    """The columns ``only`` of a row, and its problem; {} if more than its images cannot be read."""
    problems: list[RowError] = []
    if not isinstance(row, RowError) and (chosen := in_its_markets_language(row)) is not row:
        left_out[CHOSEN] += 1
        row = dict(chosen)
    while not isinstance(row, RowError):
        try:
            record = records.record(row, only, left_out)
        except RowError as error:
            if error.field not in records.OF_IMAGES:
                row = error
                break
            problems.append(error)
            row = {**row, error.field: error.kept}
            continue
        if not problems:
            return record, None
        return record, (problems[0].field, problems[0].reason, "; ".join(error.detail for error in problems))
    return {}, (row.field, row.reason, row.detail)
