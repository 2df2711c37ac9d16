"""A seller's catalog -> record batches in one schema: Parquet, JSON lines or CSV, on disk or s3://, streaming."""

import gzip
import io
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.catalog import records
from moemoe.catalog.read_csv import MAX_RECORD, CsvRecords, Unreadable
from moemoe.catalog.records import RowError
from moemoe.contract.cell_text import as_id, as_text_array, without_nothing
from moemoe.errors import CatalogError
from moemoe.schemas import CATALOG, IMAGE
from moemoe.storage import absolute, fetch, files_below, matching_files

PARQUET, JSON_LINES, CSV = (".parquet",), (".jsonl", ".ndjson"), (".csv",)
SUFFIXES = (*PARQUET, *JSON_LINES, *CSV, *(suffix + ".gz" for suffix in (*JSON_LINES, *CSV)))
REQUIRED = ("product_id", "product_type", "title", "attributes")
BATCH_ROWS = 256  # pictures travel with their rows: phone photos of 4 MB make a batch of 1 GB

#: Takes (row, field, reason, detail) of a row that cannot be read. With field "image" only the row's picture is lost.
SetAside = Callable[[int, str, str, str], None]


def find_partitions(catalog: str) -> list[str]:
    """The files of a catalog given as path, folder, glob or ``s3://`` URI, prefix or glob; absolute and sorted.

    A glob may have alternatives in braces.

    What a glob matches may be folders, as Spark writes them. Of a folder, prefix or glob the files of another kind are
    left out (READMEs, pictures), and those whose name, or a folder's below the one that is given, begins with ``_`` or
    ``.``.

    Raises:
        CatalogError: nothing matches, or nothing of an allowed kind.
    """
    allowed = f"allowed is a file, folder, glob or s3:// URI of {', '.join(SUFFIXES)} files"
    if not catalog.strip():
        raise CatalogError(f"the catalog is an empty path; {allowed}")
    found = sorted({file for one in _alternatives(catalog) for file in _files(one)})
    if not found:
        raise CatalogError(f"no catalog file matches {catalog!r}; {allowed}")
    partitions = [f for f in found if f.lower().endswith(SUFFIXES)]
    if not partitions:
        names = ", ".join(Path(f).name for f in found[:3]) + (", ..." if len(found) > 3 else "")
        raise CatalogError(f"{catalog!r} holds no Parquet, JSON lines or CSV file (found: {names}); {allowed}")
    return partitions


def _files(catalog: str) -> list[str]:
    """The file or folder of that very name, else what the pattern matches with its brackets taken literally, or not."""
    catalog = absolute(catalog).rstrip("/")
    found, given = files_below(catalog), catalog
    for pattern, special in ((catalog.replace("[", "[[]"), "[*?]"), (catalog, r"[*?\[]")):
        if not found:
            found, given = matching_files(pattern), re.split(special, catalog)[0].rpartition("/")[0]
    return [file for file in found if not re.search("/[_.]", file[len(given) :])]


def _alternatives(catalog: str) -> list[str]:
    """``catalog`` with braces resolved as a shell does: ``{shoes,hats}-*.parquet`` are two globs."""
    braces = re.search(r"\{([^{}]*,[^{}]*)\}", catalog)
    if braces is None or files_below(absolute(catalog)):
        return [catalog]
    before, after = catalog[: braces.start()], catalog[braces.end() :]
    return [one for choice in braces[1].split(",") for one in _alternatives(before + choice + after)]


def read_batches(
    partition: str,
    columns: Mapping[str, str] | None = None,
    set_aside: SetAside | None = None,
    only: Sequence[str] = tuple(CATALOG.names),
    batch_rows: int = BATCH_ROWS,
    required: Sequence[str] = REQUIRED,
) -> Iterator[pa.RecordBatch]:
    """The rows of one catalog file, in order, in the CATALOG schema.

    Args:
        partition: one of ``find_partitions``.
        columns: catalog column -> the seller's column (``Contract.columns``).
        set_aside: told of each row that cannot be read, before its batch comes; such a row is null in every
            column, so that row numbers stay what they are. Without it such a row is an error.
        only: the catalog columns to read; the others come as null.
        batch_rows: rows in a batch, at most.
        required: the catalog columns that the file must have; backfill needs no labels.

    Raises:
        CatalogError: the file cannot be read, is cut short, lacks a column, or has one of a type that
            cannot become the catalog's.
    """
    columns = columns or {}
    set_aside = set_aside or _refuse(partition)
    name = partition.lower()
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        path = fetch(partition, scratch)
        if name.endswith(PARQUET):
            yield from _parquet_batches(partition, path, columns, only, batch_rows, required)
            return
        read_rows = _csv_rows if name.removesuffix(".gz").endswith(CSV) else _json_rows
        with _opened(path) as file:
            _check_encoding(partition, file)
            rows = read_rows(partition, file, columns, required)
            yield from _text_batches(rows, set_aside, only, batch_rows)


