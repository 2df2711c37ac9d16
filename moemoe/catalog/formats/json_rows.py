"""Reads JSON as a table: one object per line, an array of any size, or objects that contain the rows."""

import contextlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from moemoe.catalog.formats.double_encoding import undo_in
from moemoe.catalog.formats.hugging_face import ServedRows
from moemoe.catalog.formats.json_wrappers import (
    PYTHON_LINES,
    has_types,
    is_action,
    is_header_of_tables,
    rows_by_id,
    rows_of_tables,
    without_actions,
    without_types,
    without_wrapper,
    wrapper_of,
)
from moemoe.catalog.formats.printed import as_python_prints
from moemoe.catalog.formats.repeated_keys import TOO_DEEP, RowDecoder, is_too_deep
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import EMPTY, Ahead, ObjectTable, Row
from moemoe.catalog.formats.text import MAX_RECORD, TextFile
from moemoe.errors import CatalogError, first_line

#: Rows whose keys are the file's columns.
HEAD_ROWS = 256
#: Most keys of an API response besides its list (a count, a next page); a product has more.
MOST_BESIDE_A_LIST = 3
#: Names of such lists, whatever else the response has.
_LISTS = frozenset(
    (
        *("products", "items", "data", "results", "records", "rows", "catalog", "listings", "entries"),
        *("result", "response", "hits", "_embedded"),
    )
)
#: GraphQL's keys for the objects of a list, and for each object in ``edges``.
_EDGES, _NODES, _NODE = "edges", "nodes", "node"
#: Keys in which an API wraps a single product.
_ONE = "product"
#: Keys that a row has and an API response does not.
_IDS = frozenset(("id", "product_id", "sku", "asin"))
_OF_ROWS = _IDS | {"title", "name"}
#: Lines of an array without its brackets.
COMMAS = "lines with a comma behind the object"
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"')
#: Two consecutive non-ASCII characters written as escapes (unescaped ones are handled with the line), or one escape
#: followed by a replacement for the second.
_ESCAPED = re.compile(r"\\u00[c-f][0-9a-f](?:\\u|[ ?])", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,]*")

#: The kind and the rows of a file that has one of ``_FORMS``.
_Form = tuple[str, Iterator[Row | RowError]]


@dataclass(frozen=True)
class _Opened:
    """A file's rows as they stand in it, or after some of ``_FORMS`` were removed.

    Args:
        kind: the name of the form, for the report.
        counts: what was skipped or repaired -> number of rows.
    """

    partition: str
    kind: str
    rows: Ahead[Row | RowError]
    counts: Counter[str]

    def first(self) -> Row:
        """The first row; {} if there is none, or if it is not readable."""
        return next((row for row in self.rows.first(1) if isinstance(row, dict)), {})


def open_json(partition: str, path: Path, constants: Mapping[str, str | None]) -> ObjectTable:
    """Opens JSON lines, objects on several lines, a JSON array, or an object that contains the rows.

    Raises:
        CatalogError: the file is none of these, or (while reading) truncated.
    """
    opened = _as_it_stands(partition, TextFile(partition, path, "\n"))
    for form in _FORMS:
        if found := form(opened):
            opened = replace(opened, kind=found[0], rows=Ahead(found[1]))
    first = opened.rows.first(HEAD_ROWS)
    columns = list(dict.fromkeys(key for row in first if isinstance(row, dict) for key in row))
    if first and not columns:
        bad = next((row.detail for row in first if isinstance(row, RowError)), "the first lines are empty objects")
        raise CatalogError(f"{partition} is not JSON lines, one object per line with the columns of a catalog: {bad}")
    table = ObjectTable(partition, columns, iter(opened.rows), constants, opened.kind)
    table.counts = opened.counts
    if not first:
        table.counts[EMPTY] = 1
    return table


def _as_it_stands(partition: str, text: TextFile) -> _Opened:
    """The objects of a file, by the form of its first line with text."""
    line = text.readline()
    while line and not line.strip("\ufeff \t\r\n"):
        line = text.readline()
    line = line.removeprefix("\ufeff")
    is_array = line.lstrip().startswith("[")
    is_whole = is_array or _is_no_line(line)
    rows = _values(text, line, is_array) if is_whole else _lines(text, line)
    kind = "JSON array" if is_array else "JSON objects" if is_whole else "JSON lines"
    return _Opened(partition, kind, Ahead(rows), text.counts)


def _in_bulk_format(opened: _Opened) -> _Form | None:
    is_one = is_action(opened.first())
    return (opened.kind, without_actions(iter(opened.rows), opened.counts)) if is_one else None


def _in_tables(opened: _Opened) -> _Form | None:
    is_one = is_header_of_tables(opened.first())
    return ("JSON (phpMyAdmin)", rows_of_tables(iter(opened.rows))) if is_one else None


