"""A seller's catalog -> record batches in one schema: Parquet, JSON lines or CSV, on disk or s3://, streaming."""

import base64
import binascii
import contextlib
import csv
import glob
import gzip
import io
import json
import re
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.errors import CatalogError
from moemoe.schemas import CATALOG, IMAGE
from moemoe.storage import fetch, is_s3, join, list_files

PARQUET, JSON_LINES, CSV = (".parquet",), (".jsonl", ".ndjson"), (".csv",)
SUFFIXES = (*PARQUET, *JSON_LINES, *CSV, *(suffix + ".gz" for suffix in (*JSON_LINES, *CSV)))
REQUIRED = ("product_id", "product_type", "title", "attributes")
BATCH_ROWS = 256  # pictures travel with their rows: phone photos of 4 MB make a batch of 1 GB
MAX_LINE_BYTES = 64 * 2**20  # one JSON line; a 32 MiB picture in base64 fits

#: Takes (row, field, reason, detail) of a row that cannot be read. With field "image" only the row's picture is lost.
SetAside = Callable[[int, str, str, str], None]


class _RowError(Exception):
    def __init__(self, field: str, reason: str, detail: str):
        self.field, self.reason, self.detail = field, reason, detail


def find_partitions(catalog: str) -> list[str]:
    """The files of a catalog given as path, folder, glob or ``s3://`` URI, prefix or glob; absolute and sorted.

    A glob may have alternatives in braces.

    Of a folder, prefix or glob the files of another kind are left out (READMEs, pictures), and those whose
    name begins with ``_`` or ``.``.

    Raises:
        CatalogError: nothing matches, or nothing of an allowed kind.
    """
    allowed = f"allowed is a file, folder, glob or s3:// URI of {', '.join(SUFFIXES)} files"
    if not catalog.strip():
        raise CatalogError(f"the catalog is an empty path; {allowed}")
    found = sorted({file for one in _alternatives(catalog) for file in _files(one)})
    if not found:
        raise CatalogError(f"no catalog file matches {catalog!r}; {allowed}")
    partitions = [f for f in found if f.lower().endswith(SUFFIXES) and not Path(f).name.startswith(("_", "."))]
    if not partitions:
        names = ", ".join(Path(f).name for f in found[:3]) + (", ..." if len(found) > 3 else "")
        raise CatalogError(f"{catalog!r} holds no Parquet, JSON lines or CSV file (found: {names}); {allowed}")
    return partitions


def _files(catalog: str) -> list[str]:
    if is_s3(catalog):
        return list_files(catalog) or list_files(join(catalog, "*"))
    path = Path(catalog).expanduser()
    pattern = glob.escape(str(path)) if path.exists() else str(path)
    return list_files(f"{pattern}/**/*" if path.is_dir() else pattern)


def _alternatives(catalog: str) -> list[str]:
    """``catalog`` with braces resolved as a shell does: ``{shoes,hats}-*.parquet`` are two globs."""
    braces = re.search(r"\{([^{}]*,[^{}]*)\}", catalog)
    if braces is None or Path(catalog).expanduser().exists():
        return [catalog]
    before, after = catalog[: braces.start()], catalog[braces.end() :]
    return [one for choice in braces[1].split(",") for one in _alternatives(before + choice + after)]


def read_batches(
    partition: str,
    columns: Mapping[str, str] | None = None,
    set_aside: SetAside | None = None,
    only: Sequence[str] = tuple(CATALOG.names),
    batch_rows: int = BATCH_ROWS,
) -> Iterator[pa.RecordBatch]:
    """The rows of one catalog file, in order, in the CATALOG schema.

    Args:
        partition: one of ``find_partitions``.
        columns: catalog column -> the seller's column (``Contract.columns``).
        set_aside: told of each row that cannot be read, before its batch comes; such a row is null in every
            column, so that row numbers stay what they are. Without it such a row is an error.
        only: the catalog columns to read; the others come as null.
        batch_rows: rows in a batch, at most.

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
            yield from _parquet_batches(partition, path, columns, only, batch_rows)
            return
        read_rows = _csv_rows if name.removesuffix(".gz").endswith(CSV) else _json_rows
        with _opened(path) as file:
            rows = read_rows(partition, file, columns)
            yield from _text_batches(rows, set_aside, only, batch_rows)


def _refuse(partition: str) -> SetAside:
    def refuse(row: int, field: str, reason: str, detail: str) -> None:
        raise CatalogError(f"{partition}: row {row} cannot be read: {reason} ({detail})")

    return refuse


def _sources(partition: str, found: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Catalog column -> the file's column, for those it has: the contract's name for it, else the catalog's own."""
    sources = {}
    for name in CATALOG.names:
        source = next((s for s in (columns.get(name), name) if s in found), None)
        if source is not None:
            sources[name] = source
        elif name in REQUIRED or name in columns:
            shown = ", ".join(repr(f[:60]) for f in found[:40]) + (", ..." if len(found) > 40 else "")
            raise CatalogError(
                f"{partition}: column {columns.get(name, name)!r} is missing; the file has {shown or 'none'}; where "
                f"the seller calls it otherwise, write `columns: {{{name}: THEIR COLUMN}}` in the contract"
                + (" (in CSV: one column `attributes.<key>` for each key)" if name == "attributes" else "")
            )
    return sources


