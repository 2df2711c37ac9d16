"""Joins the rows of each product, wherever they are in the file, in constant memory."""

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

#: Number of parts in which a large file is joined, one after the other.
PARTS = 64

Join = Callable[[Iterator[Row | RowError]], Iterator[Row | RowError]]


def joined(
    rows: Iterator[Row | RowError], key: Callable[[Row], str], join: Join, in_memory: int
) -> Iterator[Row | RowError]:
    """Applies ``join`` to all rows, or to each part of a large file, written to temporary files.

    RowErrors of a large file are yielded immediately.

    Args:
        key: rows with the same key are in one part, in their order.
        in_memory: a file with at most this many rows is joined in one go.
    """
    first = list(islice(rows, in_memory + 1))
    if len(first) <= in_memory:
        yield from join(iter(first))
        return
    rows = chain(first, rows)
    del first  # frees the rows, which are in the files now
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
