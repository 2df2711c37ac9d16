"""Magento 2's (Adobe Commerce's) product CSV: attributes as "code=value,code=value" in one cell; variations as simple
products, which are not individually visible, and in a cell of their configurable product.

A configurable product has the option values of all its variations. Rows of further store views repeat a product in
another language and are left out.
"""

import html
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.columns import INDEXES
from moemoe.catalog.layouts.html_text import html_texts, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import (
    Labels,
    as_cell,
    deepest_path,
    described,
    each_row,
    last_of_path,
    split_list,
)
from moemoe.catalog.layouts.variations import NO_PRODUCT_NAMES_IT, NamedByTheirProduct

_BECAME = {
    "sku": "product_id",
    "store_view_code": "tells repeated products",
    "product_websites": "marketplace",
    "product_type": "tells configurable products",
    "visibility": "tells variations",
    "attribute_set_code": f"{ATTRIBUTE}, product_type if categories are empty",
    "categories": f"product_type (the last of the deepest), {ATTRIBUTE}",
    "name": "title",
    "short_description": "description, bullet_points",
    "description": "description, bullet_points",
    "base_image": "image",
    "additional_images": "image",
    "additional_attributes": ATTRIBUTE,
    "configurable_variations": ATTRIBUTE,
    "country_of_manufacture": ATTRIBUTE,
    "weight": ATTRIBUTE,
}
_PLAIN = ("attribute_set_code", "country_of_manufacture")
#: Magento's columns on showing and selling a product; any other column is an attribute by its code.
_OF_SHOP = re.compile(
    r"product_online|status|cost|entity_id|tax_class.*|.*price.*|.*qty.*|(?:.*_)?stock(?:_.*)?|.*backorders|url_.*|meta_.*|"
    r"map_.*|msrp.*|gift(?:card|_message|_wrapping).*|bundle_.*|(?:weight|sku|shipment)_type|(?:.*_)?skus|.*_position|"
    r"(?:.*_)?(?:image|thumbnail)(?:s|_.*)?|hide_from_.*|(?:created|updated)_at|news?_(?:from|to)_date|page_layout|"
    r"display_product_options_in|custom_(?:design|layout|options).*|(?:.*_)?options_container|use_config_.*|website_id|"
    r"is_(?:decimal_divided|returnable|recurring)|(?:required|has)_options|downloadable_.*|links_.*|_.*|"
    r"configurable_variation_labels",
    re.IGNORECASE,
)
#: The default separator between pairs.
_COMMA, _CHOSEN = ",", ";|"
NO_PAIRS = "cells of additional_attributes without a pair such as code=value, left out"
_OF_PAIRS = ("additional_attributes", "configurable_variations")
_NOT_VISIBLE = "not visible individually"
#: Keys of a variation besides its option values.
_OF_VARIATION = frozenset(("sku", "price", "qty", "display", "image", "default", "weight"))


