"""Products from responses of Shopify's APIs: ``products.json`` of a storefront or Admin REST API, ``HANDLE.json`` and
``HANDLE.js`` of one product, GraphQL, and GraphQL's bulk export.

The bulk export has a line for each product, and lines for its variants, images and metafields, which name their parent
(``__parentId``) and, since API version 2026-01, stand anywhere behind it.

As in Shopify's CSV, the product has the values of all its variants' options.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.apis.values import address, fields, listed, names, not_of_a_product, number, objects, tell
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.joined import joined
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import (
    ZERO,
    Labels,
    as_cell,
    described,
    each_row,
    in_order,
    last_of_path,
    split_list,
)
from moemoe.catalog.layouts.shopify import DEFAULT_TITLE, metafield_label, without_references

_BODIES, _TYPES = ("bodyhtml", "descriptionhtml", "description"), ("producttype", "type")
_CATEGORIES = ("category", "productcategory", "standardizedproducttype")
_MAIN_IMAGES = ("image", "featuredimage", "featuredmedia")
_JOINS = "joins variants, images and metafields to their product"
_BECAME = {
    "id": "product_id",
    "handle": "product_id if id is missing",
    "title": "title",
    **dict.fromkeys(_BODIES, "description, bullet_points"),
    **dict.fromkeys(_TYPES, "product_type"),
    **dict.fromkeys(_CATEGORIES, f"{ATTRIBUTE}, product_type if there is no other"),
    **dict.fromkeys(("vendor", "tags", "options", "metafields"), ATTRIBUTE),
    "variants": f"{ATTRIBUTE} (options, metafields and weight), image",
    **dict.fromkeys(("images", "media", *_MAIN_IMAGES), "image"),
}
#: Of the bulk export, whose lines are products, variants, images and metafields, and these alone have a type.
_BECAME_OF_LINES = {
    **{name: became for name, became in _BECAME.items() if name != "type"},
    "parentid": _JOINS,
    **dict.fromkeys(("selectedoptions", "key", "value"), ATTRIBUTE),
    **dict.fromkeys(("url", "src", "originalsrc", "preview"), "image"),
}
_NAMES = (
    *("id", "handle", "title", "body_html", "description_html", "vendor", "product_type", "product_category", "tags"),
    *("variants", "options", "images", "featured_image", "metafields"),
)
_NAMES_OF_OBJECTS = ("displayname", "title", "name", "label")
_GID = re.compile(r"gid://shopify/(\w+)/.+")
_PRODUCT, _VARIANT, _METAFIELD, _IMAGE = "Product", "ProductVariant", "Metafield", "Image"
_PARENT = "parentid"
_PARTS = {_VARIANT: "variants", _METAFIELD: "metafields", _IMAGE: "images"}
_KINDS = {"ProductImage": _IMAGE, "MediaImage": _IMAGE, "ImageSource": _IMAGE}
#: A bulk export with at most so many lines is joined in memory; a product's may have a long body.
LINES_IN_MEMORY = 20_000
#: Rows that are checked to recognise a bulk export; other objects may come first.
_FIRST = 256
JOINED = "lines of variants, images and metafields joined"


def fits(file: SellerFile) -> bool:
    """A handle and a title with variants or options, and a body or vendor; or ids of Shopify's GraphQL."""
    columns = set(file.table.columns)
    if "title" in columns and "id" in columns and _is_graphql(file):
        return True
    has_texts = {"body_html", "description_html", "description", "vendor"} & columns
    return {"title", "handle"} <= columns and bool({"variants", "options"} & columns) and bool(has_texts)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each object; lines of a bulk export without a product are RowErrors."""
    columns = {*fields(dict.fromkeys(file.table.columns, True))}
    file.check_product_type(bool({*_TYPES, *_CATEGORIES} & columns), "product_type and no category")
    is_bulk = _is_bulk(file, columns)
    became = _BECAME_OF_LINES if is_bulk else _BECAME
    tell(file, became)
    products = _bulk_products(file) if is_bulk else file.filled_rows()
    yield from each_row(products, lambda row: _product(row, file))
    tell(file, became)


def _product(row: Row, file: SellerFile) -> Row:
    given = fields(row)
    body = html_text(next((given[name] for name in _BODIES if name in given), None))
    category = next((path for name in _CATEGORIES if (path := _category(given.get(name)))), None)
    labels = Labels()
    for option in objects(given.get("options")):
        name = as_cell(option.get("name"))
        for value in (*names(option.get("values")), *names(option.get("optionvalues"))):
            _add_option(labels, name, value)
    options, variants = names(given.get("options")), list(objects(given.get("variants")))
    for variant in variants:
        for position, name in enumerate(options, start=1):
            _add_option(labels, name, variant.get(f"option{position}"))
        for option in objects(variant.get("selectedoptions")):
            _add_option(labels, as_cell(option.get("name")), option.get("value"))
        labels.add_measure("Weight", *_weight(variant))
    for metafields in (given.get("metafields"), *(variant.get("metafields") for variant in variants)):
        _add_metafields(labels, metafields, file)
    labels.add("vendor", given.get("vendor"))
    labels.add("category", category)
    labels.add("tags", [tag for one in listed(given.get("tags")) for tag in split_list(as_cell(one))])
    kind = next((text for name in _TYPES if (text := as_cell(given.get(name)))), None)
    return {
        "product_id": as_cell(given.get("id")) or as_cell(given.get("handle")) or None,
        "product_type": last_of_path(kind or category),
        "title": line_text(given.get("title")),
        **described(body, _images(given, variants), labels),
    }


def _add_option(labels: Labels, name: str, value: Any) -> None:
    if as_cell(value) != DEFAULT_TITLE:
        labels.add(name, value)


def _weight(variant: Mapping[str, Any]) -> tuple[Any, str]:
    """A variant's weight and its unit, from REST or GraphQL."""
    if not ZERO.fullmatch(grams := as_cell(variant.get("grams"))):
        return grams, "g"
    stocked = next(objects(variant.get("inventoryitem")), {})
    measured = next(objects(next(objects(stocked.get("measurement")), {}).get("weight")), None)
    if measured is not None:
        return measured.get("value"), as_cell(measured.get("unit")).casefold()
    return variant.get("weight"), as_cell(variant.get("weightunit")).casefold()


