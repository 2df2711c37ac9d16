"""BigCommerce's product CSV, modern (Item: Product, Variant, Image) or legacy (Item Type: Product, SKU, Rule): the rows
below a product are its variants and images.

The product has the values of all its variants' options, as in Shopify's layout.
"""

import html
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.short_records import PADDED
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.named_columns import NamedColumns, every_spelling
from moemoe.catalog.layouts.shop_values import (
    ZERO,
    Labels,
    as_cell,
    deepest_path,
    described,
    in_order,
    last_of_path,
    split_list,
)

#: Numbers in the shop's units, which the file does not name.
_MEASURES = ("Weight", "Width", "Height", "Depth")
#: Our name for a column -> its use, its modern name, its legacy names.
_COLUMNS = {
    "item": ("marks variants and images", "Item", "Item Type"),
    "id": ("product_id", "ID", "Product ID"),
    "sku": ("product_id if the id is missing", "SKU", "Product Code/SKU"),
    "name": ("title", "Name", "Product Name"),
    "options": (ATTRIBUTE, "Options", "Product Name"),
    "categories": (
        *(f"product_type (the last of the deepest), {ATTRIBUTE}", "Categories", "Category", "Category String"),
        "Category Details",
    ),
    "description": ("description, bullet_points", "Description", "Product Description"),
    "brand": (ATTRIBUTE, "Brand Name", "Brand"),
    "fields": (ATTRIBUTE, "Custom Fields", "Product Custom Fields"),
    "image": ("image", "Internal Image URL (Export)"),
    "given image": ("image", "Image URL (Import)"),
    "variant image": ("image", "Variant Image URL"),
    "is first": ("order of images", "Image is Thumbnail"),
    "image order": ("order of images", "Image Sort Order"),
    "condition": (ATTRIBUTE, "Product Condition"),
    **{name.casefold(): (ATTRIBUTE, name, f"Product {name}") for name in _MEASURES},
}
#: The legacy export's columns of the images of a product.
_NUMBERED_IMAGE = re.compile(r"Product Image (File|URL|Is Thumbnail|Sort) - (\d+)", re.IGNORECASE)
#: The legacy export's columns for Google Shopping.
_GOOGLE = re.compile(r"GPS (Gender|Age Group|Color|Size|Material|Pattern|Category)", re.IGNORECASE)
_NAMES = (
    *every_spelling(_COLUMNS),
    *("Inventory Tracking", "Option Set", "Product Visible?"),
    *(f"Product Image {part} - 1" for part in ("File", "URL", "Is Thumbnail", "Sort")),
    *(f"GPS {key}" for key in ("Gender", "Age Group", "Color", "Size", "Material", "Pattern", "Category")),
)
#: Kinds of items: a product, and the rows below it.
_PRODUCT, _PARTS = "product", ("variant", "image", "video", "sku", "rule")
_BETWEEN_LEGACY_OPTIONS = re.compile(r"(?:^|,) *\[[A-Z]+\]")
#: A swatch's color code: "Red[#ff0000]", in the legacy export "Red:#ff0000".
_PAINT = re.compile(r"(?:\[[^\[\]]*\]|: ?(?:#|https?:).*)$")
_CATEGORY_PATH = re.compile(r"Category Path: *([^,|;]+)")
NO_PAIRS = "cells of options or custom fields without a name and a value, left out"


