"""Products from responses of Magento 2's (Adobe Commerce's) REST API: ``items`` with attributes by code.

The API has numbers in the place of names: of the options of an attribute, of categories and attribute sets. The names
are taken from further answers of it, saved beside the file: ``attributes.json`` (``/V1/products/attributes``),
``categories.json`` (``/V1/categories`` or ``/V1/categories/list``) and ``attribute-sets.json``
(``/V1/products/attribute-sets/sets/list``).

As in Magento's CSV, a configurable product has all values of what its variations differ in.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.apis.magento_names import OF_NAMES, Names
from moemoe.catalog.apis.values import fields, listed, number, objects, tell
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_texts, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.magento import image_path
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, each_row
from moemoe.catalog.layouts.variations import NO_PRODUCT_NAMES_IT, NamedByTheirProduct

_BECAME = {
    "sku": "product_id",
    "id": "names a variation's product",
    "name": "title",
    "visibility": "tells variations",
    "attributesetid": f"{ATTRIBUTE}, product_type if categories have no name",
    "weight": ATTRIBUTE,
    "customattributes": f"{ATTRIBUTE}, description, bullet_points, image",
    "extensionattributes": f"product_type (by its category_links), {ATTRIBUTE} (options of configurable products)",
    "mediagalleryentries": "image",
}
_NAMES = (
    *("id", "sku", "name", "attribute_set_id", "visibility", "custom_attributes", "extension_attributes"),
    *("media_gallery_entries", *OF_NAMES),
)
_TEXTS = ("short_description", "description")
#: Custom attributes that say how the shop shows and sells a product.
_OF_SHOP = re.compile(
    r"(?:.*_)?(?:image|thumbnail)(?:_label)?|meta_.*|url_.*|custom_(?:design|layout).*|page_layout|options_container|"
    r"(?:required|has)_options|tax_class_id|gift_.*|msrp.*|(?:special|tier|minimal)_price|special_(?:from|to)_date|"
    r"news_(?:from|to)_date|cost|price(?:_.*)?|shipment_type|sku_type|weight_type|links_.*|category_ids|quantity_.*|"
    r"short_description|description|old_id|image_label",
    re.IGNORECASE,
)
_NOT_VISIBLE = "1"
NUMBERED = (
    "labels that are option numbers: save the response of /rest/V1/products/attributes beside the file as "
    "attributes.json"
)
NO_CATEGORY = (
    "products whose type is their attribute set: save the response of /rest/V1/categories beside the file as "
    "categories.json"
)


def fits(file: SellerFile) -> bool:
    """Skus with custom attributes; or one of the lists of names."""
    return {"sku", "custom_attributes"} <= set(file.table.columns) or Names.is_list(file.table)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each object except variations; at the end a RowError for each variation that none named."""
    if Names.is_list(file.table):
        file.became.update(dict.fromkeys(file.table.columns, "names for the products"))
        return
    tell(file, _BECAME)
    known = Names.beside(file)
    variations = NamedByTheirProduct(file.counts)

    def product(row: Row) -> Row | None:
        given = fields(row)
        sku, own_id = as_cell(given.get("sku")), as_cell(given.get("id"))
        if as_cell(given.get("visibility")) == _NOT_VISIBLE:
            variations.add(own_id, f"{sku!r} {NO_PRODUCT_NAMES_IT}")
            return None
        further = fields(given.get("extensionattributes") or {})
        for link in listed(further.get("configurableproductlinks")):
            variations.add_named(as_cell(link))
        return _product(given, further, known, file)

    yield from each_row(file.filled_rows(), product)
    yield from variations.left()
    tell(file, _BECAME)


def _product(given: Mapping[str, Any], further: Mapping[str, Any], known: Names, file: SellerFile) -> Row:
    pairs = [(as_cell(one.get("attributecode")), one.get("value")) for one in objects(given.get("customattributes"))]
    custom, labels = dict(pairs), Labels()
    for code, value in pairs:
        if not _OF_SHOP.fullmatch(code):
            found = known.labels(code, value)
            file.counts[NUMBERED] += found is None
            labels.add(code, listed(value) if found is None else found)
    for option in objects(further.get("configurableproductoptions")):
        code = known.code(as_cell(option.get("attributeid"))) or as_cell(option.get("label"))
        for value in objects(option.get("values")):
            found = known.labels(code, value.get("valueindex"))
            file.counts[NUMBERED] += found is None
            labels.add(code, value.get("valueindex") if found is None else found)
    labels.add_measure("weight", given.get("weight"))
    set_number = as_cell(given.get("attributesetid"))
    attribute_set = known.attribute_set(set_number)
    labels.add("attribute_set_code", attribute_set)
    linked = [as_cell(link.get("categoryid")) for link in objects(further.get("categorylinks"))]
    paths = known.paths(linked or [as_cell(one) for one in listed(custom.get("category_ids"))])
    labels.add("categories", ["/".join(path) for path in paths])
    file.counts[NO_CATEGORY] += not paths
    body = html_texts(*(as_cell(custom.get(name)) for name in _TEXTS))
    return {
        "product_id": as_cell(given.get("sku")) or None,
        "product_type": max(paths, key=len)[-1] if paths else attribute_set or set_number or None,
        "title": line_text(given.get("name")),
        **described(body, _images(given.get("mediagalleryentries"), custom), labels),
    }


def _images(entries: Any, custom: Mapping[str, Any]) -> list[str | None]:
    """The base image, then the others in their order; videos and hidden ones are left out."""
    found = [
        ("image" not in listed(entry.get("types")), number(entry.get("position"), place), image_path(entry.get("file")))
        for place, entry in enumerate(objects(entries), start=1)
        if as_cell(entry.get("mediatype")) in ("", "image") and entry.get("disabled") in (None, False, "0", "false")
    ]
    return [path for *_, path in sorted(found, key=lambda one: one[:2])] or [image_path(custom.get("image"))]


LAYOUT = Layout("magento-api", "a response of Magento 2's REST API", fits, rows, names=_NAMES)
