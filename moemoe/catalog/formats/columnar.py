"""Parquet and Arrow files (Hugging Face datasets are either) -> a table whose rows come in record batches too."""

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.catalog.formats.double_encoding import undo_in_array
from moemoe.catalog.formats.hugging_face import class_names
from moemoe.catalog.formats.table import Row, Table
from moemoe.errors import CatalogError, first_line

_ERRORS = (pa.ArrowException, OSError)
_ROWS = 256  # images travel with their rows
_ARROW_FILE = b"ARROW1"


class ColumnarTable(Table):
    """A table in Parquet or Arrow.

    A Hugging Face data set's class labels become their names; its images are structs of bytes and path.

    Attributes:
        schema: the schema stored in the file.

    Raises:
        CatalogError: the file cannot be read, is cut short, or has two columns of one name.
    """

    def __init__(self, partition: str, path: Path, constants: Mapping[str, str | None]):
        self._file: pq.ParquetFile | pa.RecordBatchReader | pa.RecordBatchFileReader
        is_arrow = path.suffix.lower() in (".arrow", ".feather")
        self.format = "Arrow" if is_arrow else "Parquet"
        try:
            self._file = _open_arrow(path) if is_arrow else pq.ParquetFile(path, page_checksum_verification=True)
        except _ERRORS as error:
            raise CatalogError(
                f"{partition} is not a {self.format} file or is cut short: {first_line(error)}"
            ) from error
        self.schema: pa.Schema = self._file.schema if is_arrow else self._file.schema_arrow
        twice = next((name for name, number in Counter(self.schema.names).items() if number > 1), None)
        if twice is not None:
            raise CatalogError(f"{partition}: column {twice!r} comes twice; each is allowed once")
        super().__init__(partition, self.schema.names, constants)
        self._names = _class_names(self.schema)
        self._path, self._constants = path, constants

    def batches(self, columns: Sequence[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The rows in order, with these of the file's own columns.

        Raises:
            CatalogError: the file is damaged.
        """
        try:
            for batch in self._read(list(columns), batch_rows):
                named = self._with_class_names(batch) if self._names else batch
                arrays = [undo_in_array(array, self.counts) for array in named.columns]
                is_same = all(new is old for new, old in zip(arrays, named.columns, strict=True))
                yield named if is_same else pa.record_batch(arrays, named.schema)
        except _ERRORS as error:
            raise CatalogError(f"{self.partition} is damaged or cut short: {first_line(error)}") from error

    def _read(self, columns: list[str], batch_rows: int) -> Iterator[pa.RecordBatch]:
        if isinstance(self._file, pq.ParquetFile):
            yield from self._file.iter_batches(batch_rows, columns=columns)
            return
        if isinstance(self._file, pa.RecordBatchFileReader):
            batches: Any = (self._file.get_batch(i) for i in range(self._file.num_record_batches))
        else:
            batches = self._file
        for batch in batches:
            for start in range(0, batch.num_rows, batch_rows):
                yield batch.select(columns).slice(start, batch_rows)

    def _with_class_names(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = [
            _named(array, self._names[name]) if name in self._names else array
            for name, array in zip(batch.schema.names, batch.columns, strict=True)
        ]
        return pa.record_batch(arrays, names=batch.schema.names)

    def rows(self) -> Iterator[Row]:
        """The rows as mappings; a timestamp or another value that JSON lacks comes as Python has it."""
        columns = [self.names.get(column, column) for column in self.schema.names]
        for batch in self.batches(self.schema.names, _ROWS):
            for values in zip(*map(python_values, batch.columns), strict=True):
                yield {**self.constants, **dict(zip(columns, values, strict=True))}

    def first(self, number: int) -> list[Row]:  # noqa: D102
        rows: list[Row] = []
        again = ColumnarTable(self.partition, self._path, self._constants)
        again.respell(self.names)
        for row in again.rows() if number else ():
            rows.append(row)
            if len(rows) == number:
                break
        return rows


def python_values(array: pa.Array) -> list[Any]:
    """The values as Python objects, floats of fewer than 64 bits as NumPy's: as a Python float, 0.1 would change."""
    kind = array.type
    if _is_short_float(kind):
        return [None if math.isnan(value) else value for value in array.to_numpy(zero_copy_only=False)]
    if pa.types.is_dictionary(kind) and _is_short_float(kind.value_type):
        return python_values(array.dictionary_decode())
    if not _has_short_floats(kind):
        return array.to_pylist()
    if pa.types.is_struct(kind):
        names = [part.name for part in kind]
        rows = zip(*map(python_values, array.flatten()), strict=True)
        valid = array.is_valid().to_pylist()
        return [dict(zip(names, row, strict=True)) if is_row else None for row, is_row in zip(rows, valid, strict=True)]
    lists = [None if row.values is None else python_values(row.values) for row in array]
    if pa.types.is_map(kind):
        return [None if row is None else [tuple(pair.values()) for pair in row] for row in lists]
    return lists


def _is_short_float(kind: pa.DataType) -> bool:
    return pa.types.is_float16(kind) or pa.types.is_float32(kind)


def _has_short_floats(kind: pa.DataType) -> bool:
    return _is_short_float(kind) or any(_has_short_floats(kind.field(i).type) for i in range(kind.num_fields))


def _open_arrow(path: Path) -> pa.RecordBatchReader | pa.RecordBatchFileReader:
    source = pa.memory_map(str(path))
    is_file = source.read(len(_ARROW_FILE)) == _ARROW_FILE
    source.seek(0)
    return pa.ipc.open_file(source) if is_file else pa.ipc.open_stream(source)


def _named(classes: pa.Array, names: pa.Array) -> pa.Array:
    """Class labels, or lists of them, as their names; -1 is Hugging Face's sign for no label.

    A number without a name stays a number: classes may have been added to the data set later.
    """
    if pa.types.is_integer(classes.type):
        numbers = classes.cast(pa.int64())
        is_named = pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, len(names)))
        unnamed = pc.if_else(pc.equal(numbers, -1), None, numbers).cast(pa.string())
        return pc.if_else(is_named, names.take(pc.if_else(is_named, numbers, None)), unnamed)
    known: dict[int | None, str | None] = {-1: None, None: None}
    known |= dict(enumerate(names.to_pylist()))
    lists = [None if row is None else [known.get(n, str(n)) for n in row] for row in classes.to_pylist()]
    return pa.array(lists, pa.list_(pa.string()))


def _class_names(schema: pa.Schema) -> dict[str, pa.Array]:
    """Columns of class labels -> the names of the classes, as a Hugging Face dataset keeps them in its schema."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for name, feature in features.items():
        if labels := class_names(feature):
            names, is_list = labels
            kind = schema.field(name).type if name in schema.names else pa.null()
            if pa.types.is_integer(kind.value_type if is_list and _is_list(kind) else kind):
                found[name] = pa.array(names, pa.string())
    return found


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