# -- Parquet ----------------------------------------------------------------------------------------------------------


def _parquet_batches(
    partition: str, path: Path, columns: Mapping[str, str], only: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{partition} is not a Parquet file or is cut short: {_first_line(error)}") from error
    with file:
        sources = _sources(partition, file.schema_arrow.names, columns)
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
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise CatalogError(
                f"{partition}: column {sources[field.name]!r} has type {array.type}, which cannot become the catalog's "
                f"{field.name}; allowed is {_ALLOWED.get(field.name, 'text or numbers')}"
            ) from error
    return pa.record_batch(arrays, schema=CATALOG)


_ALLOWED = {
    "bullet_points": "a list of texts, or a text",
    "image": "struct<bytes, path>, a path, or bytes",
    "attributes": "map<text, text>, a struct of texts, or a list of {key, value}",
}


def _cast(name: str, to: pa.DataType, array: pa.Array) -> pa.Array:
    """``array`` as type ``to``. Raises ArrowException, TypeError or ValueError where it cannot be."""
    if array.type == to:
        return array
    if pa.types.is_null(array.type):
        return pa.nulls(len(array), to)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if name == "image":
        return _cast_image(array)
    if name == "attributes" and not pa.types.is_map(array.type):
        rows = (None if row is None else _attributes(row) for row in array.to_pylist())
        try:
            return pa.array(list(rows), to)
        except _RowError as error:
            raise TypeError(error.detail) from error
    if name == "bullet_points" and not pa.types.is_nested(array.type):
        return pa.array([None if text is None else [text] for text in _cast(name, pa.string(), array).to_pylist()], to)
    if pa.types.is_nested(array.type) != pa.types.is_nested(to):
        raise TypeError(str(array.type))
    return array.cast(to)


def _cast_image(array: pa.Array) -> pa.Array:
    if pa.types.is_struct(array.type):
        names = [field.name for field in array.type]
        given = {name: pc.struct_field(array, name) for name in ("bytes", "path") if name in names}
    else:
        binary = pa.types.is_binary(array.type) or pa.types.is_large_binary(array.type)
        given = {"bytes" if binary else "path": array}
    if not given:
        raise TypeError(str(array.type))
    parts = [given[f.name].cast(f.type) if f.name in given else pa.nulls(len(array), f.type) for f in IMAGE]
    return pa.StructArray.from_arrays(parts, fields=list(IMAGE), mask=array.is_null())


# -- JSON lines and CSV -----------------------------------------------------------------------------------------------

#: A row under catalog column names, or why it cannot be read.
_Row = dict[str, Any] | _RowError
_STREAM_ERRORS = (OSError, EOFError, zlib.error)  # what a damaged .gz raises


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else open(path, "rb")  # type: ignore[return-value]


def _text_batches(
    rows: Iterator[_Row], set_aside: SetAside, only: Sequence[str], batch_rows: int
) -> Iterator[pa.RecordBatch]:
    start = 0
    while chunk := list(islice(rows, batch_rows)):
        records = []
        for number, row in enumerate(chunk, start=start):
            try:
                if isinstance(row, _RowError):
                    raise row
                records.append(_record(row, only))
            except _RowError as error:
                set_aside(number, error.field, error.reason, error.detail)
                records.append(_record({**row, "image": None}, only) if error.field == "image" else {})  # type: ignore
        yield pa.RecordBatch.from_pylist(records, CATALOG)
        start += len(chunk)


def _json_rows(partition: str, file: BinaryIO, columns: Mapping[str, str]) -> Iterator[_Row]:
    objects = _json_objects(partition, file)
    first = list(islice(objects, BATCH_ROWS))
    found = list(dict.fromkeys(key for row in first if isinstance(row, dict) for key in row))
    if first and not found:
        bad = next((row.detail for row in first if isinstance(row, _RowError)), "the first lines are empty objects")
        raise CatalogError(f"{partition} is not JSON lines, one object a line with the columns of a catalog: {bad}")
    sources = _sources(partition, found, columns) if first else {}
    for row in chain(first, objects):
        yield {name: row.get(source) for name, source in sources.items()} if isinstance(row, dict) else row


def _json_objects(partition: str, file: BinaryIO) -> Iterator[_Row]:
    for number, line in enumerate(_lines(partition, file), start=1):
        if not line.strip():
            continue
        try:
            # numbers stay as they are written: 1.50 is not 1.5, and a long id is no float
            row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), parse_float=str, parse_int=str)
            problem = None if isinstance(row, dict) else "not a JSON object"
        except (ValueError, RecursionError) as error:  # a UnicodeDecodeError or JSONDecodeError is a ValueError
            problem = _first_line(error)
        if problem is None:
            yield row
        elif line.endswith(b"\n"):
            yield _RowError("row", "row is not readable", f"line {number}: {problem}")
        else:
            raise CatalogError(f"{partition} is cut short or is not JSON lines: line {number}: {problem}")


