"""WooCommerce's own product CSV: numbered attribute columns; variations have their own rows and name their parent.

Headers are in the language of the shop (``woocommerce_headers``); raw keys are always English. A variable product lists
all values of its attributes, so its variations, which may be anywhere in the file, are only counted; their images are
not used.
"""

import re
from collections.abc import Iterator
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.shortcodes import without_shortcodes
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_texts, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.long_form import UNNAMED
from moemoe.catalog.layouts.shop_values import (
    Labels,
    as_cell,
    deepest_path,
    described,
    each_row,
    last_of_path,
    split_list,
    split_urls,
)
from moemoe.catalog.layouts.variations import NamingTheirParent
from moemoe.catalog.layouts.woocommerce_headers import (
    NAMES,
    attribute_columns,
    column_of_types,
    custom_fields,
    measure_columns,
    named_columns,
)

_BECAME = {
    "ID": "product_id",
    "SKU": "product_id where ID is missing",
    "Type": "marks variations",
    "Parent": "names a variation's product",
    "Name": "title",
    "Short description": "description, bullet_points",
    "Description": "description, bullet_points",
    "Categories": f"product_type (the last of the deepest), {ATTRIBUTE}",
    "Tags": ATTRIBUTE,
    "Brands": ATTRIBUTE,
    "Images": "image",
}
#: The apostrophe before a cell that a spreadsheet would take for a formula.
_FORMULA = re.compile(r"'(?=[=+\-@])")


def fits(file: SellerFile) -> bool:
    """Whether it has WooCommerce's type, SKU and title, and numbered attributes, or visibility and categories."""
    named = named_columns(file.table.columns)
    others = {"Visibility in catalog", "Categories"}
    return {"Type", "SKU", "Name"} <= named.keys() and bool(
        attribute_columns(file.table.columns) or others <= named.keys()
    )


def nearly(file: SellerFile) -> str | None:
    """What to do with an export in an unknown language."""
    types = column_of_types(file.table)
    if types is None:
        return None
    return (
        f"column {types!r} holds product types of WooCommerce, whose export has headers in a language that is not "
        "known here: export it with the site's language set to English, or rename the columns to Type, SKU, Name, "
        "Categories, Images, Parent, `Attribute 1 name`, `Attribute 1 value(s)`, and so on"
    )


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row except variations; at the end a RowError for each variation without a parent."""
    found = named_columns(file.table.columns)
    named = {name: column for name, column in found.items() if name in _BECAME}
    file.check_product_type("Categories" in named, "Categories")
    numbered, fields = attribute_columns(file.table.columns), custom_fields(file.table.columns)
    file.became.update({column: _BECAME[name] for name, column in named.items()})
    measures = measure_columns(file.table.columns)
    file.became.update(
        dict.fromkeys((*measures, *fields, *(column for pair in numbered for column in pair)), ATTRIBUTE)
    )
    variations = NamingTheirParent(file.counts)

    def product(row: Row) -> Row | None:
        cells = {name: _text(row.get(column)) for name, column in named.items()}
        kinds = split_list(cells.get("Type"))
        if any(kind.endswith("variation") for kind in kinds):
            parent = cells.get("Parent", "").removeprefix("id:")
            detail = f"variation {cells.get('SKU') or cells.get('ID')!r}: no row has its parent"
            variations.add(parent, f"{detail} {cells.get('Parent')!r}")
            return None
        if any(kind.startswith("variable") for kind in kinds):
            variations.add_product(cells.get(name, "") for name in ("ID", "SKU"))
        labels = Labels()
        for name, values in numbered:
            key, label = _text(row.get(name)), _text(row.get(values))
            labels.add(key, split_list(label))
            file.counts[UNNAMED] += bool(label and not key)
        for column, (key, unit) in measures.items():
            labels.add_measure(key, _text(row.get(column)), unit)
        for column, key in fields.items():
            labels.add(key, _text(row.get(column)))
        return _product(cells, labels)

    yield from each_row(file.filled_rows(), product)
    yield from variations.left()


def _product(cells: dict[str, str], labels: Labels) -> Row:
    paths = split_list(cells.get("Categories"))
    for name in ("Categories", "Tags", "Brands"):
        labels.add(name, split_list(cells.get(name)))
    body = html_texts(*(without_shortcodes(cells.get(name, "")) for name in ("Short description", "Description")))
    return {
        "product_id": cells.get("ID") or cells.get("SKU"),
        "product_type": last_of_path(deepest_path(paths)),
        "title": line_text(cells.get("Name")),
        **described(body, split_urls(cells.get("Images")), labels),
    }


def _text(cell: Any) -> str:
    """A cell as before the export: with line breaks, and without the apostrophe before a formula."""
    text = as_cell(cell)
    return _FORMULA.sub("", text, count=1).replace("\\n", "\n") if text[:1] == "'" or "\\n" in text else text


LAYOUT = Layout("woocommerce", "WooCommerce's product export", fits, rows, nearly, NAMES)
