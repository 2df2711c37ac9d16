"""Etsy's download of a shop's listings: one row each, with the values of all its variations.

It has no product type: the seller adds a column, or puts the file into a folder ``product_type=Rings``.
"""

import re
from collections.abc import Iterator

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts import flat
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import Labels, as_cell, each_row, in_order, split_list
from moemoe.errors import CatalogError

_TYPE = "product_type"
_BECAME = {
    "SKU": "product_id",
    _TYPE: "product_type",
    "TITLE": "title",
    "DESCRIPTION": "description",
    "TAGS": ATTRIBUTE,
    "MATERIALS": ATTRIBUTE,
}
_IMAGE = re.compile(r"IMAGE\d+")
_VARIATION = re.compile(r"VARIATION \d+ NAME")


def fits(file: SellerFile) -> bool:
    """Whether it has Etsy's columns of title, currency, materials and images, and no product id."""
    return {"TITLE", "CURRENCY_CODE", "MATERIALS", "IMAGE1"} <= set(file.table.columns) and not flat.fits(file)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row.

    Raises:
        CatalogError: a product type is required but missing.
    """
    columns = file.table.columns
    if _TYPE in file.required and _TYPE not in columns:
        raise CatalogError(
            f"{file.table.partition} is Etsy's download of listings, which has no product type: add a column "
            f"{_TYPE!r}, or put the file into a folder such as {_TYPE}=Rings if all are of one"
        )
    file.became.update({column: became for column, became in _BECAME.items() if column in columns})
    images = [column for column in columns if _IMAGE.fullmatch(column)]
    names = [column for column in columns if _VARIATION.fullmatch(column)]
    values = {name: name.removesuffix("NAME") + "VALUES" for name in names}
    file.became.update(dict.fromkeys(images, "images") | dict.fromkeys((*names, *values.values()), ATTRIBUTE))

    def product(row: Row) -> Row:
        labels = Labels()
        for key, column in (("Tags", "TAGS"), ("Materials", "MATERIALS")):
            labels.add(key, split_list(as_cell(row.get(column))))
        for name, column in values.items():
            labels.add(as_cell(row.get(name)), split_list(as_cell(row.get(column))))
        own = in_order(as_cell(row.get(column)) for column in images)
        return {
            "product_id": row.get("SKU"),
            "product_type": row.get(_TYPE),
            "title": line_text(row.get("TITLE")),
            "description": html_text(row.get("DESCRIPTION")).description,
            "image": own[0] if own else None,
            "images": own,
            "attributes": labels.pairs(),
        }

    yield from each_row(file.filled_rows(), product)


_NAMES = (*_BECAME, "CURRENCY_CODE", "IMAGE1", *(f"VARIATION 1 {part}" for part in ("TYPE", "NAME", "VALUES")))
LAYOUT = Layout("etsy", "Etsy's download of listings", fits, rows, names=_NAMES)