def _lines(partition: str, file: BinaryIO) -> Iterator[bytes]:
    try:
        while line := file.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                raise CatalogError(f"{partition} has a line of more than {MAX_LINE_BYTES >> 20} MiB; is it JSON lines?")
            yield line
    except _STREAM_ERRORS as error:
        raise CatalogError(f"{partition} is damaged or cut short: {_first_line(error)}") from error


def _csv_rows(partition: str, file: BinaryIO, columns: Mapping[str, str]) -> Iterator[_Row]:
    """Empty cells are left out; the ``attributes.<key>`` columns are gathered into ``attributes``."""
    # bytes that are not UTF-8 come as surrogates, so that they cost one row and not the file
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, strict=True)
    header: list[str] | None = None
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            if header is None or "unexpected end of data" in str(error):
                problem = f"line {reader.line_num}: {error}"
                raise CatalogError(f"{partition} is cut short or is not CSV: {problem}") from error
            yield _RowError("row", "row is not readable", f"line {reader.line_num}: {error}")
            continue
        except _STREAM_ERRORS as error:
            raise CatalogError(f"{partition} is damaged or cut short: {_first_line(error)}") from error
        if header is None:
            header = cells
            where, keys = _csv_columns(partition, header, columns)
        elif len(cells) == len(header):
            row: dict[str, Any] = {name: cells[i] for name, i in where.items() if cells[i]}
            row["attributes"] = [(key, cells[i]) for i, key in keys.items() if cells[i]]
            yield row
        elif cells:
            detail = f"line {reader.line_num} has {len(cells)} cells; the header has {len(header)}"
            yield _RowError("row", "row is not readable", detail)
    if header is None:
        raise CatalogError(f"{partition} is empty; a CSV begins with a header")


def _csv_columns(
    partition: str, header: list[str], columns: Mapping[str, str]
) -> tuple[dict[str, int], dict[int, str]]:
    """Where each catalog column lies, and the attribute key of each ``attributes.<key>`` column."""
    prefix = columns.get("attributes", "attributes") + "."
    keys = {i: column.removeprefix(prefix) for i, column in enumerate(header) if column.startswith(prefix)}
    plain = [column for i, column in enumerate(header) if i not in keys and column not in (prefix[:-1], "attributes")]
    sources = _sources(partition, [*plain, *([prefix[:-1]] if keys else [])], columns)
    twice = [source for source in sources.values() if plain.count(source) > 1]
    if twice:
        raise CatalogError(f"{partition}: column {twice[0]!r} comes twice in the header; each is allowed once")
    return {name: header.index(source) for name, source in sources.items() if name != "attributes"}, keys


def _record(row: Mapping[str, Any], only: Sequence[str]) -> dict[str, Any]:
    """A row's values in the types of CATALOG. Raises _RowError."""
    record: dict[str, Any] = {}
    for name in only:
        value = row.get(name)
        if value is None:
            continue
        if name == "image":
            record[name] = _image(value)
        elif name == "attributes":
            record[name] = _attributes(value)
        elif name == "bullet_points":
            record[name] = [_text(name, point) for point in _bullet_points(value)]
        else:
            record[name] = _text(name, value)
    return record


def _text(field: str, value: Any) -> Any:
    """``value`` as text, or None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        raise _RowError(field, f"{field} is not a text", repr(value)[:200])
    text = str(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise _RowError(field, "text is not UTF-8", f"{field}: {ascii(text)[:200]}") from error
    return text


def _bullet_points(value: Any) -> list[Any]:
    if not isinstance(value, str):
        return value if isinstance(value, list) else [value]
    if value.lstrip().startswith("["):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(value, parse_float=str, parse_int=str)
    return [value] if value else []


def _attributes(value: Any) -> list[tuple[str, str | None]]:
    """Pairs from a free-key object, or a list of pairs or {key, value}; a list of values becomes "one, two"."""
    if isinstance(value, dict):
        pairs: Iterable[Any] = value.items()
    elif isinstance(value, list):
        pairs = [(e.get("key"), e.get("value")) if isinstance(e, dict) else e for e in value]
    else:
        raise _RowError("attributes", "attributes are not a map", repr(value)[:200])
    result = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or pair[0] is None:
            raise _RowError("attributes", "attributes are not a map", repr(pair)[:200])
        key, item = pair
        if isinstance(item, list):
            item = ", ".join(text for text in (_text("attributes", part) for part in item) if text is not None)
        result.append((_text("attributes", key), _text("attributes", item)))
    return result


def _image(value: Any) -> dict[str, Any] | None:
    """The IMAGE of a path, or of an object with ``path`` and base64 ``bytes``."""
    if isinstance(value, str):
        return {"bytes": None, "path": _text("image", value)} if value else None
    if not isinstance(value, dict):
        raise _RowError("image", "image is not a path or {bytes, path}", repr(value)[:200])
    data, path = value.get("bytes"), value.get("path")
    try:
        data = base64.b64decode(data, validate=True) if data else None
    except (binascii.Error, ValueError, TypeError) as error:
        raise _RowError("image", "image bytes are not base64", _first_line(error)) from error
    return {"bytes": data, "path": _text("image", path)}


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
