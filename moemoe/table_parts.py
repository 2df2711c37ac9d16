"""A table too large for memory, as a folder of Parquet parts and a list of them that is written last.

The list, ``parts.json``, holds every part's length and SHA-256. So a part that is missing, truncated or left by another
run is detected before its rows are used, and readers ignore the parts of an unfinished table.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.errors import StorageError
from moemoe.storage import exists, join, part_uri, read_bytes, remove, sizes, write_bytes

LIST = "parts.json"
#: Columns that earlier releases did not write; in their files these are read as null.
ADDED = {"tolerance", "source_weights"}
AGAIN = "run the step that writes it again"


def completed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with the columns of ``schema`` that an earlier release did not write, as nulls."""
    for name in ADDED & (set(schema.names) - set(table.column_names)):
        table = table.append_column(schema.field(name), pa.nulls(len(table), schema.field(name).type))
    return table.select(schema.names) if set(table.column_names) == set(schema.names) else table


@dataclass(frozen=True)
class ListedParts:
    """A folder of parts with one schema; an earlier run's single file at ``FOLDER.parquet`` is read as one part.

    ``len`` is the number of parts; iteration reads them one after the other.
    """

    uri: str
    schema: pa.Schema

    @property
    def _list(self) -> str:
        return join(self.uri, LIST)

    @property
    def _single(self) -> str:
        return f"{self.uri}.parquet"

    def exists(self) -> bool:
        """Whether a complete table exists."""
        return exists(self._list) or exists(self._single)

    def files(self) -> list[str]:
        """The URIs of all files of the table, the list last."""
        if self._parts is None:
            return [self._single]
        return [*(join(self.uri, part["file"]) for part in self._parts), self._list]

    @contextmanager
    def writing(self) -> Iterator["PartWriter"]:
        """A writer of parts; the table exists once the block ends without an error. It replaces an earlier one."""
        self._remove()
        writer = PartWriter(self)
        yield writer
        write_bytes(self._list, (json.dumps(writer.written, indent=1) + "\n").encode())

    def copy(self, to: "ListedParts") -> None:
        """Copies the table to ``to``, replacing an earlier one; the copy exists only once it is complete."""
        to._remove()
        for uri in self.files():
            write_bytes(join(to.uri, uri.rsplit("/", 1)[1]), read_bytes(uri))

    def _remove(self) -> None:
        """Deletes all files, the list first."""
        for uri in (self._list, self._single, *(join(self.uri, name) for name in sizes(self.uri))):
            remove(uri)
        self.__dict__.pop("_parts", None)

    def __len__(self) -> int:
        return 1 if self._parts is None else len(self._parts)

    def __iter__(self) -> Iterator[pa.Table]:
        return (self.part(index) for index in range(len(self)))

    def part(self, index: int, columns: Sequence[str] | None = None) -> pa.Table:
        """One part, with all columns or with ``columns``.

        Raises:
            StorageError: it is missing, differs from the list, or has another schema.
        """
        if self._parts is None:
            return self._table(self._single, read_bytes(self._single), columns)
        return self.listed(self._parts[index], columns)

    def listed(self, part: dict[str, Any], columns: Sequence[str] | None = None) -> pa.Table:
        """The part that an entry of the list names; see ``part``."""
        uri = join(self.uri, part["file"])
        return self._table(uri, self._checked(uri, part), columns)

    def _table(self, uri: str, data: bytes, columns: Sequence[str] | None) -> pa.Table:
        file = pq.ParquetFile(pa.BufferReader(data))
        if not completed(file.schema_arrow.empty_table(), self.schema).schema.equals(self.schema):
            raise StorageError(f"{uri}: it has columns {file.schema_arrow.names}; this code reads {self.schema.names}")
        wanted = list(columns or self.schema.names)
        own = file.read([name for name in wanted if name in file.schema_arrow.names])
        return completed(own, pa.schema([self.schema.field(name) for name in wanted])).select(wanted)

    def read(self) -> pa.Table:
        """The whole table, in memory: for inspecting a small one."""
        return pa.concat_tables([self.schema.empty_table(), *self])

    def _checked(self, uri: str, listed: dict[str, Any]) -> bytes:
        try:
            data = read_bytes(uri)
        except StorageError as error:
            raise StorageError(f"{error}, but {self._list} names it; {AGAIN}") from error
        if len(data) != listed["bytes"]:
            raise StorageError(f"{uri}: {len(data)} bytes; {self._list} says {listed['bytes']}; {AGAIN}")
        if hashlib.sha256(data).hexdigest() != listed["sha256"]:
            raise StorageError(f"{uri} is not the part that {self._list} names, but one of another run; {AGAIN}")
        return data

    @cached_property
    def _parts(self) -> list[dict[str, Any]] | None:
        """The entries of the list; None if there is only a single file."""
        if not exists(self._list) and exists(self._single):
            return None
        try:
            return list(json.loads(read_bytes(self._list)))
        except ValueError as error:
            raise StorageError(f"{self._list}: not a list of parts ({error}); {AGAIN}") from error


class PartWriter:
    """Writes the parts of a ListedParts; each given table becomes one part."""

    def __init__(self, parts: ListedParts):
        self._parts = parts
        self.written: list[dict[str, Any]] = []

    def __len__(self) -> int:
        return len(self.written)

    def part(self, index: int) -> pa.Table:
        """Reads a written part back."""
        return self._parts.listed(self.written[index])

    def write_all(self, tables: Iterable[pa.Table]) -> None:
        """Adds parts; see ``write``."""
        for table in tables:
            self.write(table)

    def write(self, table: pa.Table) -> None:
        """Adds a part, unless it has no rows.

        Raises:
            ValueError: it has another schema.
            StorageError: it cannot be written, e.g. because the disk is full.
        """
        if not table.schema.equals(self._parts.schema):
            raise ValueError(f"{self._parts.uri} holds {self._parts.schema.names}, not {table.schema.names}")
        if not table.num_rows:
            return
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        data, uri = sink.getvalue(), part_uri(self._parts.uri, len(self.written))
        write_bytes(uri, data)
        self.written.append(
            {
                "file": uri.rsplit("/", 1)[1],
                "rows": table.num_rows,
                "bytes": len(memoryview(data)),
                "sha256": hashlib.sha256(data).hexdigest(),
            }
        )