def fits(file: SellerFile) -> bool:
    """Whether it has the column for the kind of item and others of either export."""
    columns = {column.strip().casefold() for column in file.table.columns}
    modern = {"options", "inventory tracking", "custom fields", "image url (import)", "internal image url (export)"}
    legacy = {"product code/sku", "option set", "product visible?", "product custom fields"}
    return ({"item", "name", "sku"} <= columns and bool(modern & columns)) or (
        {"item type", "product name"} <= columns and bool(legacy & columns)
    )


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each product row and the rows below it; rows above the first product are RowErrors."""
    columns = _Columns(file)
    product: _Product | None = None
    for number, row in enumerate(_whole_rows(file, columns), start=1):
        if isinstance(row, RowError):
            if product and columns.kind(row) not in _PARTS:  # it may be the next product
                yield product.row()
                product = None
            yield row
            continue
        item = columns.cell(row, "item")
        if item.casefold() == _PRODUCT:
            if product:
                yield product.row()
            product = _Product(row, columns)
        elif product is None or not item:
            detail = f"record {number} after the header is {item or 'no'!r} item, with no readable product before it"
            yield RowError("row", "row belongs to no product", detail)
        else:
            product.add(row, columns)
            file.counts["rows of variants, images, videos and rules joined"] += 1
    if product:
        yield product.row()


def _whole_rows(file: SellerFile, columns: "_Columns") -> Iterator[Row | RowError]:
    """The rows; one with too few cells is accepted if the next one begins like a row of the export."""
    waiting: RowError | None = None
    for row in file.filled_rows():
        if waiting is not None:
            yield columns.padded(waiting, file) if columns.kind(row) else waiting
        waiting = row if isinstance(row, RowError) and columns.kind(row) else None
        if waiting is None:
            yield row
    if waiting is not None:
        yield columns.padded(waiting, file) if waiting.has_end else waiting


class _Columns(NamedColumns):
    """The columns by their use, recorded in ``file.became``."""

    def __init__(self, file: SellerFile):
        columns = file.table.columns
        super().__init__(file, _COLUMNS)
        if self.named.get("options") == self.named.get("name"):  # the legacy export has both in one column
            file.became[self.named["name"]] = f"title, {ATTRIBUTE}"
        #: For each numbered image: "file" or "url", "is thumbnail", "sort" -> the column.
        self.images: dict[int, dict[str, str]] = defaultdict(dict)
        for column in columns:
            if found := _NUMBERED_IMAGE.fullmatch(column.strip()):
                self.images[int(found[2])][found[1].casefold()] = column
                is_image = found[1].casefold() in ("file", "url")
                file.became[column] = "image" if is_image else "order of images"
        self.keys = {c: found[1] for c in columns if (found := _GOOGLE.fullmatch(c.strip()))}
        file.check_product_type("categories" in self.named, "Categories")
        file.became.update(dict.fromkeys(self.keys, ATTRIBUTE))
        self._columns, self._counts = columns, file.counts

    def pairs(self, row: Row, name: str, read: Callable[[str], Iterable[tuple[str, Any]]]) -> list[tuple[str, Any]]:
        """The pairs that ``read`` finds in a cell; cells without a pair, and values without a name, are counted."""
        cell = self.cell(row, name)
        given = [(key.strip(), value) for key, value in read(cell) if as_cell(value)]
        found = [pair for pair in given if pair[0]]
        self._counts[NO_PAIRS] += bool(cell) and (not found or found != given)
        return found

    def kind(self, row: Row | RowError) -> str:
        """The kind of item of a row, also if its number of cells is wrong; "" if it has none."""
        if isinstance(row, RowError):
            at = self._columns.index(self.named["item"])
            item = row.cells[at] if at < len(row.cells) else ""
        else:
            item = self.cell(row, "item")
        plain = item.strip().casefold()
        return plain if plain in (*_PARTS, _PRODUCT) else ""

    def padded(self, error: RowError, file: SellerFile) -> Row | RowError:
        """The row of a record that lacks only trailing blank cells; otherwise the error itself."""
        needed = file.cells_needed() if self.kind(error) == _PRODUCT else 1
        if not needed <= len(error.cells) < len(self._columns):
            return error
        file.counts[PADDED] += 1
        return {column: cell for column, cell in zip(self._columns, error.cells, strict=False) if cell}


class _Product:
    def __init__(self, row: Row, columns: _Columns):
        self._texts = {name: columns.cell(row, name) for name in ("id", "sku", "name", "description")}
        self._categories = _categories(columns.cell(row, "categories"))
        self._labels = Labels()
        for key, value in (
            ("Brand", columns.cell(row, "brand")),
            ("Categories", self._categories),
            ("Product Condition", columns.cell(row, "condition")),
            *((name, columns.cell(row, name.casefold())) for name in _MEASURES),
            *((key, row.get(column)) for column, key in columns.keys.items()),
            *columns.pairs(row, "fields", _fields),
        ):
            if key not in _MEASURES or not ZERO.fullmatch(str(value)):
                self._labels.add(key, value)
        self._images: list[tuple[bool, int, str]] = []  # sorted by (not first, position)
        self._variant_images: list[str] = []
        for _, named in sorted(columns.images.items()):
            cells = {name: as_cell(row.get(column)) for name, column in named.items()}
            image = cells.get("url") or cells.get("file") or ""
            self._add_image(image, cells.get("is thumbnail", ""), cells.get("sort", ""))
        self._add_images(row, columns)

    def add(self, row: Row, columns: _Columns) -> None:
        """Adds a variant (legacy: SKU) or image of this product; videos and rules are ignored."""
        if columns.cell(row, "item").casefold() in ("variant", "sku"):
            for key, value in columns.pairs(row, "options", _options):
                self._labels.add(key, value)
        self._add_images(row, columns)

    def _add_images(self, row: Row, columns: _Columns) -> None:
        image = columns.cell(row, "image") or columns.cell(row, "given image")
        self._add_image(image, columns.cell(row, "is first"), columns.cell(row, "image order"))
        self._variant_images.append(columns.cell(row, "variant image"))

    def _add_image(self, image: str, is_first: str, order: str) -> None:
        if image:
            place = int(order) if order.isdecimal() else len(self._images)
            self._images.append((is_first.casefold() not in ("true", "y", "1"), place, image))

    def row(self) -> Row:
        body = html_text(self._texts["description"])
        images = [image for *_, image in sorted(self._images, key=lambda one: one[:2])]
        return {
            "product_id": self._texts["id"] or self._texts["sku"],
            "product_type": last_of_path(deepest_path(self._categories, "/"), "/"),
            "title": line_text(self._texts["name"]),
            **described(body, images + self._variant_images, self._labels),
        }


def _categories(cell: str) -> list[str]:
    """A product's category paths, or their ids in modern exports that have only these."""
    cell = html.unescape(cell)  # else the semicolon of "&amp;" would separate
    return in_order(_CATEGORY_PATH.findall(cell)) or split_list(cell, ";")


def _options(cell: str) -> Iterator[tuple[str, str]]:
    """Name and value of a variant's options: "Type=Swatch|Name=Color|Value=Red[#f00]Type=...", "[CS]Color=Red:#f00"."""
    for option in cell.split("Type=")[1:]:
        name, _, value = option.partition("|Name=")[2].partition("|Value=")
        yield name, _PAINT.sub("", value.strip(" |"))
    for option in _BETWEEN_LEGACY_OPTIONS.split(cell)[1:]:
        name, _, value = option.partition("=")
        yield name, _PAINT.sub("", value)


def _fields(cell: str) -> Iterator[tuple[str, Any]]:
    """Name and value of custom fields: JSON objects, in the legacy export ``name=value;name=value``."""
    if cell.startswith("["):
        try:
            found = json.loads(cell, parse_float=str, parse_int=str)
        except (ValueError, RecursionError):
            found = []
        for field in found if isinstance(found, list) else []:
            if isinstance(field, dict):
                yield str(field.get("name") or ""), field.get("value")
        return
    for field in split_list(cell, ";"):
        name, between, value = field.partition("=")
        yield (name, value) if between else ("", field)


LAYOUT = Layout("bigcommerce", "BigCommerce's product export", fits, rows, names=_NAMES)
