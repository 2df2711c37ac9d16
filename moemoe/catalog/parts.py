"""A table too large for memory: parts, each a Parquet file, read one after the other."""

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa

from moemoe.storage import read_table


class Parts(Collection[pa.Table]):
    """The tables at ``uris``; every pass over them reads the files again and holds one of them at a time."""

    def __init__(self, uris: Sequence[str]):
        self.uris = tuple(uris)

    def __iter__(self) -> Iterator[pa.Table]:
        return map(read_table, self.uris)

    def __len__(self) -> int:
        return len(self.uris)

    def __contains__(self, uri: object) -> bool:
        return uri in self.uris
