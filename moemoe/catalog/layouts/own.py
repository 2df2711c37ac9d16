"""The catalog's own layout: its columns under their own names or the contract's names for them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from moemoe.catalog.formats.columnar import ColumnarTable, python_values
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import GridTable, Row
from moemoe.catalog.layouts import flat, long_form, records
from moemoe.catalog.layouts.columns import find_columns, further_names, unmarked
from moemoe.catalog.layouts.conform import UnfitValueError, conform
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.listed_columns import add_listed, listed_in
from moemoe.catalog.layouts.variants import BECAME, add_variants, variant_columns
from moemoe.errors import CatalogError


def fits(file: SellerFile) -> bool:
    """Whether the required columns exist; an empty file fits too."""
    if _is_empty(file):
        return True
    try:
        found = _sources(file)
    except CatalogError:
        return False
    return "attributes" in found or not (flat.fits(file) or long_form.fits(file))


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """The rows; ``batches`` is faster for Parquet and Arrow.

    Columns ``attributes.<key>`` of CSV and Excel are merged into the attributes.

    Raises:
        CatalogError: a column is missing, or repeated in the header.
    """
    if isinstance(file.table, GridTable):
        yield from _rows_of_cells(file, file.table)
        return
    sources, known = _sources(file), len(file.table.columns)
    listed, variants = listed_in(file, sources, ()), variant_columns(file.table.columns)
    file.became.update(dict.fromkeys(variants, BECAME))
    for row in file.table.rows():
        if late := file.table.columns[known:]:
            further, known = further_names(late, sources), known + len(late)
            sources |= further
            variants += variant_columns(late)
            file.became.update({source: name for name, source in further.items()} | dict.fromkeys(variants, BECAME))
        if isinstance(row, RowError):
            yield row
            continue
        found = {name: row.get(source) for name, source in sources.items()}
        add_listed(found, row, listed)
        try:
            for column in variants:
                add_variants(found, row.get(column))
        except RowError as error:
            yield error
            continue
        yield found


@dataclass(frozen=True)
class UnfitBatch:
    """Rows with a value that cannot be converted; see ``error``."""

    rows: list[Row]
    error: UnfitValueError


def batches(
    file: SellerFile, table: ColumnarTable, only: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch | UnfitBatch]:
    """The rows of a Parquet or Arrow file in the CATALOG schema, with the catalog columns ``only``.

    Raises:
        CatalogError: a column is missing, or its type cannot be converted.
    """
    sources = {name: source for name, source in _sources(file).items() if name in only}
    wanted = [source for source in sources.values() if source not in table.constants]
    for batch in table.batches(wanted, batch_rows):
        left_out: Counter[str] = Counter()  # counted only if the batch fits; otherwise its rows are counted one by one
        try:
            conformed = conform(table.partition, batch, sources, table.constants, left_out)
        except UnfitValueError as error:
            values = zip(*map(python_values, batch.columns), strict=True)
            rows = ({**table.constants, **dict(zip(wanted, row, strict=True))} for row in values)
            yield UnfitBatch([{name: row[source] for name, source in sources.items()} for row in rows], error)
        else:
            file.counts.update(left_out)
            yield conformed


def has_catalog_columns(file: SellerFile) -> bool:
    """Whether each used column is one of the catalog's, so that ``batches`` can read it."""
    return not listed_in(file, _sources(file), ()) and not variant_columns(file.table.columns)


def check(file: SellerFile) -> None:
    """Raises CatalogError if a column is missing."""
    _sources(file)


def _is_empty(file: SellerFile) -> bool:
    """Whether it is JSON without rows, or CSV without a header; neither has columns."""
    return set(file.table.columns) <= set(file.table.constants) and not isinstance(file.table, ColumnarTable)


def _sources(file: SellerFile) -> dict[str, str]:
    """Catalog column -> the file's, as ``find_columns``; without the ``attributes.<key>`` columns of a CSV."""
    columns, keys = file.table.columns, _attribute_columns(file)
    plain = [column for column in columns if column not in keys]
    own = [_prefix(file)] if keys and _prefix(file) not in plain else []
    if _is_empty(file):
        return {}
    sources = find_columns(file.table.partition, [*plain, *own], file.plain_names(), file.required)
    file.became.update({source: name for name, source in sources.items() if source in plain})
    file.became.update(dict.fromkeys(keys, ATTRIBUTE))
    return sources


def _prefix(file: SellerFile) -> str:
    return file.plain_names().get("attributes", "attributes")


def _attribute_columns(file: SellerFile) -> dict[str, str]:
    """Columns ``attributes.<key>`` -> their key."""
    prefix = f"{_prefix(file)}."
    bare = {column: unmarked(column) for column in file.table.columns if isinstance(file.table, GridTable)}
    found = {c: name[len(prefix) :] for c, name in bare.items() if name.casefold().startswith(prefix.casefold())}
    return {column: key for column, key in found.items() if key}


def _rows_of_cells(file: SellerFile, table: GridTable) -> Iterator[Row | RowError]:
    """The rows of a CSV or workbook; empty cells are left out."""
    sources, keys_of = _sources(file), _attribute_columns(file)
    twice = [source for source in sources.values() if table.header.count(source) > 1]
    if twice:
        raise CatalogError(f"{table.partition}: column {twice[0]!r} is repeated in the header; each is allowed once")
    where = {name: table.columns.index(source) for name, source in sources.items() if source in table.header}
    for column, name in table.spelled().items():
        if column in keys_of:
            keys_of[column] = keys_of[name]
    keys = {table.columns.index(column): key for column, key in keys_of.items() if column not in table.constants}
    same = {name: value for name, source in sources.items() if (value := table.constants.get(source))}
    listed = listed_in(file, sources, keys_of)
    places = {column: table.columns.index(column) for columns in listed.values() for column in columns}
    for cells in table.filled_records():
        if isinstance(cells, RowError):
            yield cells
            continue
        row: dict[str, Any] = {name: cells[i] for name, i in where.items() if _is_filled(cells[i])}
        if same:
            row |= same
        if listed:
            add_listed(row, {column: cells[i] for column, i in places.items() if _is_filled(cells[i])}, listed)
        if keys:
            labels = [(key, cells[i]) for i, key in keys.items() if _is_filled(cells[i])]
            try:
                row["attributes"] = [*records.attributes(row.get("attributes", ""), file.counts), *labels]
            except RowError as error:
                yield error
                continue
        yield row


def _is_filled(cell: Any) -> bool:
    """Whether a cell has a value; Excel's FALSE and 0 are values."""
    return cell not in ("", None)


LAYOUT = Layout("own", "the catalog's own columns: product_id, product_type, title, attributes", fits, rows)