def _refuse(partition: str) -> SetAside:
    def refuse(row: int, field: str, reason: str, detail: str) -> None:
        raise CatalogError(f"{partition}: row {row} cannot be read: {reason} ({detail})")

    return refuse


def _sources(
    partition: str, found: Sequence[str], columns: Mapping[str, str], required: Sequence[str]
) -> dict[str, str]:
    """Catalog column -> the file's column, for those it has: the contract's name for it, else the catalog's own.

    A column of that very name comes first, then the only one that differs in case and blanks around it.
    """
    sources = {}
    for name in CATALOG.names:
        wanted = [own for own in (columns.get(name), name) if own]
        source = next((own for own in wanted if own in found), None)
        for own in wanted if source is None else ():
            alike = [column for column in found if column.strip().casefold() == own.casefold()]
            source = source or (alike[0] if len(alike) == 1 else None)
        if source is not None:
            sources[name] = source
        elif name in required or (name in columns and name not in REQUIRED):
            shown = ", ".join(repr(f[:60]) for f in found[:40]) + (", ..." if len(found) > 40 else "")
            raise CatalogError(
                f"{partition}: column {columns.get(name, name)!r} is missing; the file has {shown or 'none'}; where "
                f"the seller calls it otherwise, write `columns: {{{name}: THEIR COLUMN}}` in the contract"
                + (
                    " (in CSV: one column `attributes.<key>` for each key, or one of JSON objects)"
                    if name == "attributes"
                    else ""
                )
            )
    return sources


# -- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet_batches(
    partition: str,
    path: Path,
    columns: Mapping[str, str],
    only: Sequence[str],
    batch_rows: int,
    required: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{partition} is not a Parquet file or is cut short: {_first_line(error)}") from error
    with file:
        sources = _sources(partition, file.schema_arrow.names, columns, required)
        sources = {name: source for name, source in sources.items() if name in only}
        try:
            for batch in file.iter_batches(batch_rows, columns=list(sources.values())):
                yield _conform(partition, batch, sources)
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{partition} is damaged or cut short: {_first_line(error)}") from error


def _conform(partition: str, batch: pa.RecordBatch, sources: Mapping[str, str]) -> pa.RecordBatch:
    arrays = []
    for field in CATALOG:
        if field.name not in sources:
            arrays.append(pa.nulls(batch.num_rows, field.type))
            continue
        array = batch.column(sources[field.name])
        try:
            arrays.append(_cast(field.name, field.type, array))
        except (pa.ArrowException, TypeError, ValueError, RowError) as error:
            if (
                field.name == "product_id"
                and isinstance(error, ValueError)
                and not isinstance(error, pa.ArrowException)
            ):
                raise CatalogError(f"{partition}: column {sources[field.name]!r}: {error}") from error
            why = f" ({error})" if isinstance(error, RowError) else ""
            raise CatalogError(
                f"{partition}: column {sources[field.name]!r} has type {_shortened(array.type)}, which cannot become "
                f"the catalog's {field.name}{why}; allowed is {_ALLOWED.get(field.name, 'text or numbers')}"
            ) from error
    return pa.record_batch(arrays, schema=CATALOG)


def _shortened(kind: pa.DataType) -> str:
    text = str(kind)
    return text if len(text) <= 60 else f"{text[:60]}..."


_ALLOWED = {
    "bullet_points": "a list of texts, or a text",
    "description": "a text, or a list of texts",
    "image": "struct<bytes, path>, a path, or bytes",
    "attributes": "map<text, text>, a struct of texts, a list of {key, value}, or a JSON object as text",
}


