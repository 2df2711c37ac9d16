"""What programs that move data wrap each product of a JSON file in: back to the product."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row

PYTHON_LINES = "lines as Python prints an object, read as JSON"
ACTIONS = "lines that tell Elasticsearch what to do with the next one, left out"
#: Of Elasticsearch, Airbyte, Singer, CouchDB and DynamoDB.
_WRAPPERS = ("_source", "_airbyte_data", "record", "doc", "Item")
#: What a product has, and a wrapper has not.
_OF_PRODUCTS = frozenset(("product_id", "title", "sku", "product_type"))
_ACTIONS = frozenset(("index", "create", "update", "delete"))
#: DynamoDB's names of types.
_TYPES = frozenset(("S", "N", "BOOL", "NULL", "L", "M", "SS", "NS", "B", "BS"))


def wrapper_of(row: Mapping[str, Any]) -> str | None:
    """The name under which an object has the product; None if it is the product itself."""
    if row.keys() & _OF_PRODUCTS:
        return None
    return next((name for name in _WRAPPERS if isinstance(row.get(name), dict)), None)


def without_wrapper(rows: Iterator[Row | RowError], name: str) -> Iterator[Row | RowError]:
    """The products that rows have under ``name``; a row without one is itself no product."""
    for number, row in enumerate(rows, start=1):
        if isinstance(row, RowError):
            yield row
        elif isinstance(within := row.get(name), dict):
            is_typed = bool(within) and all(map(_is_typed, within.values()))
            yield {key: _plain(value) for key, value in within.items()} if is_typed else within
        else:
            told = f"object {number} has no {name!r}: {str(row)[:100]!r}"
            yield RowError("row", "row is not readable", told)


def _is_typed(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= _TYPES


def _plain(value: Any) -> Any:
    """A value of DynamoDB without its type: ``{"S": "red"}`` is "red"."""
    if not _is_typed(value):
        return value
    ((kind, within),) = value.items()
    if kind == "NULL":
        return None
    if kind == "M":
        return {key: _plain(part) for key, part in within.items()}
    return [_plain(part) for part in within] if kind == "L" else within


def is_header_of_tables(row: Row | RowError) -> bool:
    """Whether an object is the first one of what phpMyAdmin exports."""
    return not isinstance(row, RowError) and row.get("type") == "header" and "PHPMyAdmin" in str(row.get("comment"))


def rows_of_tables(parts: Iterator[Row | RowError]) -> Iterator[Row | RowError]:
    """The rows of phpMyAdmin's tables, whose objects follow those of the header and the database."""
    for part in parts:
        if isinstance(part, RowError):
            yield part
        elif part.get("type") == "table":
            yield from (row for row in part.get("data") or () if isinstance(row, dict))


def is_action(row: Row | RowError) -> bool:
    """Whether an object is a line of Elasticsearch's bulk format without a product: ``{"index": {"_id": "1"}}``."""
    if isinstance(row, RowError) or len(row) != 1:
        return False
    ((name, within),) = row.items()
    return name in _ACTIONS and isinstance(within, dict) and all(key.startswith("_") for key in within)


def without_actions(rows: Iterator[Row | RowError], counts: Counter[str]) -> Iterator[Row | RowError]:
    """The products of Elasticsearch's bulk format."""
    for row in rows:
        if is_action(row):
            counts[ACTIONS] += 1
        else:
            yield row


def rows_by_id(whole: Mapping[str, Any]) -> list[Row] | None:
    """The products of an object that has each under its id, which is its ``product_id`` if it has none of its own.

    Firebase, and PHP of a list with keys, write these. None of anything else, such as a table by its columns.
    """
    parts = list(whole.values())
    if not parts or not all(isinstance(part, dict) and part.keys() & {"title", "name"} for part in parts):
        return None
    if all(part.keys() & {"product_id", "id", "sku", "asin"} for part in parts):
        return parts
    return [{"product_id": key, **part} for key, part in whole.items()]