def _add_metafields(labels: Labels, metafields: Any, file: SellerFile) -> None:
    for metafield in objects(metafields):
        named = [name for key in ("reference", "references") for name in _names_of(metafield.get(key))]
        label = named or without_references(metafield_label(metafield.get("value")), file.counts)
        labels.add(as_cell(metafield.get("key")), label)


def _names_of(references: Any) -> list[str]:
    """The names of the objects that a metafield refers to, if the query asked for them."""
    found = (next((as_cell(one[name]) for name in _NAMES_OF_OBJECTS if name in one), "") for one in objects(references))
    return [name for name in found if name]


def _category(value: Any) -> str | None:
    """The path of a category in Shopify's taxonomy; its name if it has no path."""
    if not isinstance(value, Mapping):
        return as_cell(value) or None
    given = fields(value)
    within = next((given[name] for name in ("producttaxonomynode",) if name in given), None)
    return _category(within) if within else as_cell(given.get("fullname")) or as_cell(given.get("name")) or None


def _images(given: Mapping[str, Any], variants: list[dict[str, Any]]) -> list[str]:
    """The product's images in their order, then the variants'."""
    found = []
    for name in ("images", "media"):
        for place, one in enumerate(listed(given.get(name)), start=1):
            of = fields(one) if isinstance(one, Mapping) else {}
            kind = as_cell(of.get("mediatype") or of.get("mediacontenttype")).casefold()
            if kind in ("", "image"):  # the others are videos and models
                found.append((name, number(of.get("position"), place), address(one)))
    found.sort(key=lambda one: one[:2])
    own = in_order(path for *_, path in found) or in_order(address(given.get(name)) for name in _MAIN_IMAGES)
    of_variants = [address(variant.get(name)) for variant in variants for name in ("image", "featuredimage")]
    return [*own, *of_variants]