def _cast(name: str, to: pa.DataType, array: pa.Array) -> pa.Array:
    """``array`` as type ``to``. Raises ArrowException, TypeError, ValueError or RowError where it cannot be."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), to)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    nested = pa.types.is_nested(array.type)
    if name == "image":
        return _cast_image(array)
    if name == "attributes":
        return _cast_attributes(to, array)
    if name == "bullet_points" or (name == "description" and _is_list(array.type)):
        if name == "bullet_points" and _is_list(array.type) and _is_clean(texts := array.cast(to), without_nothing):
            return texts
        convert = records.bullet_points if name == "bullet_points" else records.description
        return pa.array([None if value is None else convert(value) for value in array.to_pylist()], to)
    if nested:
        raise TypeError(str(array.type))
    if name == "product_id":
        ids = array.to_numpy(zero_copy_only=False) if pa.types.is_floating(array.type) else array.cast(pa.string())
        return pa.array([as_id(value) for value in (ids.to_pylist() if isinstance(ids, pa.Array) else ids)], to)
    return without_nothing(as_text_array(array))


def _cast_attributes(to: pa.DataType, array: pa.Array) -> pa.Array:
    if pa.types.is_map(array.type) and not pa.types.is_floating(array.type.item_type):
        maps = array.cast(to)
        if _is_clean(maps):
            return maps
        array = maps
    pairs = [None if row is None else records.attributes(row) for row in array.to_pylist()]
    return pa.array(pairs, to)


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_list_view(kind)


def _is_clean(nested: pa.Array, further: Callable[[pa.Array], pa.Array] = lambda texts: texts) -> bool:
    """Whether ``as_text_array``, and what comes after it, change none of the texts in a list or map."""
    children = [nested.keys, nested.items] if isinstance(nested, pa.MapArray) else [nested.values]
    return all(further(as_text_array(texts)).equals(texts) for texts in children)


def _cast_image(array: pa.Array) -> pa.Array:
    if pa.types.is_floating(array.type) and not pc.any(pc.is_finite(array)).as_py():
        return pa.nulls(len(array), IMAGE)  # pandas writes a column without any value so
    if pa.types.is_struct(array.type):
        names = [field.name for field in array.type]
        given = {name: pc.struct_field(array, name) for name in ("bytes", "path") if name in names}
    else:
        binary = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
        given = {"bytes" if binary else "path": array}
    if not given:
        raise TypeError(str(array.type))
    parts = [given[f.name].cast(f.type) if f.name in given else pa.nulls(len(array), f.type) for f in IMAGE]
    parts[1] = without_nothing(as_text_array(parts[1]))
    return pa.StructArray.from_arrays(parts, fields=list(IMAGE), mask=array.is_null())


# -- JSON lines and CSV -----------------------------------------------------------------------------------------------

#: A row under catalog column names, or why it cannot be read.
_Row = dict[str, Any] | RowError
_STREAM_ERRORS = (OSError, EOFError, zlib.error)  # what a damaged .gz raises


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")  # type: ignore[return-value]


def _text_batches(
    rows: Iterator[_Row], set_aside: SetAside, only: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    start = 0
    while chunk := list(islice(rows, batch_rows)):
        found = []
        for number, row in enumerate(chunk, start=start):
            try:
                if isinstance(row, RowError):
                    raise row
                found.append(records.record(row, only))
            except RowError as error:
                set_aside(number, error.field, error.reason, error.detail)
                found.append(records.record({**row, "image": None}, only) if error.field == "image" else {})  # type: ignore
        yield pa.RecordBatch.from_pylist(found, CATALOG)
        start += len(chunk)


def _check_encoding(partition: str, file: BinaryIO) -> None:
    """Raises CatalogError for UTF-16 and UTF-32, which Excel's "Unicode text" and PowerShell write."""
    try:
        head = file.peek(64)[:64]  # type: ignore[attr-defined]
    except _STREAM_ERRORS as error:
        raise CatalogError(f"{partition} is damaged or cut short: {_first_line(error)}") from error
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or max(head[::2].count(0), head[1::2].count(0)) > len(head) // 3:
        raise CatalogError(f"{partition} is in UTF-16 or UTF-32; save it as UTF-8 (in Excel: CSV UTF-8)")


