"""Rows of one product that need not stand together, brought together in memory that does not grow with the file."""

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from tempfile import TemporaryFile
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row

#: A large file is joined in so many parts, one after the other.
PARTS = 64

Join = Callable[[Iterator[Row | RowError]], Iterator[Row | RowError]]


def joined(
    rows: Iterator[Row | RowError], key: Callable[[Row], str], join: Join, in_memory: int
) -> Iterator[Row | RowError]:
    """What ``join`` makes of all rows, or of parts of a large file, which it writes to temporary files.

    RowErrors of a large file come at once.

    Args:
        key: rows that have the same one are in one part, in their order.
        in_memory: a file with at most so many rows is joined at once.
    """
    first = list(islice(rows, in_memory + 1))
    if len(first) <= in_memory:
        yield from join(iter(first))
        return
    rows = chain(first, rows)
    del first  # what it holds goes with the writing
    with ExitStack() as stack:
        parts = [stack.enter_context(TemporaryFile("w+", encoding="utf-8")) for _ in range(PARTS)]
        for row in rows:
            if isinstance(row, RowError):
                yield row
            else:
                number = zlib.crc32(key(row).encode("utf-8", "surrogatepass")) % PARTS
                parts[number].write(json.dumps(row, default=_as_json) + "\n")
        for part in parts:
            part.seek(0)
            yield from join(map(json.loads, part))


def _as_json(value: Any) -> str:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)
