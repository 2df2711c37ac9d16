"""Google Merchant Center's product data, also used by other shopping channels: TSV, CSV, an XML feed (RSS, Atom), or
responses of the Content API.

Each item is a product: the variants of an item_group_id have their own title, color and image.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import GridTable, Row
from moemoe.catalog.layouts.columns import INDEXES, unmarked
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, UNUSED, Layout, SellerFile
from moemoe.catalog.layouts.nested_labels import plain_label
from moemoe.catalog.layouts.shop_values import (
    Labels,
    as_cell,
    described,
    each_row,
    in_order,
    last_of_path,
    split_list,
    split_urls,
)

_BECAME = {
    "id": "product_id",
    "title": "title",
    "structured_title": "title",
    "description": "description, bullet_points",
    "structured_description": "description",
    "content": "description if there is no other",
    "summary": "description if there is no other",
    "product_type": f"product_type, {ATTRIBUTE}",
    "google_product_category": f"{ATTRIBUTE}, product_type where product_type is empty",
    "fb_product_category": f"{ATTRIBUTE}, product_type where both are empty",
    "product_highlight": "bullet_points",
    "image_link": "image",
    "additional_image_link": "image",
    "image.url": "image",
    "product_detail": ATTRIBUTE,
    "offer_id": "product_id if there is no id",
    "target_country": "marketplace",
    "feed_label": "marketplace",
}
#: Columns of Google's specification on price, stock, delivery and campaigns, not on the product.
_COMMERCE = frozenset(
    (
        *("link", "mobile_link", "canonical_link", "link_template", "mobile_link_template", "lifestyle_image_link"),
        *("virtual_model_link", "video_link", "availability", "availability_date", "expiration_date", "price"),
        *("sale_price", "sale_price_effective_date", "cost_of_goods_sold", "unit_pricing_measure", "installment"),
        *("unit_pricing_base_measure", "subscription_cost", "loyalty_points", "loyalty_program", "gtin", "mpn"),
        *("auto_pricing_min_price", "maximum_retail_price", "identifier_exists", "item_group_id", "ads_redirect"),
        *("custom_label_0", "custom_label_1", "custom_label_2", "custom_label_3", "custom_label_4", "promotion_id"),
        *("adwords_redirect", "adwords_grouping", "adwords_labels", "excluded_destination", "included_destination"),
        *("shopping_ads_excluded_country", "pause", "shipping", "shipping_label", "shipping_weight", "tax"),
        *("shipping_length", "shipping_width", "shipping_height", "ships_from_country", "max_handling_time"),
        *("min_handling_time", "transit_time_label", "tax_category", "free_shipping_threshold", "external_seller_id"),
        *("quantity", "sell_on_google_quantity", "inventory", "content_language", "channel", "return_policy_label"),
        *("video.url", "video.tag", "image.tag", "quantity_to_sell_on_facebook", "commerce_tax_category"),  # of Meta
        *("published", "updated", "pubdate", "guid", "author", "category"),  # of RSS and Atom
        *("kind", "source", "pickup_method", "pickup_sla", "shopping_ads_excluded_countries"),  # of the Content API
    )
)
#: Attributes with several words in their name.
_OF_WORDS = frozenset(
    (
        *("age_group", "size_type", "size_system", "product_length", "product_width", "product_height"),
        *("product_weight", "energy_efficiency_class", "is_bundle", "min_energy_efficiency_class"),
        "max_energy_efficiency_class",
    )
)
#: The Content API's names of multi-valued attributes -> their names in feeds.
_PLURALS = {
    **{"additional_image_links": "additional_image_link", "product_types": "product_type", "sizes": "size"},
    **{"product_details": "product_detail", "product_highlights": "product_highlight", "taxes": "tax"},
    **{"custom_attributes": "product_detail", "promotion_ids": "promotion_id", "certifications": "certification"},
    **{"included_destinations": "included_destination", "excluded_destinations": "excluded_destination"},
    **{"lifestyle_image_links": "lifestyle_image_link", "ads_labels": "adwords_labels"},
    **{"ads_grouping": "adwords_grouping", **{f"custom_label{n}": f"custom_label_{n}" for n in range(5)}},
}
#: Root categories with an "&": like the last word of a name with commas.
_ROOTS = frozenset(
    (
        *("Animals & Pet Supplies", "Apparel & Accessories", "Arts & Entertainment", "Baby & Toddler"),
        *("Business & Industrial", "Cameras & Optics", "Health & Beauty", "Home & Garden", "Luggage & Bags"),
        *("Religious & Ceremonial", "Toys & Games", "Vehicles & Parts"),
    )
)
#: Meta's numbered columns: "style[0]", "image[0].url".
_INDEX = re.compile(r"\[\d+\]")
_CAMEL, _BLANKS = re.compile(r"(?<=[a-z])(?=[A-Z])"), re.compile(r"[\s-]")
_DETAIL = "product_detail"
#: Separators between several values of these attributes.
_SLASHED = ("color", "material")


def fits(file: SellerFile) -> bool:
    """Whether it has Google's id, title and image, and a column that only product data has, or in XML its namespace."""
    columns = file.table.columns
    if file.table.format == "XML" and ("g:id" in columns or {"g:title", "g:image_link"} <= set(columns)):
        return True
    names = {"image_link" if (name := _name(column)) == "image.url" else name for column in columns}
    others = {"link", "availability", "google_product_category", "product_type", "item_group_id", "gtin", "price"}
    names |= {"id"} if "offerId" in columns else set()
    return {"id", "title", "image_link"} <= names and bool(others & names)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each item."""
    has_type = bool(
        {"product_type", "google_product_category", "fb_product_category"} & set(map(_name, file.table.columns))
    )
    file.check_product_type(has_type, "product_type and no google_product_category")
    is_xml, is_grid = file.table.format == "XML", isinstance(file.table, GridTable)
    _say_what_became(file)
    try:
        yield from each_row(file.filled_rows(), lambda row: _product(row, is_xml, is_grid))
    finally:  # later items of a feed may have further columns
        _say_what_became(file)


def _say_what_became(file: SellerFile) -> None:
    for column in file.table.columns:
        name = _name(column)
        is_label = name not in _COMMERCE and not _is_index(column)
        file.became[column] = _BECAME.get(name, ATTRIBUTE) if is_label else UNUSED


def _product(row: Row, is_xml: bool, is_grid: bool) -> Row:
    given: dict[str, Any] = {}
    for column in sorted(row, key=lambda column: column.startswith("g:")):  # Google's title comes before RSS's own
        if _is_index(column):
            continue
        name = _name(column)
        # a header may repeat a name; a feed's g:title takes precedence over its title
        is_further = name in given and not is_xml
        given[name] = [*_listed(given[name]), *_listed(row[column])] if is_further else row[column]

    def values(name: str) -> list[Any]:
        """The values of an attribute: in XML the elements of that name, else the cell."""
        return _listed(given.get(name))

    def text(name: str) -> str | None:
        return next((text for text in map(_text, values(name)) if text), None)

    def has_items(name: str) -> bool:
        """Whether the values of a repeated attribute are separate; in a cell they are one text."""
        return is_xml or (isinstance(given.get(name), list) and not is_grid)

    def several(name: str) -> list[str]:
        texts = in_order(map(_text, values(name)))
        return texts if has_items(name) else [item for one in texts for item in split_list(one)]

    of_atom = [name for name in ("content", "summary") if isinstance(given.get(name), str)]  # none of <media:content/>
    descriptions = map(text, ("description", "structured_description", *of_atom))
    body = html_text(next(filter(None, descriptions), None))
    more_images = (*values("additional_image_link"), *values("image.url"))
    images = [text("image_link"), *(url for one in more_images for url in split_urls(_text(one)))]
    labels = Labels()
    for name in given:
        if name not in _COMMERCE and ATTRIBUTE in _BECAME.get(name, ATTRIBUTE) and name != _DETAIL:
            for label in in_order(map(_text, values(name))):
                labels.add(name, label.split("/") if name in _SLASHED else label)
    for key, label in _details(values(_DETAIL)):
        labels.add(key, label)
    return {
        "product_id": text("id") or text("offer_id"),
        "marketplace": text("target_country") or text("feed_label"),
        "product_type": last_of_path(
            text("product_type") if has_items("product_type") else _first_path(text("product_type"))
        )
        or last_of_path(text("google_product_category") or text("fb_product_category")),
        "title": line_text(text("title") or text("structured_title")),
        **described(body, images, labels),
        "bullet_points": [*several("product_highlight"), *body.bullet_points],
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _details(values: list[Any]) -> Iterator[tuple[str, str]]:
    """Name and value of product details: elements of that name, or "section:name:value, section:name:value".

    The section may be missing; a part without a colon continues the value before it. A value without a name gets the
    column's name.
    """
    for value in values:
        if isinstance(value, dict):
            plain = {_CAMEL.sub("_", name).casefold().removeprefix("g:"): part for name, part in value.items()}
            group = plain.get("group_values")
            if isinstance(group, list):  # of the Content API
                yield from _details(group)
                continue
            named = plain.get("attribute_name") or plain.get("name")
            yield str(named or _DETAIL), _text(plain.get("attribute_value") or plain.get("value")) or ""
            continue
        details: list[str] = []
        for part in split_list(str(value)):
            if ":" in part or not details:
                details.append(part)
            else:
                details[-1] += f", {part}"
        for detail in details:
            *_, name, label = ["", *detail.split(":", 2)][-3:]
            yield name.strip() or _DETAIL, label


def _first_path(cell: str | None) -> str | None:
    """The first of several category paths, the one that Google uses."""
    paths = _with_whole_names(split_list(cell))
    is_list = bool(cell) and ('"' in str(cell) or all(">" in path for path in paths))
    return paths[0] if is_list and paths else cell


def _with_whole_names(paths: Sequence[str]) -> list[str]:
    """The paths, rejoined where a name has commas: "Bags > Handbags, Wallets & Cases > Handbags" is one path."""
    found: list[str] = []
    for path in paths:
        root = path.partition(">")[0].strip()
        is_root = root in _ROOTS or (bool(found) and root == found[0].partition(">")[0].strip())
        if found and "&" in root and not is_root:
            found[-1] += f", {path}"
        else:
            found.append(path)
    return found


def _text(value: Any) -> str | None:
    """A value as text: an element's text, a measure with its unit, a structured title's content."""
    if isinstance(value, list):
        value = "\n".join(filter(None, map(_text, value)))
    if isinstance(value, dict):
        plain = {str(name).removeprefix("g:"): part for name, part in value.items()}
        value = plain.get("content") or plain_label(plain)[0]
        value = "\n".join(filter(None, map(_text, plain.values()))) if value is None else value
    return as_cell(value) or None


@lru_cache(4096)
def _name(column: str) -> str:
    """Google's name of a column in any spelling: "g:image_link", "Image Link", "shipping(country:price)"."""
    column = unmarked(column)
    words = _CAMEL.sub("_", column).casefold()  # of Google's API: "imageLink"
    if words in _PLURALS:
        return _PLURALS[words]
    if words in _BECAME or words in _COMMERCE or words in _OF_WORDS:
        return words
    name = column.partition("(")[0].strip().casefold().removeprefix("g:")
    name = name[2:].partition(":")[0] if name.startswith("c:") else name  # a shop's own: "c:fabric:string"
    name = _INDEX.sub("", name)
    return _BLANKS.sub("_", name)


@lru_cache(4096)
def _is_index(column: str) -> bool:
    """Whether a column is pandas' row index."""
    return bool(INDEXES.fullmatch(column.strip()))


LAYOUT = Layout("google", "Google Merchant Center's product data", fits, rows)
