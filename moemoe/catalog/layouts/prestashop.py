"""PrestaShop's product CSV, as its import takes it and modules export it: features in one cell, "Fabric:Cotton:1"."""

import re
from collections.abc import Iterator

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import (
    Labels,
    NamedColumns,
    check_product_type,
    each_row,
    in_order,
    last_of_path,
    split_list,
    split_urls,
)

#: Numbers in the shop's units, which the file does not name.
_MEASURES = ("Width", "Height", "Depth", "Weight")
_LABELS = ("Manufacturer", "Brand", "Condition", *_MEASURES)
#: What we call a column -> how PrestaShop's versions call it.
_COLUMNS = {
    "id": ("Product ID", "ID"),
    "reference": ("Reference #", "Reference"),
    "title": ("Name *", "Name"),
    "categories": ("Categories (x,y,z...)",),
    "short description": ("Summary", "Short description"),
    "description": ("Description",),
    "tags": ("Tags (x,y,z...)",),
    "images": ("Image URLs (x,y,z...)",),
    "features": ("Feature(Name:Value:Position)", "Feature (Name:Value:Position:Customized)"),
    **{name: (name,) for name in _LABELS},
}
_BECAME = {
    "id": "product_id",
    "reference": "product_id where the id is missing",
    "title": "title",
    "categories": f"product_type (the first one's last name), {ATTRIBUTE}",
    "short description": "description, bullet_points",
    "description": "description, bullet_points",
    "images": "image",
    **dict.fromkeys(("tags", "features", *_LABELS), ATTRIBUTE),
}
#: The root of all categories, as shops in several languages call it.
_ROOTS = frozenset(("home", "accueil", "inicio", "startseite", "home page", "strona główna", "root"))
#: A feature with its position, whose value may have commas.
_FEATURE = re.compile(r"\s*([^:]+?)\s*:\s*([^:]*?)\s*:\s*\d+\s*(?::\s*[01]\s*)?(?:,|$)")
NO_PAIRS = "features without a name or without a value, left out"


def fits(file: SellerFile) -> bool:
    """PrestaShop's names of categories, and of the product's name."""
    columns = {column.strip().casefold() for column in file.table.columns}
    return "categories (x,y,z...)" in columns and bool({"name *", "name"} & columns)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row."""
    columns = NamedColumns(file, _COLUMNS, _BECAME)
    check_product_type(file, "categories" in columns.named, "Categories (x,y,z...)")

    def product(row: Row) -> Row:
        labels, paths = Labels(), split_list(columns.cell(row, "categories"))
        for key, label in _features(columns.cell(row, "features")):
            labels.add(key, label)
            file.counts[NO_PAIRS] += bool(key) != bool(label)
        for key in _LABELS:
            (labels.add_measure if key in _MEASURES else labels.add)(key, columns.cell(row, key))
        labels.add("Categories", paths)
        labels.add("Tags", split_list(columns.cell(row, "tags")))
        short, body = (html_text(columns.cell(row, name)) for name in ("short description", "description"))
        images = split_urls(columns.cell(row, "images"))
        own = [path for path in paths if path.casefold() not in _ROOTS] or paths
        return {
            "product_id": columns.cell(row, "id") or columns.cell(row, "reference"),
            "product_type": last_of_path(own[0] if own else None, "/"),
            "title": line_text(columns.cell(row, "title")),
            "bullet_points": in_order([*short.bullet_points, *body.bullet_points]),
            "description": "\n".join(in_order([*short.paragraphs, *body.paragraphs])) or None,
            "image": images[0] if images else None,
            "images": images,
            "attributes": labels.pairs(),
        }

    yield from each_row(file, product)


def _features(cell: str) -> list[tuple[str, str]]:
    """Names and values of "Fabric:Cotton, Linen:1,Fit:Slim:2".

    Without positions, or with other colons, each comma divides.
    """
    found, at = list[tuple[str, str]](), 0
    while at < len(cell) and (feature := _FEATURE.match(cell, at)):
        found.append((feature[1], feature[2]))
        at = feature.end()
    if at == len(cell):
        return found
    parts = (part.partition(":") for part in cell.split(","))
    return [(name.strip(), re.sub(r":\d+$", "", value).strip()) for name, _, value in parts]


_NAMES = tuple(name for names in _COLUMNS.values() for name in names)
LAYOUT = Layout("prestashop", "PrestaShop's product CSV", fits, rows, names=_NAMES)