def _json_rows(partition: str, file: BinaryIO, columns: Mapping[str, str], required: Sequence[str]) -> Iterator[_Row]:
    objects = _json_objects(partition, file)
    first = list(islice(objects, BATCH_ROWS))
    found = list(dict.fromkeys(key for row in first if isinstance(row, dict) for key in row))
    if first and not found:
        bad = next((row.detail for row in first if isinstance(row, RowError)), "the first lines are empty objects")
        raise CatalogError(f"{partition} is not JSON lines, one object a line with the columns of a catalog: {bad}")
    sources = _sources(partition, found, columns, required) if first else {}
    for row in chain(first, objects):
        yield {name: row.get(source) for name, source in sources.items()} if isinstance(row, dict) else row


def _json_objects(partition: str, file: BinaryIO) -> Iterator[_Row]:
    has_begun = False
    for number, line in enumerate(_lines(partition, file), start=1):
        if not line.strip():
            continue
        if not has_begun and line.lstrip(b"\xef\xbb\xbf \t").startswith(b"["):
            raise CatalogError(f"{partition} is a JSON array, not JSON lines; write one object a line (jq -c '.[]')")
        has_begun = True
        # bytes that are not UTF-8 come as surrogates, so that they cost one row and are named there
        text = line.decode("utf-8", "surrogateescape").removeprefix("\ufeff" if number == 1 else "")
        try:
            # numbers stay as they are written: 1.50 is not 1.5, and a long id is no float
            row = json.loads(text, parse_float=str, parse_int=str, parse_constant=lambda _: None)
            problem = None if isinstance(row, dict) else "not a JSON object"
        except (ValueError, RecursionError) as error:  # a JSONDecodeError is a ValueError
            problem = _first_line(error)
        if problem is None:
            yield row
        elif line.endswith(b"\n"):
            yield RowError("row", "row is not readable", f"line {number}: {problem}")
        else:
            raise CatalogError(f"{partition} is cut short or is not JSON lines: line {number}: {problem}")


def _lines(partition: str, file: BinaryIO) -> Iterator[bytes]:
    try:
        while line := file.readline(MAX_RECORD + 1):
            if len(line) > MAX_RECORD:
                raise CatalogError(f"{partition} has a line of more than {MAX_RECORD >> 20} MiB; is it JSON lines?")
            yield line
    except _STREAM_ERRORS as error:
        raise CatalogError(f"{partition} is damaged or cut short: {_first_line(error)}") from error


def _csv_rows(partition: str, file: BinaryIO, columns: Mapping[str, str], required: Sequence[str]) -> Iterator[_Row]:
    """Empty cells are left out; the ``attributes.<key>`` columns are gathered into ``attributes``."""
    # bytes that are not UTF-8 come as surrogates, so that they cost one row and not the file
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    try:
        found = CsvRecords(partition, text)
        where, keys = _csv_columns(partition, found.header, columns, required)
        for cells in found:
            if isinstance(cells, Unreadable):
                yield RowError("row", "row is not readable", cells.detail)
                continue
            row: dict[str, Any] = {name: cells[i] for name, i in where.items() if cells[i]}
            if keys:
                labels = {key: cells[i] for i, key in keys.items() if cells[i]}
                try:
                    row["attributes"] = [*records.attributes(row.get("attributes", "")), *labels.items()]
                except RowError as error:
                    yield error
                    continue
            yield row
    except _STREAM_ERRORS as error:
        raise CatalogError(f"{partition} is damaged or cut short: {_first_line(error)}") from error


def _csv_columns(
    partition: str, header: list[str], columns: Mapping[str, str], required: Sequence[str]
) -> tuple[dict[str, int], dict[int, str]]:
    """Where each catalog column lies, and the attribute key of each ``attributes.<key>`` column."""
    prefix = columns.get("attributes", "attributes") + "."
    bare = [column.strip() for column in header]
    keys = {i: name[len(prefix) :] for i, name in enumerate(bare) if name.casefold().startswith(prefix.casefold())}
    plain = [column for i, column in enumerate(header) if i not in keys]
    own = [prefix[:-1]] if keys and prefix[:-1] not in plain else []
    sources = _sources(partition, [*plain, *own], columns, required)
    twice = [source for source in sources.values() if plain.count(source) > 1]
    if twice:
        raise CatalogError(f"{partition}: column {twice[0]!r} comes twice in the header; each is allowed once")
    return {name: header.index(source) for name, source in sources.items() if source in plain}, keys


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