def _is_graphql(file: SellerFile) -> bool:
    """Whether one of the first rows has a product id in GraphQL's form."""
    return any(_kind_of_id(row.get("id")) == _PRODUCT for row in file.table.first(_FIRST))


def _is_bulk(file: SellerFile, columns: set[str]) -> bool:
    """Whether lines name their parent, or may do so later on: their products contain no variants or images."""
    return _PARENT in columns or (_is_graphql(file) and not {"variants", "images", "media"} & columns)


def _bulk_products(file: SellerFile) -> Iterator[Row | RowError]:
    """Products with their variants, images and metafields, wherever in the file these are."""
    lines = (row if isinstance(row, RowError) else fields(row) for row in file.filled_rows())
    variants = joined(lines, lambda line: _key(line, _VARIANT), _with_metafields, LINES_IN_MEMORY)
    return joined(variants, lambda line: _key(line, _PRODUCT), lambda rows: _with_parts(rows, file), LINES_IN_MEMORY)


def _kind_of_id(value: Any) -> str:
    found = _GID.fullmatch(as_cell(value))
    return _KINDS.get(found[1], found[1]) if found else ""


def _kind(line: Row) -> str:
    """The kind of a line, by its id, or by its fields if the query left out the id."""
    if kind := _kind_of_id(line.get("id")):
        return kind
    if {"key", "value"} <= line.keys():
        return _METAFIELD
    if {"selectedoptions", "sku", "price"} & line.keys():
        return _VARIANT
    return _IMAGE if address(line) else _PRODUCT if _PARENT not in line else ""


def _key(line: Row, kind: str) -> str:
    """A key that is equal for a line of this kind and for the lines that name it as their parent."""
    return as_cell(line.get("id" if _kind(line) == kind else _PARENT))


def _with_metafields(lines: Iterator[Row | RowError]) -> Iterator[Row | RowError]:
    """Variants with their metafields and images; other lines unchanged."""
    variants: dict[str, Row] = {}
    for line in lines:
        if isinstance(line, RowError):
            yield line
        elif _kind(line) == _VARIANT and (name := as_cell(line.get("id"))) and name not in variants:
            variants[name] = line
        elif _kind_of_id(parent := line.get(_PARENT)) == _VARIANT and (variant := variants.get(as_cell(parent))):
            if _kind(line) == _METAFIELD:
                variant.setdefault("metafields", []).append(line)
            elif _kind(line) == _IMAGE:
                variant.setdefault("image", line)
        else:
            yield line
    yield from variants.values()


def _with_parts(lines: Iterator[Row | RowError], file: SellerFile) -> Iterator[Row | RowError]:
    """Products with their variants, images and metafields; lines without a product are RowErrors."""
    products: dict[str, Row] = {}
    for line in lines:
        kind = "" if isinstance(line, RowError) else _kind(line)
        if isinstance(line, RowError):
            yield line
        elif kind == _PRODUCT:
            products.setdefault(as_cell(line.get("id")) or f"{len(products)}", line)
        elif kind not in _PARTS:
            file.counts[f"lines of the kind {kind or 'without id'}, left out"] += 1
        elif (product := products.get(as_cell(line.get(_PARENT)))) is None:
            yield not_of_a_product(f"{kind} {as_cell(line.get('id'))!r}: no line has its parent {line.get(_PARENT)!r}")
        else:
            within = product.setdefault(_PARTS[kind], [])
            product[_PARTS[kind]] = [*within, line] if isinstance(within, list) else [line]
            file.counts[JOINED] += 1
    yield from products.values()


LAYOUT = Layout("shopify-api", "a response of a Shopify API", fits, rows, names=_NAMES)
