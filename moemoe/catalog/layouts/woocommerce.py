"""WooCommerce's own product CSV: numbered attribute columns; variations as rows of their own, which name their parent.

A variable product lists all values of its attributes itself, so that its variations add nothing but their images, which
stay theirs: they may stand anywhere in the file.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import (
    Labels,
    as_cell,
    check_product_type,
    deepest_path,
    filled_rows,
    found_columns,
    in_order,
    last_of_path,
    split_list,
    split_urls,
)
from moemoe.catalog.records import RowError

_BECAME = {
    "ID": "product_id",
    "SKU": "product_id where ID is missing",
    "Type": "tells variations from products",
    "Parent": "tells whose a variation is",
    "Name": "title",
    "Short description": "description, bullet_points",
    "Description": "description, bullet_points",
    "Categories": f"product_type (the last of the deepest), {ATTRIBUTE}",
    "Tags": ATTRIBUTE,
    "Brands": ATTRIBUTE,
    "Images": "image",
}
_NUMBERED = re.compile(r"Attribute (\d+) (name|value\(s\))", re.IGNORECASE)
#: Custom fields; those that begin with _ are of WordPress and its plugins.
_FIELD = re.compile(r"Meta: ([^_].*)", re.IGNORECASE)
#: A cell that a spreadsheet would take for a formula is written with an apostrophe.
_FORMULA = re.compile(r"'(?=[=+\-@])")


def fits(file: SellerFile) -> bool:
    """Numbered attributes, or WooCommerce's names of type, SKU and visibility."""
    numbered = any(_NUMBERED.fullmatch(column.strip()) for column in file.table.columns)
    others = found_columns(file.table.columns, ["Visibility in catalog", "Is featured?", "Regular price", "Categories"])
    return len(found_columns(file.table.columns, ["Type", "SKU", "Name"])) == 3 and (numbered or len(others) == 4)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row that is no variation; variations whose parent is not in the file before are RowErrors."""
    named = found_columns(file.table.columns, _BECAME)
    check_product_type(file, "Categories" in named, "Categories")
    numbered = _numbered(file.table.columns)
    fields = {c: found[1] for c in file.table.columns if (found := _FIELD.fullmatch(c.strip()))}
    file.became.update({column: _BECAME[name] for name, column in named.items()})
    file.became.update(dict.fromkeys((*fields, *(column for pair in numbered for column in pair)), ATTRIBUTE))
    parents: set[int] = set()  # hashes: 60 bytes a variable product
    for row in filled_rows(file):
        if isinstance(row, RowError):
            yield row
            continue
        cells = {name: _text(row.get(column)) for name, column in named.items()}
        kinds = split_list(cells.get("Type"))
        if "variation" in kinds:
            if hash(cells.get("Parent", "").removeprefix("id:")) in parents:
                file.counts["rows of variations, which their products list"] += 1
            else:
                detail = f"variation {cells.get('SKU') or cells.get('ID')!r}: no row before has its parent"
                yield RowError("row", "row belongs to no product", f"{detail} {cells.get('Parent')!r}")
            continue
        if "variable" in kinds:
            parents.update(hash(cells[name]) for name in ("ID", "SKU") if cells.get(name))
        labels = Labels()
        for name, values in numbered:
            labels.add(_text(row.get(name)), split_list(_text(row.get(values))))
        for column, key in fields.items():
            labels.add(key, _text(row.get(column)))
        yield _product(cells, labels)


def _product(cells: dict[str, str], labels: Labels) -> Row:
    paths = split_list(cells.get("Categories"))
    for name, label in (
        ("Categories", paths),
        ("Tags", split_list(cells.get("Tags"))),
        ("Brands", split_list(cells.get("Brands"))),
    ):
        labels.add(name, label)
    short, body = html_text(cells.get("Short description")), html_text(cells.get("Description"))
    images = split_urls(cells.get("Images"))
    return {
        "product_id": cells.get("ID") or cells.get("SKU"),
        "product_type": last_of_path(deepest_path(paths)),
        "title": line_text(cells.get("Name")),
        "bullet_points": in_order([*short.bullet_points, *body.bullet_points]),
        "description": "\n".join(in_order([*short.paragraphs, *body.paragraphs])) or None,
        "image": images[0] if images else None,
        "images": images,
        "attributes": labels.pairs(),
    }


def _numbered(columns: Sequence[str]) -> list[tuple[str, str]]:
    """The columns of name and values of each numbered attribute, by number."""
    pairs: dict[int, dict[str, str]] = {}
    for column in columns:
        if found := _NUMBERED.fullmatch(column.strip()):
            pairs.setdefault(int(found[1]), {})[found[2].casefold()] = column
    return [(pair["name"], pair["value(s)"]) for _, pair in sorted(pairs.items()) if len(pair) == 2]


def _text(cell: Any) -> str:
    """A cell as it was before the export: line breaks, and no apostrophe before what looks like a formula."""
    text = as_cell(cell)
    return _FORMULA.sub("", text, count=1).replace("\\n", "\n") if text[:1] == "'" or "\\n" in text else text


LAYOUT = Layout("woocommerce", "WooCommerce's product export", fits, rows)
