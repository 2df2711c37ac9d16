"""eBay's listing templates and reports, of Seller Hub and File Exchange: item specifics in columns ``C:...``.

The rows below a listing are its variations; the listing has the values of all of them.
"""

import re
from collections.abc import Iterator

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.named_columns import NamedColumns, every_spelling
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, last_of_path, split_list, split_urls

_ACTION = re.compile(r"\*?Action(?:\(SiteID=.*\))?", re.IGNORECASE)
_SPECIFIC = re.compile(r"\*?C:(.+)", re.IGNORECASE)
#: Our name for a column -> its use, its names in Seller Hub and File Exchange; a star marks required ones.
_COLUMNS = {
    "sku": ("product_id", "Custom label (SKU)", "CustomLabel", "*CustomLabel"),
    "number": ("product_id where the label is missing", "Item number", "ItemID", "*ItemID"),
    "title": ("title", "Title", "*Title"),
    "category": ("product_type (the last of the path)", "Category name"),
    "category number": ("product_type where the name is missing", "Category ID", "*Category", "Category"),
    "description": ("description, bullet_points", "Description", "*Description"),
    "images": ("image", "Item photo URL", "PicURL", "*PicURL"),
    "relationship": ("tells variations from listings", "Relationship"),
    "details": (ATTRIBUTE, "Relationship details", "RelationshipDetails"),
}
_BETWEEN_VALUES = re.compile(r"\s*\|+\s*")


def fits(file: SellerFile) -> bool:
    """Whether it has the column of actions, whose name includes the site, with title and category."""
    columns = [column.strip() for column in file.table.columns]
    others = {column.removeprefix("*").casefold() for column in columns}
    is_one = any(map(_ACTION.fullmatch, columns)) and "title" in others
    return is_one and bool(others & {"category", "category id", "category name"})


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each listing and the variations below it; a variation above all listings is a RowError."""
    columns = NamedColumns(file, _COLUMNS)
    specifics = {column: found[1] for column in file.table.columns if (found := _SPECIFIC.fullmatch(column.strip()))}
    file.became.update(dict.fromkeys(specifics, ATTRIBUTE))
    listing: Row | None = None
    labels = Labels()
    for row in file.filled_rows():
        if isinstance(row, RowError):
            yield row
            continue
        kind = columns.cell(row, "relationship")
        if not kind:
            if listing:
                yield _product(listing, columns, labels)
            listing, labels = row, Labels()
        elif listing is None:
            detail = f"{kind.casefold()} {columns.cell(row, 'sku')!r}: no listing is above it"
            yield RowError("row", "row belongs to no product", detail)
            continue
        elif kind.casefold() != "variation":
            file.counts[f"rows of {kind.casefold()[:60]}, left out"] += 1
            continue
        else:
            file.counts["rows of variations joined"] += 1
        for column, key in specifics.items():
            labels.add(key, _BETWEEN_VALUES.split(as_cell(row.get(column))))
        for pair in split_list(columns.cell(row, "details"), "|"):
            key, _, values = pair.partition("=")
            labels.add(key, split_list(values, ";"))
    if listing:
        yield _product(listing, columns, labels)


def _product(row: Row, columns: NamedColumns, labels: Labels) -> Row:
    body = html_text(columns.cell(row, "description"))
    return {
        "product_id": columns.cell(row, "sku") or columns.cell(row, "number"),
        "product_type": last_of_path(columns.cell(row, "category"), "/") or columns.cell(row, "category number"),
        "title": line_text(columns.cell(row, "title")),
        **described(body, split_urls(columns.cell(row, "images")), labels),
    }


LAYOUT = Layout("ebay", "a listing template or report of eBay", fits, rows, names=every_spelling(_COLUMNS))
