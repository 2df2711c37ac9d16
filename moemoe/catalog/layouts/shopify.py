"""Shopify's product CSV, with headers until 2025 and newer ones: a row per variant or image, joined by the handle.

The product has the values of all variants' options (Color: Olive, Black): the contract reads several values of an
attribute, and images do not say which variant they show.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.named_columns import NamedColumns, every_spelling, found_columns
from moemoe.catalog.layouts.nested_labels import plain_label
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, last_of_path

#: The option of a product without options.
DEFAULT_TITLE = "Default Title"
#: Our name for a column -> its use, its old name, its new name.
_COLUMNS = {
    "handle": ("product_id", "Handle", "URL handle"),
    "title": ("title", "Title"),
    "body": ("description, bullet_points", "Body (HTML)", "Body HTML", "Description"),
    "vendor": (ATTRIBUTE, "Vendor"),
    "category": (
        *(f"{ATTRIBUTE}, product_type where Type is empty", "Product Category", "Standardized Product Type"),
        *("Category", "Category: Name"),
    ),
    "type": ("product_type", "Type", "Custom Product Type"),
    "tags": (ATTRIBUTE, "Tags"),
    "image": ("image", "Image Src", "Product image URL"),
    "position": ("order of images", "Image Position"),
    "variant image": ("image", "Variant Image", "Variant image URL"),
    "grams": (ATTRIBUTE, "Variant Grams", "Weight value (grams)"),
}
REFERENCES = "metafields that refer to other objects of the shop, left out"
#: Also several, separated by commas or semicolons.
_REFERENCE = re.compile(r"gid://shopify/\w+/[^\s,;]+(?:[\s,;]+gid://shopify/\w+/[^\s,;]+)*")
_OPTIONS = tuple((f"Option{number} Name", f"Option{number} Value") for number in (1, 2, 3))
#: "Fabric (product.metafields.custom.fabric)", and Matrixify's "Metafield: custom.fabric [list.text]".
_METAFIELD = re.compile(
    r"(?P<label>.+?)[ _]\(?(?:product|variant)[._]metafields[._][^)]*\)?|"
    r"(?:Variant[ _])?Metafield:[ _]?(?:[^.]+\.)?(?P<key>[^\s\[]+?)(?:[ _]?\[.*\])?",
    re.IGNORECASE,
)
_GOOGLE = re.compile(
    r"Google[ _]Shopping(?: / |_)(Gender|Age[ _]Group|Color|Size|Material|Pattern|Google[ _]Product[ _]Category)", re.I
)
_NAMES = (
    *every_spelling(_COLUMNS),
    *(name for pair in _OPTIONS for name in pair),
    *("Variant SKU", "Variant Price"),
    *(f"Google Shopping / {key}" for key in ("Gender", "Age Group", "Color", "Size", "Material", "Pattern")),
    "Google Shopping / Google Product Category",
)


def fits(file: SellerFile) -> bool:
    """Whether it has a handle and a title, with options of variants or columns that begin with "Variant"."""
    found = found_columns(file.table.columns, ["Handle", "URL handle", "Title", "Option1 Name", "Option1 Value"])
    others = {column.strip().casefold() for column in file.table.columns}
    is_variant = "Option1 Name" in found or bool(others & {"variant sku", "variant price", "body (html)"})
    return "Title" in found and bool({"Handle", "URL handle"} & set(found)) and is_variant


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each run of rows with the same handle; rows without a handle or product are RowErrors."""
    columns = _Columns(file)
    product: _Product | None = None
    ended: set[int] = set()  # hashes of earlier handles: 60 bytes per product
    for number, row in enumerate(file.filled_rows(), start=1):
        if isinstance(row, RowError):
            yield row
            continue
        handle = columns.cell(row, "handle")
        if handle and product and handle == product.handle:
            file.counts["rows of variants and further images joined"] += 1
        elif handle and hash(handle) in ended:
            detail = f"record {number} after the header has handle {handle[:100]!r}, whose rows ended before"
            yield RowError("row", "rows of a product stand apart", f"{detail}; sort the file by its handles")
            continue
        elif handle and (columns.cell(row, "title") or columns.cell(row, "body")):
            if product:
                ended.add(hash(product.handle))
                yield product.row()
            product = _Product(handle)
        else:
            detail = f"record {number} after the header has " + (
                f"handle {handle[:100]!r} but neither title nor body, and the product before it another handle"
                if handle
                else "no handle"
            )
            yield RowError("row", "row belongs to no product", detail)
            continue
        product.add(row, columns)
    if product:
        yield product.row()