def _in_pages_or_one_object(opened: _Opened) -> _Form | None:
    """The rows of an API's responses, or of the only object of a file."""
    first = opened.first()
    if name := _name_of_page(first):
        return f"JSON ({name})", _rows_of_pages(iter(opened.rows), opened.counts)
    if not first or len(opened.rows.first(2)) > 1:
        return None
    found = _rows_within(first) or _rows_of_lists(opened.partition, first)
    return (f"JSON ({found[0]})", iter(found[1])) if found else None


def _in_wrappers(opened: _Opened) -> _Form | None:
    name = wrapper_of(opened.first())
    return (f"{opened.kind}, each in {name!r}", without_wrapper(iter(opened.rows), name)) if name else None


def _with_types(opened: _Opened) -> _Form | None:
    typed = has_types(opened.rows.first(HEAD_ROWS))
    return (opened.kind, without_types(iter(opened.rows))) if typed else None


#: Forms around the rows, from the outside to the inside.
_FORMS = (_in_bulk_format, _in_tables, _in_pages_or_one_object, _in_wrappers, _with_types)


def _is_no_line(line: str) -> bool:
    """Whether a line has several objects, as some programs append them, or one that continues on the next line."""
    try:
        _, end = RowDecoder(Counter()).raw_decode(line, len(line) - len(line.lstrip()))
    except (ValueError, RecursionError):
        bare = _STRING.sub("", line).strip()
        is_open = bare.count("{") > bare.count("}") or bare.count("[") > bare.count("]")
        return bare.startswith("{") and is_open and '"' not in bare and bare.endswith(("{", "[", ","))
    return line[end:].lstrip(" ,")[:1] == "{"


def _name_of_page(row: Row) -> str | None:
    """The name for a page, if the row is a page of an API's response; None for any other row."""
    if len(row) == 1 and isinstance(row.get(_ONE), dict):
        return f"object {_ONE!r}"
    names = [name for name, value in row.items() if name.casefold() in _LISTS and isinstance(value, (list, dict))]
    return f"list {names[0]!r}" if len(names) == 1 and _items(row) is not None else None


def _items(row: Row) -> list[Any] | None:
    """The items in an API response, empty on the last page; None for anything else."""
    if row.keys() & _OF_ROWS:
        return None
    if isinstance(one := row.get(_ONE), dict) and len(row) == 1:
        return [one]
    if isinstance(edges := row.get(_EDGES), list):
        return [edge.get(_NODE) if isinstance(edge, dict) else edge for edge in edges]
    if isinstance(nodes := row.get(_NODES), list):
        return nodes
    found = [value for name, value in row.items() if name.casefold() in _LISTS and isinstance(value, (list, dict))]
    if len(found) != 1:
        return None
    if isinstance(found[0], dict):
        items = _items(found[0])
        return rows_by_id(found[0]) if items is None else items
    return found[0] if all(isinstance(item, dict) for item in found[0][:1]) else None


def _rows_of_pages(pages: Iterator[Row | RowError], counts: Counter[str]) -> Iterator[Row | RowError]:
    number = count(1)
    for page, row in enumerate(pages, start=1):
        served = ServedRows(row if isinstance(row, dict) else {}, counts)
        items = _items(row) if isinstance(row, dict) else None
        if items is None:
            told = f"answer {page} has no list of products: {str(row)[:100]!r}"
            yield row if isinstance(row, RowError) else RowError("row", "row is not readable", told)
        for item, at in zip(items or (), number, strict=False):
            yield served.row(item) if isinstance(item, dict) else _no_object(item, at)


def _rows_within(whole: Row) -> tuple[str, list[Row | RowError]] | None:
    """The rows in the only object of a file, and its kind: an API response, or a table written by pandas."""
    if name := _list_of_objects(whole):
        items = whole[name]
        found = [item if isinstance(item, dict) else _no_object(item, i) for i, item in enumerate(items, start=1)]
        return f"list {name!r}", found
    columns, data = whole.get("columns") or [], whole.get("data") or []
    if _is_list_of(columns, str) and _is_list_of(data, list) and all(len(row) == len(columns) for row in data):
        return "table of columns and data", [dict(zip(columns, row, strict=True)) for row in data]
    if not whole or not all(isinstance(part, dict) and part for part in whole.values()):
        return None
    parts = list(whole.values())
    if by_id := rows_by_id(whole):
        return "object of rows", list(by_id)
    if _is_numbered(whole) or all(key in map(str, part.values()) for key, part in whole.items()):  # rows by their id
        return "object of rows", parts
    is_table = all(part.keys() == parts[0].keys() for part in parts)
    if is_table and (_is_numbered(parts[0]) or whole.keys() & _OF_ROWS):
        is_index = _is_numbered(parts[0]) or whole.keys() & _IDS
        ids = {i: {} if is_index else {"product_id": i} for i in parts[0]}
        return "object of columns", [ids[i] | {name: part[i] for name, part in whole.items()} for i in parts[0]]
    return None


