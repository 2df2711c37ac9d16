"""Kaggle's Fashion Product Images: ``styles.csv`` with photos beside it, and ``images.csv`` with their URLs.

Titles with commas are not quoted. No other column has commas, so such a row is unambiguous.
"""

from collections.abc import Iterator
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import GridTable, Row
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import as_cell
from moemoe.storage import exists, join

#: Only on Hugging Face the data have a column with the image.
_BECAME = {"id": "product_id", "articleType": "product_type", "productDisplayName": "title", "image": "image"}
_ATTRIBUTES = ("gender", "masterCategory", "subCategory", "baseColour", "season", "year", "usage")
_TITLE = "productDisplayName"
_NAMES = (*_BECAME, *_ATTRIBUTES, "filename", "link")
REPAIRED = "rows with unquoted commas in the title repaired"
#: First rows, of which one must have a photo beside the file; otherwise the URLs of ``images.csv`` are used.
_TRIED = 20


def fits(file: SellerFile) -> bool:
    """Whether it has its columns of type and title, or is ``images.csv`` with links, beside a ``styles.csv``."""
    columns = set(file.table.columns)
    return {"id", "articleType", "masterCategory", _TITLE} <= columns or _is_links(file)


def _is_links(file: SellerFile) -> bool:
    return file.table.columns == ["filename", "link"] and file.beside("styles.csv") is not None


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row; ``images.csv`` has none."""
    if file.table.columns == ["filename", "link"]:
        file.became.update(dict.fromkeys(file.table.columns, "image, of styles.csv"))
        return
    file.became.update({column: _BECAME[column] for column in file.table.columns if column in _BECAME})
    file.became.update({column: ATTRIBUTE for column in file.table.columns if column in _ATTRIBUTES})
    has_image = "image" in file.table.columns
    links = None if has_image else _links(file)
    for row in file.filled_rows():
        if isinstance(row, RowError):
            mended = _mended(row, file.table)
            file.counts[REPAIRED] += mended is not None
            if mended is None:
                yield row
                continue
            row = mended
        photo = _photo(row.get("id"))
        image = photo if links is None else links.get(photo.rpartition("/")[2])
        yield {
            **{name: row.get(column) for column, name in _BECAME.items()},
            "image": row.get("image") if has_image else image,
            "attributes": {key: row[key] for key in _ATTRIBUTES if key in row},
        }


def _photo(product_id: Any) -> str:
    return f"images/{as_cell(product_id)}.jpg"


def _mended(error: RowError, table: Any) -> Row | None:
    """The row of a record whose surplus cells belong to the title; None for other errors."""
    cells = getattr(error, "cells", None)
    if not isinstance(table, GridTable) or not cells or len(cells) <= len(table.header):
        return None
    at = table.header.index(_TITLE)
    after = len(table.header) - at - 1
    end = len(cells) - after
    mended = [*cells[:at], ",".join(cells[at:end]), *cells[end:]]
    row = {column: cell for column, cell in zip(table.columns, mended, strict=True) if cell}
    is_right = as_cell(row.get("id")).isdecimal() and (as_cell(row.get("year")) or "0").isdecimal()
    return row if is_right else None


def _links(file: SellerFile) -> dict[str, str] | None:
    """Name -> URL of the photos in ``images.csv``; None if there are photos beside the file, or no such list."""
    folder = file.table.partition.rpartition("/")[0]
    tried = [_photo(row.get("id")) for row in file.table.first(_TRIED)]
    if any(exists(join(folder, photo)) for photo in tried):
        return None
    listed = file.beside("images.csv")
    if listed is None or listed.columns != ["filename", "link"]:
        return None
    found = (row for row in listed.rows() if not isinstance(row, RowError))
    return {row["filename"]: row["link"] for row in found if "filename" in row and "link" in row}


LAYOUT = Layout("kaggle-fashion", "Kaggle's Fashion Product Images (styles.csv)", fits, rows, names=_NAMES)
