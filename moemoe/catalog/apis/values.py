"""Helpers for the layouts of shops' APIs: fields in any spelling, lists of objects, names, image addresses."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from moemoe.catalog.formats.image_objects import PATHS
from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.layouts.columns import plain_name
from moemoe.catalog.layouts.layout import SellerFile
from moemoe.catalog.layouts.shop_values import as_cell

_spelled = cache(plain_name)


def fields(given: Any) -> dict[str, Any]:
    """An object's non-blank fields by plain name: ``body_html`` and ``bodyHtml`` are "bodyhtml".

    The object may be given as JSON text, as in a table's cell; anything else, such as PHP's empty list, has no fields.
    """
    given = nested(given)
    if not isinstance(given, Mapping):
        return {}
    return {_spelled(name): value for name, value in given.items() if not _is_blank(value)}


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, (str, list, dict)) and not value)


def tell(file: SellerFile, became: Mapping[str, str]) -> None:
    """Records the use of the columns by plain name; called again at the end, as later rows may add columns."""
    file.became.update({c: became[name] for c in file.table.columns if (name := _spelled(c)) in became})


def listed(value: Any) -> list[Any]:
    """The items of a list, of its JSON or Python text, or of GraphQL's edges or nodes; else the one item."""
    value = nested(value)
    if isinstance(value, Mapping):
        if isinstance(value.get("edges"), list):
            return [edge.get("node") if isinstance(edge, Mapping) else edge for edge in value["edges"]]
        return value["nodes"] if isinstance(value.get("nodes"), list) else [value]
    return value if isinstance(value, list) else [] if value in (None, "") else [value]


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """The ``fields`` of each object among the ``listed`` items."""
    return (fields(one) for one in listed(value) if isinstance(one, Mapping))


def names(value: Any) -> list[str]:
    """The name of each of the ``listed`` items: its ``name``, or the item itself if it is text."""
    found = (as_cell(fields(one).get("name") if isinstance(one, Mapping) else one) for one in listed(value))
    return [name for name in found if name]


def address(value: Any) -> str:
    """The path that a text is, or that an object has directly or under ``image`` or ``preview``; "" if none."""
    value = nested(value)
    if not isinstance(value, Mapping):
        return as_cell(value)
    given = fields(value)
    found = (given[name] for name in (*map(_spelled, PATHS), "originalsrc", "transformedsrc") if name in given)
    within = (address(given[name]) for name in ("image", "preview") if name in given)
    return as_cell(next(found, "")) or next(within, "")


def number(value: Any, otherwise: int) -> int:
    """A position as a number."""
    text = as_cell(value)
    return int(text) if text.isdecimal() else otherwise


def not_of_a_product(detail: str) -> RowError:
    """The error for a row whose product is missing."""
    return RowError("row", "row belongs to no product", detail)
