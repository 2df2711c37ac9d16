"""PrestaShop's product CSV, in the form of its import and of export modules: features in a cell, "Fabric:Cotton:1"."""

import re
from collections.abc import Iterator

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_texts, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.named_columns import NamedColumns, every_spelling
from moemoe.catalog.layouts.shop_values import Labels, described, each_row, last_of_path, split_list, split_urls

#: Numbers in the shop's units, which the file does not name.
_MEASURES = ("Width", "Height", "Depth", "Weight")
_LABELS = ("Manufacturer", "Brand", "Condition", *_MEASURES)
#: Our name for a column -> its use, its names in PrestaShop's versions.
_COLUMNS = {
    "id": ("product_id", "Product ID", "ID"),
    "reference": ("product_id if the id is missing", "Reference #", "Reference"),
    "title": ("title", "Name *", "Name"),
    "categories": (f"product_type (the first one's last name), {ATTRIBUTE}", "Categories (x,y,z...)"),
    "short description": ("description, bullet_points", "Summary", "Short description"),
    "description": ("description, bullet_points", "Description"),
    "tags": (ATTRIBUTE, "Tags (x,y,z...)"),
    "images": ("image", "Image URLs (x,y,z...)"),
    "features": (ATTRIBUTE, "Feature(Name:Value:Position)", "Feature (Name:Value:Position:Customized)"),
    **{name: (ATTRIBUTE, name) for name in _LABELS},
}
#: The root category's name in several languages.
_ROOTS = frozenset(("home", "accueil", "inicio", "startseite", "home page", "strona główna", "root"))
#: A feature with its position; the value may have commas.
_FEATURE = re.compile(r"\s*([^:]+?)\s*:\s*([^:]*?)\s*:\s*\d+\s*(?::\s*[01]\s*)?(?:,|$)")
NO_PAIRS = "features without a name or without a value, left out"


def fits(file: SellerFile) -> bool:
    """Whether it has PrestaShop's columns of categories and product name."""
    columns = {column.strip().casefold() for column in file.table.columns}
    return "categories (x,y,z...)" in columns and bool({"name *", "name"} & columns)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row."""
    columns = NamedColumns(file, _COLUMNS)
    file.check_product_type("categories" in columns.named, "Categories (x,y,z...)")

    def product(row: Row) -> Row:
        labels, paths = Labels(), split_list(columns.cell(row, "categories"))
        for key, label in _features(columns.cell(row, "features")):
            labels.add(key, label)
            file.counts[NO_PAIRS] += bool(key) != bool(label)
        for key in _LABELS:
            (labels.add_measure if key in _MEASURES else labels.add)(key, columns.cell(row, key))
        labels.add("Categories", paths)
        labels.add("Tags", split_list(columns.cell(row, "tags")))
        body = html_texts(columns.cell(row, "short description"), columns.cell(row, "description"))
        own = [path for path in paths if path.casefold() not in _ROOTS] or paths
        return {
            "product_id": columns.cell(row, "id") or columns.cell(row, "reference"),
            "product_type": last_of_path(own[0] if own else None, "/"),
            "title": line_text(columns.cell(row, "title")),
            **described(body, split_urls(columns.cell(row, "images")), labels),
        }

    yield from each_row(file.filled_rows(), product)


def _features(cell: str) -> list[tuple[str, str]]:
    """Names and values of "Fabric:Cotton, Linen:1,Fit:Slim:2".

    Without positions, or with other colons, every comma separates.
    """
    found, at = list[tuple[str, str]](), 0
    while at < len(cell) and (feature := _FEATURE.match(cell, at)):
        found.append((feature[1], feature[2]))
        at = feature.end()
    if at == len(cell):
        return found
    parts = (part.partition(":") for part in cell.split(","))
    return [(name.strip(), re.sub(r":\d+$", "", value).strip()) for name, _, value in parts]


LAYOUT = Layout("prestashop", "PrestaShop's product CSV", fits, rows, names=every_spelling(_COLUMNS))