def fits(file: SellerFile) -> bool:
    """Whether it has Magento's columns of attribute set and product type, and another one of Magento's."""
    columns = set(file.table.columns)
    own = {"additional_attributes", "configurable_variations", "store_view_code", "product_websites"}
    own |= {"visibility", "base_image", "url_key", "product_online"}
    return {"sku", "attribute_set_code", "product_type"} <= columns and bool(own & columns)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row except variations; at the end a RowError for each variation that no product named."""
    file.became.update({column: _BECAME[column] for column in file.table.columns if column in _BECAME})
    others = [
        c for c in file.table.columns if not (c in _BECAME or _OF_SHOP.fullmatch(c.strip()) or INDEXES.fullmatch(c))
    ]
    file.became.update(dict.fromkeys(others, ATTRIBUTE))
    seen: set[int] = set()  # hashes of skus: 60 bytes per product
    joins = "configurable_variations" in file.table.columns
    variations = NamedByTheirProduct(file.counts)
    between = _separator(file)

    def product(row: Row) -> Row | None:
        sku = as_cell(row.get("sku"))
        whole = any(as_cell(row.get(name)) for name in ("product_type", "attribute_set_code"))
        is_view = not sku or hash(sku) in seen or not whole  # these have only what differs from the product's own row
        if as_cell(row.get("store_view_code")) and is_view:
            file.counts["rows of further store views left out"] += 1
            return None
        seen.add(hash(sku))
        if joins and sku and as_cell(row.get("visibility")).casefold() == _NOT_VISIBLE:
            variations.add(sku, f"{sku!r} {NO_PRODUCT_NAMES_IT}")
            return None
        labels = Labels()
        for variation in _variations(row.get("configurable_variations"), between):
            variations.add_named(variation.pop("sku", ""))
            for code, value in variation.items():
                labels.add(code, value)
        for column in others:
            labels.add(column.strip().casefold(), as_cell(row.get(column)).split("|"))
        return _product(row, sku, labels, between, file)

    yield from each_row(file.filled_rows(), product)
    yield from variations.left()


def _product(row: Row, sku: str, labels: Labels, between: str, file: SellerFile) -> Row:
    paths = split_list(as_cell(row.get("categories")), between)
    for column in _PLAIN:
        labels.add(column, row.get(column))
    labels.add_measure("weight", row.get("weight"))
    labels.add("categories", paths)
    pairs = list(_pairs(given := row.get("additional_attributes"), between))
    file.counts[NO_PAIRS] += not pairs and as_cell(given) != ""
    for code, value in pairs:
        labels.add(code, [_unquoted(one) for one in value.split("|")])
    body = html_texts(as_cell(row.get("short_description")), as_cell(row.get("description")))
    further = split_list(as_cell(row.get("additional_images")), between)
    images = map(image_path, [row.get("base_image"), *further])
    return {
        "product_id": sku,
        "marketplace": row.get("product_websites"),
        "product_type": last_of_path(deepest_path(paths, "/"), "/") or row.get("attribute_set_code"),
        "title": line_text(row.get("name")),
        **described(body, images, labels),
    }


def _separator(file: SellerFile) -> str:
    """The separator of pairs, from the first rows: a comma, unless all rows with several pairs use another one."""
    cells = [html.unescape(as_cell(row.get(name))) for row in file.table.first(50) for name in _OF_PAIRS]
    seen = {sign: sum(bool(_pair_behind(sign).search(cell)) for cell in cells) for sign in (_COMMA, *_CHOSEN)}
    return _COMMA if seen[_COMMA] else max(seen, key=lambda sign: seen[sign])


@cache
def _pair_behind(between: str) -> re.Pattern[str]:
    return re.compile(rf'{re.escape(between)}\s*"?(?!sku=)[A-Za-z]\w*=')  # after a bar, sku begins a variation


@cache
def _pair(between: str) -> re.Pattern[str]:
    """The beginning of a pair: a separator followed by a code and =, unlike a separator within a value."""
    sign = re.escape(between)
    return re.compile(rf'(?:^|{sign})\s*([A-Za-z]\w*)=(?:"([^"]*+(?:""[^"]*+)*+)"(?={sign}|$))?')


@cache
def _quoted_pair(between: str) -> re.Pattern[str]:
    """A whole pair in quotes: ``"size=M, L"``."""
    sign = re.escape(between)
    return re.compile(rf'(?<![^{sign}])"\s*([A-Za-z]\w*)=([^"]*+(?:""[^"]*+)*+)"(?={sign}|$)')


def _pairs(cell: Any, between: str) -> Iterator[tuple[str, str]]:
    """Code and value of ``code=value,code="value"`` or ``"code=value","code=value"``."""
    text = as_cell(cell)
    if text[:1] == '"':
        text = _quoted_pair(between).sub(r'\1="\2"', text)
    found = list(_pair(between).finditer(text))
    for i, pair in enumerate(found):
        end = found[i + 1].start() if i + 1 < len(found) else len(text)
        yield pair[1].casefold(), text[pair.end() : end] if pair[2] is None else pair[2].replace('""', '"')


def _unquoted(value: str) -> str:
    """A list's value without the quotes of Magento's "fields enclosure"."""
    text = value.strip()
    is_quoted = len(text) > 1 and text[0] == text[-1] == '"'
    return text[1:-1].replace('""', '"') if is_quoted else value


def _variations(cell: Any, between: str) -> Iterator[dict[str, str]]:
    """The variations of ``sku=A-S,size=S|sku=A-M,size=M``, without their prices and stock."""
    for variation in re.split(r'\|(?=\s*"?sku=)', as_cell(cell)):
        found = {code: value.strip() for code, value in _pairs(variation, between)}
        if found:
            yield {code: value for code, value in found.items() if code == "sku" or code not in _OF_VARIATION}


def image_path(path: Any) -> str | None:
    """The path relative to the shop's media folder; a URL unchanged."""
    text = as_cell(path)
    return None if text == "no_selection" else text.lstrip("/")


LAYOUT = Layout("magento", "Magento 2's product export", fits, rows, names=tuple(_BECAME))
