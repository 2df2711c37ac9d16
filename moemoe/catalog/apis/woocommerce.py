"""Products from responses of WooCommerce's APIs: the REST API, which needs keys, and the public Store API.

As in WooCommerce's CSV, a variable product lists all values of its attributes, and variations are counted. The REST API
does not say which category is below which: the first one is the product type. Addresses in the Store API do.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.apis.values import address, fields, listed, names, objects, tell
from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.shortcodes import without_shortcodes
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_texts, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.nested_labels import plain_label
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, each_row
from moemoe.catalog.layouts.variations import NamingTheirParent

_LISTS_OF_NAMES = ("categories", "tags", "brands")
_MEASURES = ("weight", "length", "width", "height")
_BECAME = {
    "id": "product_id",
    "sku": "product_id if id is missing",
    "type": "marks variations",
    "parentid": "names a variation's product",
    "parent": "names a variation's product",
    "name": "title",
    **dict.fromkeys(("shortdescription", "description"), "description, bullet_points"),
    **dict.fromkeys(("attributes", "metadata", "weight", "dimensions", "tags", "brands"), ATTRIBUTE),
    "categories": f"product_type, {ATTRIBUTE}",
    "images": "image",
    "image": "image",
}
_NAMES = (
    *(
        "id",
        "sku",
        "name",
        "type",
        "parent_id",
        "short_description",
        "description",
        "categories",
        "attributes",
        "images",
    ),
    *("meta_data", "permalink", "slug", "catalog_visibility"),
)
NO_LABELS = "custom fields that are not labels, left out"
SEVERAL = "products in several categories; the first is their product type"
#: Given by the shop, not by the seller.
_NO_CATEGORY, _PLACEHOLDER = "uncategorized", "placeholder"


def fits(file: SellerFile) -> bool:
    """Names with categories and lists of attributes, and a short description or the address of a page.

    One product whose attributes are no list does not make its file another one's.
    """
    columns = set(file.table.columns)
    if not {"name", "attributes"} <= columns or not {"short_description", "permalink", "slug"} & columns:
        return False
    given = [attributes for row in file.table.first(20) if (attributes := row.get("attributes")) is not None]
    has_lists = not given or any(isinstance(one, list) or str(one).lstrip()[:1] == "[" for one in given)
    return "id" in columns and bool({"categories", "parent_id"} & columns) and has_lists


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each object except variations; at the end a RowError for each variation without a parent."""
    file.check_product_type("categories" in file.table.columns, "categories")
    tell(file, _BECAME)
    variations = NamingTheirParent(file.counts)

    def product(row: Row) -> Row | None:
        given = fields(row)
        kind, own_id = as_cell(given.get("type")), as_cell(given.get("id"))
        parent = next(
            (text for name in ("parentid", "parent") if (text := as_cell(given.get(name))) not in ("", "0")), ""
        )
        if kind.endswith("variation") or (parent and not kind):
            variations.add(parent, f"variation {own_id!r}: no row has its parent {parent!r}")
            return None
        if kind.startswith("variable") or not kind:
            variations.add_product([own_id])
        return _product(given, file)

    yield from each_row(file.filled_rows(), product)
    yield from variations.left()
    tell(file, _BECAME)


def _product(given: Mapping[str, Any], file: SellerFile) -> Row:
    labels = Labels()
    for attribute in _attributes(given.get("attributes")):
        for values in ("options", "option", "terms", "value"):
            labels.add(as_cell(attribute.get("name")), names(attribute.get(values)))
    dimensions = fields(given.get("dimensions") or {})
    for name in _MEASURES:
        labels.add_measure(name, given.get(name) or dimensions.get(name))
    for name in _LISTS_OF_NAMES:
        labels.add(name, [line_text(one) for one in names(given.get(name))])
    for field in objects(given.get("metadata")):
        key = as_cell(field.get("key"))
        if not key.startswith("_"):  # others are of WordPress and its plugins
            label, odd = plain_label(field.get("value"))
            labels.add(key, label)
            file.counts[NO_LABELS] += odd is not None
    bodies = (without_shortcodes(as_cell(given.get(name))) for name in ("shortdescription", "description"))
    body = html_texts(*bodies)
    images = (_image(one) for name in ("images", "image") for one in listed(given.get(name)))
    return {
        "product_id": as_cell(given.get("id")) or as_cell(given.get("sku")) or None,
        "product_type": _product_type(given.get("categories"), file),
        "title": line_text(given.get("name")),
        **described(body, images, labels),
    }


def _attributes(value: Any) -> Iterator[dict[str, Any]]:
    """The attributes of a list, which PHP writes as an object if some were removed: ``{"1": {"name": ...}}``.

    Raises:
        RowError: another form.
    """
    given = nested(value)
    given = list(given.values()) if isinstance(given, Mapping) else given or []
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise RowError("attributes", "attributes are not a list of objects", repr(value)[:200])
    return objects(given)


def _product_type(categories: Any, file: SellerFile) -> str | None:
    """The category with the longest URL path, else the first; "Uncategorized" only if there is no other."""
    found = [(name, as_cell(one.get("link"))) for one in objects(categories) if (name := line_text(one.get("name")))]
    found = [one for one in found if one[0].casefold() != _NO_CATEGORY] or found
    if not found:
        return next(iter(names(categories)), None)
    if not all(link for _, link in found):
        file.counts[SEVERAL] += len(found) > 1
        return found[0][0]
    return max(found, key=lambda one: one[1].rstrip("/").count("/"))[0]


def _image(one: Any) -> str | None:
    """An image's URL; None for WooCommerce's placeholder."""
    path = address(one)
    return None if _PLACEHOLDER in path.rpartition("/")[2].casefold() and "woocommerce" in path.casefold() else path


LAYOUT = Layout("woocommerce-api", "a response of a WooCommerce API", fits, rows, names=_NAMES)
