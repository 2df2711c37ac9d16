"""Images and bullet points that have a column each: "Image 2", "additional_image_link", "bullet_point_1".

Also several columns of one name, which are told apart as "bullet_point (2)" here and as "bullet_point.1" by pandas.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from moemoe.catalog.layouts.columns import plain_name
from moemoe.catalog.layouts.records import nested, split_urls

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
        rf"(?:key)?(?:bullet(?:point)?|productfeaturebullet)s?(?:{_NUMBER}|{_AGAIN})|(?:key)?bulletpoint"
    ),
}


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
    return _listed(value)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str):
        value = nested(value)
    if isinstance(value, str):
        return value.splitlines()
    return value if isinstance(value, list) else [] if value is None else [value]
