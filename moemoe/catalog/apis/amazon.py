"""Products from Amazon's Selling Partner API: listings items, catalog items, and feeds of listings as JSON.

An attribute is a list of entries, each with its marketplace, and with its language if it is a text. The raw keys are
those of the newer flat file: ``{"outer": [{"material": [{"value": "Wool"}]}]}`` is ``outer.material``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from moemoe.catalog.apis.values import fields, listed, number, objects, tell
from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.amazon import COMMERCE, MARKETS, field_key
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.languages import TAGS, in_language, language_of
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.nested_labels import with_unit
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, each_row, in_order

_BECAME = {
    "sku": "product_id",
    "asin": "product_id if sku is missing",
    "attributes": f"{ATTRIBUTE}, title, description, bullet_points, image",
    **dict.fromkeys(("producttypes", "producttype"), "product_type"),
    "summaries": "marketplace; title, product_type, image and a few labels if nothing else has them",
    "images": "image",
}
_NAMES = ("sku", "asin", "attributes", "summaries", "productTypes", "productType", "images")
#: Names of the marketplace's id, in attributes and beside them.
_OF_MARKET = ("marketplace_id", "marketplaceId", "marketplaceid")
#: Attributes that are not labels.
_TEXTS = frozenset(("item_name", "product_description", "bullet_point", "parentage_level"))
#: Keys of an entry that are not labels: what it is for, and its unit.
_BESIDE = frozenset((*TAGS, *_OF_MARKET, "audience", "unit"))
_VALUE = re.compile(r"(?:decimal_|integer_|string_)?value")
_MAIN, _OTHER = "main_product_image_locator", re.compile(r"other_product_image_locator(?:_\d+)?")
#: Amazon's names of the main image and of a color sample.
_FIRST, _SWATCH = "MAIN", "SWCH"
_OF_SUMMARY = ("brand", "color", "size", "style", "manufacturer")
PARENTS = "parents left out: their children are the products"


def fits(file: SellerFile) -> bool:
    """A SKU or ASIN, and attributes or summaries with a marketplace's id."""
    columns = set(file.table.columns)
    if not {"sku", "asin"} & columns or not {"attributes", "summaries"} & columns:
        return False
    return any(_is_tagged(row) for row in file.table.first(20))


def _is_tagged(row: Row) -> bool:
    attributes = nested(row.get("attributes"))
    values = [*(attributes.values() if isinstance(attributes, Mapping) else ()), row.get("summaries")]
    return any(map(_market_of, chain.from_iterable(map(listed, values))))


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each object except parents, which are counted."""
    columns = {*fields(dict.fromkeys(file.table.columns, True))}
    file.check_product_type(bool({"producttypes", "producttype", "summaries"} & columns), "productTypes or summaries")
    tell(file, _BECAME)
    yield from each_row(file.filled_rows(), lambda row: _product(row, file))
    tell(file, _BECAME)


def _product(row: Row, file: SellerFile) -> Row | None:
    given = fields(row)
    attributes = nested(given.get("attributes", {}))
    if not isinstance(attributes, Mapping):
        raise RowError("attributes", "attributes are not a map", repr(attributes)[:200])
    every = {key: listed(value) for key, value in attributes.items()}
    summaries, kinds = list(objects(given.get("summaries"))), list(objects(given.get("producttypes")))
    market = next(filter(None, map(_market_of, chain(summaries, kinds, *every.values()))), "")
    own = {key: _in_market(entries, market) for key, entries in every.items()}
    summary: dict[str, Any] = next(iter(_in_market(summaries, market)), {})
    country = MARKETS.get(market.upper(), market)
    language = language_of(own.get("item_name"), country)

    def texts(name: str) -> list[str]:
        return [as_cell(one.get("value")) for one in in_language(own.get(name), language, country)]

    is_parent = as_cell(summary.get("itemclassification")) == "VARIATION_PARENT"
    if is_parent or "parent" in map(str.casefold, texts("parentage_level")):
        file.counts[PARENTS] += 1
        return None
    body = html_text("\n".join(texts("product_description")))
    kind = next((one.get("producttype") for one in _in_market(kinds, market)), None) or given.get("producttype")
    browsed = fields(summary.get("browseclassification")).get("displayname")
    return {
        "product_id": as_cell(given.get("sku")) or as_cell(given.get("asin")) or None,
        "marketplace": country or None,
        "product_type": as_cell(kind) or as_cell(summary.get("producttype")) or as_cell(browsed) or None,
        "title": line_text(next(iter(texts("item_name")), None) or as_cell(summary.get("itemname"))),
        **described(body, _images(own, given, summary, market), _labels(own, summary, language, country)),
        "bullet_points": in_order([*map(line_text, texts("bullet_point")), *body.bullet_points]),
    }


def _market_of(entry: Any) -> str:
    names = _OF_MARKET if isinstance(entry, Mapping) else ()
    return next((as_cell(entry[name]) for name in names if name in entry), "")


def _in_market(entries: Iterable[Any], market: str) -> list[Any]:
    """The entries of a marketplace and of none; all of them if there are no such entries."""
    given = list(entries)
    return [one for one in given if _market_of(one) in ("", market)] or given


def _labels(own: Mapping[str, Any], summary: Mapping[str, Any], language: str, country: str) -> Labels:
    labels = Labels()
    for name, entries in own.items():
        for key, label in _flat(name, entries, language, country) if name not in _TEXTS else ():
            plain, _ = field_key(key)
            labels.add(None if COMMERCE.fullmatch(plain) else plain, label)
    for name in () if own else _OF_SUMMARY:
        labels.add(name, summary.get(name))
    return labels


def _flat(key: str, value: Any, language: str, country: str) -> Iterator[tuple[str, Any]]:
    """Raw keys and labels of an attribute; entries within entries have keys with dots."""
    given = listed(value)
    for one in in_language(given, language, country) if all(isinstance(one, Mapping) for one in given) else given:
        if not isinstance(one, Mapping):
            yield key, one
            continue
        for name, part in one.items():
            if _VALUE.fullmatch(name) and not isinstance(part, (list, Mapping)):
                yield key, with_unit(part, one.get("unit"))
            elif name not in _BESIDE:
                yield from _flat(f"{key}.{name}", part, language, country)


def _images(
    own: Mapping[str, list[Any]], given: Mapping[str, Any], summary: Mapping[str, Any], market: str
) -> list[str]:
    """The main image first: those of the attributes, else the largest of each view, else the summary's."""
    names = [_MAIN, *sorted(filter(_OTHER.fullmatch, own))]
    if found := in_order(as_cell(one.get("medialocation")) for name in names for one in objects(own.get(name))):
        return found
    largest: dict[str, tuple[int, str]] = {}
    for of_market in _in_market(objects(given.get("images")), market):
        for one in objects(of_market.get("images")):
            view, image = as_cell(one.get("variant")), (number(one.get("height"), 0), as_cell(one.get("link")))
            largest[view] = max(image, largest.get(view, (0, "")))
    views = sorted((view for view in largest if view != _SWATCH), key=lambda view: (view != _FIRST, view))
    return [largest[view][1] for view in views] or [as_cell(fields(summary.get("mainimage")).get("link"))]


LAYOUT = Layout("amazon-api", "a response of Amazon's Selling Partner API", fits, rows, names=_NAMES)
