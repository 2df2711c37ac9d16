"""Google Merchant Center's product data: TSV, CSV or an XML feed (RSS, Atom); other shopping channels read it too.

Each item is a product of its own: variants, which an item_group_id joins, have their own title, color and image.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.columns import INDEXES, unmarked
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, UNUSED, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import (
    Labels,
    as_cell,
    check_product_type,
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
    "content": "description where there is none",
    "summary": "description where there is none",
    "product_type": f"product_type, {ATTRIBUTE}",
    "google_product_category": f"{ATTRIBUTE}, product_type where product_type is empty",
    "fb_product_category": f"{ATTRIBUTE}, product_type where both are empty",
    "product_highlight": "bullet_points",
    "image_link": "image",
    "additional_image_link": "image",
    "image.url": "image",
    "product_detail": ATTRIBUTE,
    "target_country": "marketplace",
    "feed_label": "marketplace",
}
#: What Google's specification knows about price, stock, delivery and campaigns, not about the product.
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
    )
)
#: Its labels that have several words in their name.
_OF_WORDS = frozenset(
    (
        *("age_group", "size_type", "size_system", "product_length", "product_width", "product_height"),
        *("product_weight", "energy_efficiency_class", "is_bundle"),
    )
)
#: The roots of Google's categories that have an "&", as the last word behind a comma has within a name.
_ROOTS = frozenset(
    (
        *("Animals & Pet Supplies", "Apparel & Accessories", "Arts & Entertainment", "Baby & Toddler"),
        *("Business & Industrial", "Cameras & Optics", "Health & Beauty", "Home & Garden", "Luggage & Bags"),
        *("Religious & Ceremonial", "Toys & Games", "Vehicles & Parts"),
    )
)
#: Of columns that Meta's template has several of: "style[0]", "image[0].url".
_INDEX = re.compile(r"\[\d+\]")
_CAMEL, _BLANKS = re.compile(r"(?<=[a-z])(?=[A-Z])"), re.compile(r"[\s-]")
_DETAIL = "product_detail"
#: Google's separator between several values of these.
_SLASHED = ("color", "material")


def fits(file: SellerFile) -> bool:
    """Google's names of the id, title and image, with one that only product data has; in XML its namespace suffices."""
    columns = file.table.columns
    if file.table.format == "XML" and ("g:id" in columns or {"g:title", "g:image_link"} <= set(columns)):
        return True
    names = {"image_link" if (name := _name(column)) == "image.url" else name for column in columns}
    others = {"link", "availability", "google_product_category", "product_type", "item_group_id", "gtin", "price"}
    return {"id", "title", "image_link"} <= names and bool(others & names)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each item."""
    has_type = bool(
        {"product_type", "google_product_category", "fb_product_category"} & set(map(_name, file.table.columns))
    )
    check_product_type(file, has_type, "product_type and no google_product_category")
    is_xml = file.table.format == "XML"
    _say_what_became(file)
    try:
        yield from each_row(file, lambda row: _product(row, is_xml))
    finally:  # later items of a feed may have others
        _say_what_became(file)


def _say_what_became(file: SellerFile) -> None:
    for column in file.table.columns:
        name = _name(column)
        is_label = name not in _COMMERCE and not _is_index(column)
        file.became[column] = _BECAME.get(name, ATTRIBUTE) if is_label else UNUSED


def _product(row: Row, is_xml: bool) -> Row:
    given: dict[str, Any] = {}
    for column in sorted(row, key=lambda column: column.startswith("g:")):  # Google's title comes before RSS's own
        if _is_index(column):
            continue
        name = _name(column)
        if name in given and not is_xml:  # a header may have a name twice; a feed's g:title stands in for its title
            before = given[name]
            given[name] = [*(before if isinstance(before, list) else [before]), row[column]]
        else:
            given[name] = row[column]

    def values(name: str) -> list[Any]:
        """The values of an attribute: of XML the elements of that name, else the cell."""
        found = given.get(name)
        return found if isinstance(found, list) else [] if found is None else [found]

    def text(name: str) -> str | None:
        return next((text for text in map(_text, values(name)) if text), None)

    def several(name: str) -> list[str]:
        """The values of an attribute that may repeat: in a cell they are a list."""
        texts = in_order(map(_text, values(name)))
        return texts if is_xml else [item for one in texts for item in split_list(one)]

    descriptions = map(text, ("description", "structured_description", "content", "summary"))
    body = html_text(next(filter(None, descriptions), None))
    more_images = (*values("additional_image_link"), *values("image.url"))
    images = in_order([text("image_link"), *(url for one in more_images for url in split_urls(_text(one)))])
    labels = Labels()
    for name in given:
        if name not in _COMMERCE and ATTRIBUTE in _BECAME.get(name, ATTRIBUTE) and name != _DETAIL:
            for label in in_order(map(_text, values(name))):
                labels.add(name, label.split("/") if name in _SLASHED else label)
    for key, label in _details(values(_DETAIL)):
        labels.add(key, label)
    return {
        "product_id": text("id"),
        "marketplace": text("target_country") or text("feed_label"),
        "product_type": last_of_path(text("product_type") if is_xml else _first_path(text("product_type")))
        or last_of_path(text("google_product_category") or text("fb_product_category")),
        "title": line_text(text("title") or text("structured_title")),
        "bullet_points": [*several("product_highlight"), *body.bullet_points],
        "description": body.description,
        "image": images[0] if images else None,
        "images": images,
        "attributes": labels.pairs(),
    }


def _details(values: list[Any]) -> Iterator[tuple[str, str]]:
    """Name and value of product details: elements of that name, or "section:name:value, section:name:value".

    A section may be missing, and a part without a colon is the end of the value before it. A value without a name goes
    under the column's.
    """
    for value in values:
        if isinstance(value, dict):
            yield str(value.get("g:attribute_name") or _DETAIL), str(value.get("g:attribute_value") or "")
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
    """The first of several category paths, which is the one that Google reads."""
    paths = _with_whole_names(split_list(cell))
    is_list = bool(cell) and ('"' in str(cell) or all(">" in path for path in paths))
    return paths[0] if is_list and paths else cell


def _with_whole_names(paths: Sequence[str]) -> list[str]:
    """The paths, whose names may have commas as Google's do: "Bags > Handbags, Wallets & Cases > Handbags" is one."""
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
    """A value as text; of elements their text, of structured titles and descriptions the content."""
    if isinstance(value, dict):
        value = value.get("g:content") or "\n".join(str(part) for part in value.values())
    return as_cell(value) or None


@lru_cache(4096)
def _name(column: str) -> str:
    """Google's name of a column, however it is spelled: "g:image_link", "Image Link", "shipping(country:price)"."""
    column = unmarked(column)
    words = _CAMEL.sub("_", column).casefold()  # of Google's API: "imageLink"
    if words in _BECAME or words in _COMMERCE or words in _OF_WORDS:
        return words
    name = column.partition("(")[0].strip().casefold().removeprefix("g:")
    name = name[2:].partition(":")[0] if name.startswith("c:") else name  # a shop's own: "c:fabric:string"
    name = _INDEX.sub("", name)
    return _BLANKS.sub("_", name)


@lru_cache(4096)
def _is_index(column: str) -> bool:
    """Whether a column has pandas' numbers of the rows."""
    return bool(INDEXES.fullmatch(column.strip()))


LAYOUT = Layout("google", "Google Merchant Center's product data", fits, rows)
