"""Tables too large for memory, read as a sequence of Parquet files (parts) or as the record batches of one file."""

import os
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.storage import read_table

BATCH_ROWS = 1 << 18


class Parts:
    """The tables at ``uris``; every pass over them reads the files again and holds one of them at a time.

    Args:
        uris: in order.
        columns: names of the columns to read; all by default.
    """

    def __init__(self, uris: Sequence[str], columns: Sequence[str] | None = None):
        self.uris, self.columns = tuple(uris), columns

    def __iter__(self) -> Iterator[pa.Table]:
        return (read_table(uri, self.columns) for uri in self.uris)

    def select(self, columns: Sequence[str]) -> "Parts":
        """The same parts, with ``columns`` only."""
        return Parts(self.uris, columns)


class Batches:
    """The record batches of a local Parquet file; every pass reads it again and holds one of them at a time."""

    def __init__(self, path: str | os.PathLike[str]):
        self._path = path

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._path) as file:
            yield from file.iter_batches(BATCH_ROWS)
