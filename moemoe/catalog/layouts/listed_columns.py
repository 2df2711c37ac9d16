"""Images and bullet points that have a column each: "Image 2", "additional_image_link", "bullet_point_1".

Also several columns of one name, which are told apart as "bullet_point (2)" here and as "bullet_point.1" by pandas.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moemoe.catalog.layouts.columns import plain_name
from moemoe.catalog.layouts.records import nested, split_urls, with_path

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
#: Words for an image in names of columns, and for one that is a smaller copy, or shows something else.
_CALLED_IMAGE = re.compile(
    "image|img|picture|photo|thumb|gallery|bild|foto|imagen|imagem|immagin|afbeelding|zdjęci|фото|изображ|画像|图片|圖片",
    re.IGNORECASE,
)
_SMALL = re.compile("thumb|swatch|icon|logo|small|vorschau|miniatur", re.IGNORECASE)
_FILE = re.compile(r".*\S\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif)(?:[?#]\S*)?", re.IGNORECASE)
_LINK = re.compile(r"(?:https?:)?//\S+", re.IGNORECASE)


def pictured_columns(columns: Iterable[str], rows: Sequence[Mapping[str, Any]], has_image: bool) -> dict[str, bool]:
    """The columns of which each cell in some rows is a path of an image, or a link if the name says image.

    Args:
        has_image: whether other columns have images.

    Returns:
        column -> whether its images are the product's; those of small copies are not, if there are others.
    """
    found = {}
    for column in columns:
        cells = [cell for row in rows if (cell := row.get(column)) not in (None, "", [])]
        is_path = _LINK if _CALLED_IMAGE.search(column) else None
        if cells and all(_are_paths(cell, is_path) for cell in cells):
            found[column] = not _SMALL.search(column)
    return found if has_image or any(found.values()) else dict.fromkeys(found, True)


def _are_paths(cell: Any, further: re.Pattern[str] | None) -> bool:
    paths = _images(cell) if isinstance(cell, (str, list)) else []
    found = [isinstance(p, str) and bool(_FILE.fullmatch(p) or (further and further.fullmatch(p))) for p in paths]
    return bool(found) and all(found)


def listed_columns(columns: Iterable[str]) -> dict[str, list[str]]:
    """``images`` and ``bullet_points`` -> the columns of one each, in the order of the file.

    One that is numbered 0 is one of them if 1 is there too.
    """
    plain = {column: plain_name(column) for column in columns}
    named = set(plain.values())
    for column, one in plain.items():
        if (next_one := _ZERO.sub("1", one)) in named:
            plain[column] = next_one
    found = {name: [c for c, one in plain.items() if names.fullmatch(one)] for name, names in _NAMES.items()}
    return {name: own for name, own in found.items() if own}


def add_listed(row: dict[str, Any], given: Mapping[str, Any], columns: Mapping[str, Sequence[str]]) -> None:
    """Adds to a row, under the catalog's columns, what the file's row ``given`` has in ``columns``."""
    for name, own in columns.items():
        values = [value for column in own if (value := given.get(column)) is not None]
        if values and name == "images":
            first = [value for value in (row.pop("image", None), row.pop("images", None)) if value is not None]
            row["images"] = [image for value in (*first, *values) for image in _images(value)]
        elif values:
            row[name] = [*_listed(row.get(name)), *values]


def _images(value: Any) -> list[Any]:
    """The images of a cell, which may hold several URLs."""
    value = nested(value)
    if isinstance(value, str):
        return [path for line in value.splitlines() for path in split_urls(line)]
    return [with_path(one).get("path", one) if isinstance(one, dict) else one for one in _listed(value)]


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = nested(value)
    if isinstance(value, str):
        return value.splitlines()
    return value if isinstance(value, list) else [] if value is None else [value]