class _Columns(NamedColumns):
    """The columns by their use, recorded in ``file.became``."""

    def __init__(self, file: SellerFile):
        columns, self.counts = file.table.columns, file.counts
        super().__init__(file, _COLUMNS)
        options = found_columns(columns, (name for pair in _OPTIONS for name in pair))
        self.options = [(options[name], options[value]) for name, value in _OPTIONS if {name, value} <= set(options)]
        self.keys: dict[str, str] = {}
        for column in columns:
            if found := _METAFIELD.fullmatch(column.strip()):
                self.keys[column] = found["label"] or found["key"]
            elif found := _GOOGLE.fullmatch(column.strip()):
                self.keys[column] = found[1]
        file.check_product_type(bool({"type", "category"} & set(self.named)), "Type and no Product Category")
        file.became.update(dict.fromkeys((*self.keys, *(c for pair in self.options for c in pair)), ATTRIBUTE))
        self.keys.update(
            {self.named[name]: self.named[name] for name in ("vendor", "category", "tags") if name in self.named}
        )


class _Product:
    """The rows of one handle: texts once, labels and images of all rows."""

    def __init__(self, handle: str):
        self.handle = handle
        self._texts: dict[str, str] = {}
        self._labels = Labels()
        self._options: dict[int, str] = {}
        self._images: list[tuple[int, str]] = []
        self._variant_images: list[str] = []

    def add(self, row: Row, columns: _Columns) -> None:
        for name in ("title", "body", "type", "category"):
            if name not in self._texts and (text := columns.cell(row, name)):
                self._texts[name] = text
        for i, (name, value) in enumerate(columns.options):
            self._options[i] = as_cell(row.get(name)) or self._options.get(
                i, ""
            )  # only the first row names the options
            if (option := as_cell(row.get(value))) != DEFAULT_TITLE:
                self._labels.add(self._options[i], option)
        for column, key in columns.keys.items():
            self._labels.add(key, without_references(metafield_label(row.get(column)), columns.counts))
        self._labels.add_measure("Weight", columns.cell(row, "grams"), "g")
        if image := columns.cell(row, "image"):
            position = columns.cell(row, "position")
            self._images.append((int(position) if position.isdecimal() else len(self._images) + 1, image))
        self._variant_images.append(columns.cell(row, "variant image"))

    def row(self) -> Row:
        body = html_text(self._texts.get("body"))
        images = [image for _, image in sorted(self._images, key=lambda one: one[0])]
        return {
            "product_id": self.handle,
            "product_type": last_of_path(self._texts.get("type") or self._texts.get("category")),
            "title": line_text(self._texts.get("title")),
            **described(body, images + self._variant_images, self._labels),
        }


def metafield_label(cell: Any) -> Any:
    """The label of a metafield in JSON: lists, measures, rich text; any other value unchanged."""
    found = nested(as_cell(cell))
    if isinstance(found, dict) and found.get("type") == "root":
        return " ".join(_rich_text(found))
    if isinstance(found, list):
        labels = [plain_label(one)[0] for one in found if not isinstance(one, list)]
        return labels if any(label is not None for label in labels) or not found else cell
    label = plain_label(found)[0] if isinstance(found, dict) else None
    return cell if label is None else label


def without_references(label: Any, counts: Counter[str]) -> list[Any]:
    """A metafield's labels without ids of other objects (``gid://shopify/Metaobject/1``), which are counted."""
    given = label if isinstance(label, list) else [label]
    labels = [one for one in given if not _REFERENCE.fullmatch(as_cell(one))]
    if len(labels) < len(given):
        counts[REFERENCES] += 1
    return labels


def _rich_text(node: Mapping[str, Any]) -> Iterator[str]:
    """The blocks of a rich text; the texts within a block are joined."""
    children = [child for child in node.get("children") or () if isinstance(child, dict)]
    if any("children" not in child for child in children):
        yield " ".join("".join(_runs(node)).split())
    else:
        for child in children:
            yield from _rich_text(child)


def _runs(node: Mapping[str, Any]) -> Iterator[str]:
    yield str(node.get("value") or "")
    for child in node.get("children") or ():
        yield from _runs(child) if isinstance(child, dict) else ()


LAYOUT = Layout("shopify", "Shopify's product export", fits, rows, names=_NAMES)
