"""JSON -> a table: one object a line, or an array of objects, which may be larger than memory."""

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import EMPTY, ObjectTable, Row
from moemoe.catalog.formats.text import MAX_RECORD, TextFile, first_line
from moemoe.errors import CatalogError

#: Rows whose keys are the file's columns.
HEAD_ROWS = 256
#: Keys of an object that is the answer of an API: the list, a count, a next page. A product has more.
MOST_BESIDE_A_LIST = 3
#: Numbers stay as they are written: 1.50 is not 1.5, and a long id is no float.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: None)
#: Lines of an array without its brackets.
COMMAS = "lines with a comma behind the object"
_BETWEEN = re.compile(r"[\s,]*")


def open_json(partition: str, path: Path, constants: Mapping[str, str | None]) -> ObjectTable:
    """JSON lines or a JSON array.

    Raises:
        CatalogError: the file is neither, or (later) cut short.
    """
    text = TextFile(partition, path, "\n")
    line = text.readline()
    while line and not line.strip("\ufeff \t\r\n"):
        line = text.readline()
    line = line.removeprefix("\ufeff")
    is_array = line.lstrip().startswith("[")
    rows = _array(text, line) if is_array else _lines(text, line)
    first = list(islice(rows, HEAD_ROWS))
    if len(first) == 1 and isinstance(first[0], dict) and (name := _list_of_objects(first[0])):
        raise CatalogError(
            f"{partition} is one object with the list {name!r}; allowed is one object a line, or an array of objects "
            f"(`jq .{name}` takes a list out of an object)"
        )
    columns = list(dict.fromkeys(key for row in first if isinstance(row, dict) for key in row))
    if first and not columns:
        bad = next((row.detail for row in first if isinstance(row, RowError)), "the first lines are empty objects")
        raise CatalogError(f"{partition} is not JSON lines, one object a line with the columns of a catalog: {bad}")
    table = ObjectTable(partition, columns, chain(first, rows), constants, "JSON array" if is_array else "JSON lines")
    table.counts = text.counts
    if not first:
        table.counts[EMPTY] = 1
    return table


def _list_of_objects(row: Row) -> str | None:
    """The name of the list in what an API answers: little else than a list of objects."""
    lists = [name for name, value in row.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    return lists[0] if len(row) <= MOST_BESIDE_A_LIST and len(lists) == 1 else None


def _lines(text: TextFile, line: str) -> Iterator[Row | RowError]:
    number = 1
    while line:
        if line.strip():
            try:
                row = _object(text, line)
                problem = None if isinstance(row, dict) else "not a JSON object"
            except (ValueError, RecursionError) as error:  # a JSONDecodeError is a ValueError
                problem = first_line(error)
            if problem is None:
                yield row
            elif number == 1 and line.strip() == "{":
                raise CatalogError(
                    f"{text.partition} begins with an object on several lines; allowed is one object a line, or an "
                    "array of objects (`jq -c .` makes lines of objects, `jq .products` takes a list out of one)"
                )
            elif line.endswith("\n"):
                yield RowError("row", "row is not readable", f"line {number}: {problem}")
            else:
                raise CatalogError(f"{text.partition} is cut short or is not JSON lines: line {number}: {problem}")
        line = text.readline()
        number += 1


def _object(text: TextFile, line: str) -> Any:
    """What is on a line, without a comma behind it. Raises ValueError or RecursionError."""
    try:
        return _DECODER.decode(line)
    except ValueError:
        if not (bare := line.rstrip()).endswith(","):
            raise
        found = _DECODER.decode(bare[:-1])
        text.counts[COMMAS] += 1
        return found


def _array(text: TextFile, begun: str) -> Iterator[Row | RowError]:
    """The items of an array; what is read ahead is one item, and as much again."""
    buffer, at, number = begun, begun.index("[") + 1, 0
    while True:
        at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]
        if at < len(buffer) and buffer[at] == "]":
            return
        try:
            item, at = _DECODER.raw_decode(buffer, at)
            number += 1
        except (ValueError, RecursionError) as error:
            more = _more(text, len(buffer) - at)
            if not more or len(buffer) - at > MAX_RECORD:
                problem = f"item {number + 1}: {first_line(error)}" if buffer[at:].strip() else "it does not end in ]"
                raise CatalogError(f"{text.partition} is cut short or is not a JSON array: {problem}") from error
            buffer, at = buffer[at:] + more, 0
            continue
        yield item if isinstance(item, dict) else _no_object(item, number)


def _no_object(item: Any, number: int) -> RowError:
    return RowError("row", "row is not readable", f"item {number}: {str(item)[:100]!r} is not a JSON object")


def _more(text: TextFile, size: int) -> str:
    """Lines of ``size`` characters, at least one."""
    lines = []
    while line := text.readline():
        lines.append(line)
        size -= len(line)
        if size < 0:
            break
    return "".join(lines)
