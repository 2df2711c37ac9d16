"""Removes the wrappers that data tools put around each product of a JSON file."""

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row

PYTHON_LINES = "lines with Python objects, read as JSON"
ACTIONS = "action lines of Elasticsearch's bulk format, left out"
#: The wrappers' keys in Elasticsearch, Airbyte, Singer, CouchDB, DynamoDB, schema.org's lists and Airtable.
_WRAPPERS = ("_source", "_airbyte_data", "record", "doc", "Item", "item", "fields")
#: The key in JSON:API and Strapi, under which our own products have their labels; and the keys beside it there.
_OF_JSON_API = "attributes"
_BESIDE = frozenset(("type", "id", "documentId", "attributes", "links", "relationships", "meta"))
#: Names of the product's id in a wrapper; the product need not repeat it.
_WRAPPERS_IDS = ("_id", "id")
#: Keys that a product has and a wrapper does not.
_OF_PRODUCTS = frozenset(("product_id", "title", "sku", "product_type"))
_IDS = frozenset(("product_id", "id", "sku", "asin"))
_ACTIONS = frozenset(("index", "create", "update", "delete"))
#: DynamoDB's names of types.
_TYPES = frozenset(("S", "N", "BOOL", "NULL", "L", "M", "SS", "NS", "B", "BS"))
#: MongoDB's, in its extended JSON.
_OF_MONGODB = frozenset(
    (
        *("$oid", "$date", "$numberInt", "$numberLong", "$numberDouble", "$numberDecimal", "$uuid", "$symbol"),
        "$undefined",
    )
)


def wrapper_of(row: Mapping[str, Any]) -> str | None:
    """The key under which an object wraps a product; None if it is the product itself."""
    if row.keys() & _OF_PRODUCTS:
        return None
    if isinstance(within := row.get(_OF_JSON_API), dict) and row.keys() <= _BESIDE and within.keys() & _OF_PRODUCTS:
        return _OF_JSON_API
    return next((name for name in _WRAPPERS if isinstance(row.get(name), dict)), None)


def without_wrapper(rows: Iterator[Row | RowError], name: str) -> Iterator[Row | RowError]:
    """The products under ``name`` in each row; a row without one becomes a RowError.

    A product without an id gets the wrapper's.
    """
    for number, row in enumerate(rows, start=1):
        if isinstance(row, RowError):
            yield row
        elif isinstance(within := row.get(name), dict):
            key = next((row[key] for key in _WRAPPERS_IDS if row.get(key) is not None), None)
            has_id = key is None or within.keys() & _IDS
            yield within if has_id else {"product_id": key, **within}
        else:
            told = f"object {number} has no {name!r}: {str(row)[:100]!r}"
            yield RowError("row", "row is not readable", told)


def has_types(rows: Sequence[Row | RowError]) -> bool:
    """Whether values carry their types, as in all columns of DynamoDB and some of MongoDB."""
    filled = [row for row in rows if isinstance(row, dict) and row]
    return any(_are_dynamodbs(row) or any(map(_has_mongodbs, row.values())) for row in filled)


def without_types(rows: Iterator[Row | RowError]) -> Iterator[Row | RowError]:
    """The rows without types: ``{"S": "red"}`` and ``{"$numberInt": "3"}`` become red and 3."""
    for row in rows:
        if isinstance(row, dict):
            row = {key: _plain(value) for key, value in row.items()} if _are_dynamodbs(row) else row
            row = {key: _without_mongodbs(value) for key, value in row.items()}
        yield row


def _are_dynamodbs(row: Row) -> bool:
    return bool(row) and all(map(_is_typed, row.values()))


def _has_mongodbs(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_has_mongodbs, value))
    return isinstance(value, dict) and (_is_mongodbs(value) or any(map(_has_mongodbs, value.values())))


def _is_mongodbs(value: dict[str, Any]) -> bool:
    return len(value) == 1 and value.keys() <= _OF_MONGODB


def _without_mongodbs(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_mongodbs(part) for part in value]
    if not isinstance(value, dict):
        return value
    if not _is_mongodbs(value):
        return {key: _without_mongodbs(part) for key, part in value.items()}
    ((kind, within),) = value.items()
    if kind == "$date":
        return _date(within)
    return None if kind == "$undefined" else within


def _date(given: Any) -> Any:
    """A date, which MongoDB writes as text, or as milliseconds if before 1970 or after 9999."""
    milliseconds = given.get("$numberLong") if isinstance(given, dict) else given
    with contextlib.suppress(ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(int(str(milliseconds)) / 1000, UTC)
        return moment.date().isoformat() if moment.time() == time.min else moment.isoformat()
    return str(given).removesuffix("T00:00:00Z").removesuffix("T00:00:00.000Z")


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
    """Whether an object is the first one of a phpMyAdmin export."""
    return not isinstance(row, RowError) and row.get("type") == "header" and "PHPMyAdmin" in str(row.get("comment"))


def rows_of_tables(parts: Iterator[Row | RowError]) -> Iterator[Row | RowError]:
    """The rows of phpMyAdmin's tables, which follow the objects of the header and the database."""
    for part in parts:
        if isinstance(part, RowError):
            yield part
        elif part.get("type") == "table":
            yield from (row for row in part.get("data") or () if isinstance(row, dict))


def is_action(row: Row | RowError) -> bool:
    """Whether an object is an action line of Elasticsearch's bulk format: ``{"index": {"_id": "1"}}``."""
    if isinstance(row, RowError) or len(row) != 1:
        return False
    ((name, within),) = row.items()
    return name in _ACTIONS and isinstance(within, dict) and all(key.startswith("_") for key in within)


def without_actions(rows: Iterator[Row | RowError], counts: Counter[str]) -> Iterator[Row | RowError]:
    """The products of Elasticsearch's bulk format, without its action lines."""
    for row in rows:
        if is_action(row):
            counts[ACTIONS] += 1
        else:
            yield row


def rows_by_id(whole: Mapping[str, Any]) -> list[Row] | None:
    """The products of an object with ids as keys; the key is the ``product_id`` of a product without one.

    Firebase writes these, and PHP for lists with keys. None for anything else, such as a table by columns.
    """
    parts = list(whole.values())
    if not parts or not all(isinstance(part, dict) and part.keys() & {"title", "name"} for part in parts):
        return None
    if all(part.keys() & _IDS for part in parts):
        return parts
    return [{"product_id": key, **part} for key, part in whole.items()]
