"""Columns with one image or bullet point each: "Image 2", "additional_image_link", "bullet_point_1".

Also several columns with the same name, which become "bullet_point (2)" here and "bullet_point.1" in pandas.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from moemoe.catalog.formats.image_objects import FILE, LINK, SMALL, is_image, largest, named_images, with_path
from moemoe.catalog.formats.printed import nested
from moemoe.catalog.layouts.columns import image_columns, plain_name
from moemoe.catalog.layouts.layout import UNUSED, SellerFile
from moemoe.catalog.layouts.records import split_urls

_OF_IMAGE = r"(?:image|img|picture|photo|pic)s?"
_PLACE = r"(?:url|link|path|file|src|uri)?s?"
_NUMBER = r"0*[1-9]\d?"
_AGAIN = r"(?:\.[1-9]\d?|\([1-9]\d?\))"
_ZERO = re.compile(r"(?<!\d)0(?!\d)")
#: Catalog column -> the plain names of its further columns.
_NAMES = {
    "images": re.compile(
        rf"(?:main|product|item)?{_OF_IMAGE}(?:{_NUMBER}{_PLACE}|{_PLACE}{_NUMBER})|"
        rf"(?:additional|other|further|more|extra|gallery|secondary)(?:product)?{_OF_IMAGE}{_PLACE}(?:{_NUMBER})?{_PLACE}(?:{_AGAIN})?|"
        rf"(?:main|product|item)?{_OF_IMAGE}{_PLACE}{_AGAIN}"
    ),
    "bullet_points": re.compile(
        rf"(?:(?:key)?bullet(?:point)?|productfeaturebullet|(?:product)?highlight|(?:unique)?sellingpoint|keyfeature)s?"
        rf"(?:{_NUMBER}|{_AGAIN})|(?:key)?bulletpoint|(?:product)?highlights|(?:unique)?sellingpoints|keyfeatures"
    ),
}
#: Words in column names for images, and for images that do not show the product.
_CALLED_IMAGE = re.compile(
    "image|img|picture|photo|thumb|gallery|bild|foto|imagen|imagem|immagin|afbeelding|zdjęci|фото|изображ|画像|图片|圖片",
    re.IGNORECASE,
)
_OF_OTHERS = re.compile(
    "logo|icon|swatch|label|badge|flag|brand|chart|guide|credit|licen[cs]e|author|avatar|seller|manual", re.IGNORECASE
)
UNCLEAR_IMAGE = f"{UNUSED}; --column image=NAME says which of several columns is the image"
OF_SMALL, OF_OTHERS = f"{UNUSED}; small copies of images", f"{UNUSED}; images of something else"


def pictured_columns(columns: Iterable[str], rows: Sequence[Mapping[str, Any]], has_image: bool) -> dict[str, str]:
    """The columns whose filled cells are all image paths in these rows, or links or bytes if the name means image.

    Args:
        has_image: whether other columns have images.

    Returns:
        column -> its use: "images", unless they are small copies beside other images, or show something else.
    """
    found = {}
    for column in columns:
        given = (cell for row in rows if (cell := row.get(column)) is not None)
        cells = [cell for cell in given if cell or not isinstance(cell, (str, list))]
        is_called = _CALLED_IMAGE.search(column) is not None
        if cells and all(_are_images(cell, is_called) for cell in cells):
            is_small = SMALL.search(column)
            found[column] = OF_OTHERS if _OF_OTHERS.search(column) else OF_SMALL if is_small else "images"
    if not has_image and "images" not in found.values():
        return {column: "images" if became == OF_SMALL else became for column, became in found.items()}
    return found


def _are_images(cell: Any, is_called: bool) -> bool:
    images = _images(cell)
    return bool(images) and all(_is_image(one, is_called) for one in images)


def _is_image(one: Any, is_called: bool) -> bool:
    if isinstance(one, dict):
        one = one if is_image(one) else largest(one)
    if isinstance(one, dict):
        one = one.get("bytes") or with_path(one).get("path")
    if isinstance(one, str):
        return bool(FILE.fullmatch(one) or (is_called and LINK.fullmatch(one)))
    return is_called and isinstance(one, bytes)


def listed_columns(columns: Iterable[str]) -> dict[str, list[str]]:
    """``images`` and ``bullet_points`` -> their columns with one item each, in the order of the file.

    A column numbered 0 is included if there is a column 1.
    """
    plain = {column: plain_name(column) for column in columns}
    named = set(plain.values())
    for column, one in plain.items():
        if (next_one := _ZERO.sub("1", one)) in named:
            plain[column] = next_one
    found = {name: [c for c, one in plain.items() if names.fullmatch(one)] for name, names in _NAMES.items()}
    return {name: own for name, own in found.items() if own}


def listed_in(file: SellerFile, sources: Mapping[str, str], others: Collection[str]) -> dict[str, list[str]]:
    """A file's columns of further images, by their names, and of bullet points. Records them in ``file.became``.

    Args:
        sources: catalog column -> the file's.
        others: columns with another use.
    """
    table = file.table
    left = [c for c in table.columns if c not in {*sources.values(), *others} and c not in table.constants]
    unclear = image_columns(left)
    has_image = bool(sources.keys() & {"image", "images"})
    file.became.update({} if has_image else dict.fromkeys(unclear, UNCLEAR_IMAGE))
    left = [column for column in left if column not in unclear]
    found = listed_columns(left)
    called = [c for c in left if _CALLED_IMAGE.search(c) and not any(c in columns for columns in found.values())]
    pictured = pictured_columns(called, table.first(50), has_image or "images" in found) if called else {}
    if own := [column for column, became in pictured.items() if became == "images"]:
        found["images"] = sorted([*found.get("images", ()), *own], key=table.columns.index)
    file.became.update(pictured)
    file.became.update({column: name for name, columns in found.items() for column in columns})
    return found


def add_listed(row: dict[str, Any], given: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> None:
    """Adds the values in ``columns`` of the file's row ``given`` to the catalog's columns of ``row``."""
    for name, own in columns.items():
        values = [value for column in own if (value := given.get(column)) is not None]
        if values and name == "images":
            first = [value for value in (row.pop("image", None), row.pop("images", None)) if value is not None]
            row["images"] = [image for value in (*first, *values) for image in _images(value)]
        elif values:
            row[name] = [*_listed(row.get(name)), *values]


def _images(value: Any) -> list[Any]:
    """The images of a cell, which may have several URLs."""
    value = nested(value)
    if isinstance(value, str):
        return [path for line in value.splitlines() for path in split_urls(line)]
    if isinstance(value, dict) and not is_image(value) and (named := named_images(value)):
        return named
    return _listed(value)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = nested(value)
    if isinstance(value, str):
        return value.splitlines()
    return value if isinstance(value, list) else [] if value is None else [value]