def _rows_of_lists(partition: str, whole: Row) -> tuple[str, list[Row | RowError]] | None:
    """The kind and rows of an object with a list per column; None for a product, which may have lists of one.

    Raises:
        CatalogError: the columns differ in length.
    """
    lengths = {name: len(column) for name, column in whole.items() if isinstance(column, list)}
    if len(lengths) < len(whole) or not any(lengths[name] > 1 for name in whole.keys() & _OF_ROWS):
        return None
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{name} has {length}" for name, length in [*lengths.items()][:9])
        raise CatalogError(
            f"{partition} is an object of columns that differ in length: {shown}; each needs one value per row"
        )
    return "object of columns", [dict(zip(whole, row, strict=True)) for row in zip(*whole.values(), strict=True)]


def _is_list_of(value: Any, kind: type) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, kind) for one in value)


def _is_numbered(value: Mapping[str, Any]) -> bool:
    """Whether the keys are 0, 1, 2 and so on."""
    return list(value) == [str(number) for number in range(len(value))]


def _list_of_objects(row: Row) -> str | None:
    """The name of the list in an API response, which has no id, and little else than a list of objects."""
    lists = [name for name, value in row.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    is_answer = len(row) <= MOST_BESIDE_A_LIST and not row.keys() & _IDS
    is_answer |= lists[:1] == [name for name in lists if name.casefold() in _LISTS]
    return lists[0] if len(lists) == 1 and is_answer else None


def _lines(text: TextFile, line: str) -> Iterator[Row | RowError]:
    decoder, number = RowDecoder(text.counts), 1
    while line:
        if line.strip():
            try:
                row = _object(text, decoder, line)
                problem = None if isinstance(row, dict) else "not a JSON object"
            except (ValueError, RecursionError) as error:  # a JSONDecodeError is a ValueError
                problem = first_line(error)
            if problem is None:
                yield row
            elif line.endswith("\n"):
                yield RowError("row", "row is not readable", f"line {number}: {problem}")
            else:
                raise CatalogError(f"{text.partition} is cut short or is not JSON lines: line {number}: {problem}")
        line = text.readline()
        number += 1


def _object(text: TextFile, decoder: RowDecoder, line: str) -> Any:
    """The object on a line, which may end with a comma. Raises ValueError or RecursionError."""
    try:
        found = decoder.decode(line)
    except ValueError:
        with contextlib.suppress(ValueError):
            found = as_python_prints(line) if line.lstrip().startswith("{'") else None
            if isinstance(found, dict):
                text.counts[PYTHON_LINES] += 1
                return found
        if not (bare := line.rstrip()).endswith(","):
            raise
        found = decoder.decode(bare[:-1])
        text.counts[COMMAS] += 1
    return undo_in(found, text.counts) if _ESCAPED.search(line) else found


def _values(text: TextFile, begun: str, is_array: bool) -> Iterator[Row | RowError]:
    """The items of one or more consecutive arrays, or objects; reads at most twice an item's size ahead.

    Raises:
        CatalogError: the file is cut short, is something else, or has an item of more than ``MAX_RECORD``.
    """
    decoder = RowDecoder(text.counts)
    buffer, number, is_open = begun, 0, False
    at = 0
    while True:
        at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]
        if is_array and buffer[at : at + 1] in ("[", "]") and is_open == (buffer[at] == "]"):
            is_open, at = not is_open, at + 1
            continue
        try:
            if is_array and not is_open:
                raise ValueError("something stands behind the array")
            begin, (item, at) = at, decoder.raw_decode(buffer, at)
            is_deep = is_too_deep(buffer, begin, at)
            item = undo_in(item, text.counts) if _ESCAPED.search(buffer, begin, at) else item
            number += 1
        except (ValueError, RecursionError) as error:
            is_between = not buffer[at:].strip() and not is_open
            more = _more(text, len(buffer) - at) if is_between or is_open or not is_array else ""
            if is_between and not more:
                return
            if len(buffer) - at > MAX_RECORD:
                raise CatalogError(
                    f"{text.partition}: item {number + 1} is more than {MAX_RECORD >> 20} MiB; allowed is an object "
                    "per line, or an array of objects (`jq -c .products[]` makes lines of a list)"
                ) from error
            if not more:
                kind = "a JSON array" if is_array else "JSON"
                problem = f"item {number + 1}: {first_line(error)}" if buffer[at:].strip() else "it does not end in ]"
                raise CatalogError(f"{text.partition} is cut short or is not {kind}: {problem}") from error
            buffer, at = buffer[at:] + more, 0
            continue
        if is_deep:
            yield RowError("row", "row is not readable", f"item {number}: {TOO_DEEP}")
        elif is_array and isinstance(item, list):  # pages, each of which is an array
            yield from (one if isinstance(one, dict) else _no_object(one, number) for one in item)
        else:
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
