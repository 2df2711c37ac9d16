"""Helpers for the layouts of shops: raw labels from several columns and rows, category paths, lists in one cell."""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import HtmlText
from moemoe.contract.cell_text import MISSING_TEXTS, as_text

#: Shops' placeholders for missing measures.
ZERO = re.compile(r"0*+[.,]?0*+")
_BETWEEN_URLS = re.compile("[ ,;|]+(?=(?:https?:)?//)")


def each_row(rows: Iterable[Row | RowError], product: Callable[[Row], Row | None]) -> Iterator[Row | RowError]:
    """Applies ``product`` to each row; None means no product. RowErrors are passed on."""
    for row in rows:
        try:
            found = row if isinstance(row, RowError) else product(row)
        except RowError as error:
            found = error
        if found is not None:
            yield found


def as_cell(value: Any) -> str:
    """A scalar as stripped text (Excel's 44.0 as 44); "" if it is missing, or a list or object."""
    if isinstance(value, str):
        text = value.strip()
        return "" if text in MISSING_TEXTS else text
    return "" if value is None or isinstance(value, (list, dict)) else (as_text(value) or "").strip()


class Labels:
    """The raw labels of one product.

    A key with several different labels, such as those of variants, keeps all of them, each once and in order: the
    contract reads them as several values.
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[str, None]] = {}

    def add(self, key: str | None, label: Any) -> None:
        """Adds a label, or each label of a list; blank keys and labels are ignored."""
        for one in label if isinstance(label, (list, tuple)) else (label,):
            text = as_cell(one)
            if text and key and key.strip():
                self._found.setdefault(key.strip(), {})[text] = None

    def add_measure(self, key: str, number: Any, unit: str = "") -> None:
        """Adds a number with its unit; 0 means missing in shops and is ignored."""
        if not ZERO.fullmatch(text := as_cell(number)):
            self.add(key, f"{text} {unit}")

    def pairs(self) -> dict[str, str | list[str]]:
        """Key -> label, or the list of its labels."""
        return {key: next(iter(labels)) if len(labels) == 1 else list(labels) for key, labels in self._found.items()}


def described(body: HtmlText, images: Iterable[str | None], labels: Labels) -> Row:
    """The catalog's columns after the title: the body's texts, the first image, further images, and the labels."""
    found = in_order(images)
    return {
        "bullet_points": body.bullet_points,
        "description": body.description,
        "image": found[0] if found else None,
        "images": found,
        "attributes": labels.pairs(),
    }


def last_of_path(path: str | None, separator: str = ">") -> str | None:
    """The last name of a category path: "Shirts" of "Men > Shirts". Entities are resolved.

    A separator after a backslash belongs to the name, as in Magento's "Default Category/Books\\/Media".
    """
    between = re.compile(rf"(?<!\\){re.escape(separator)}")
    names = [name.strip() for name in between.split(html.unescape(path or "")) if name.strip()]
    return names[-1].replace(f"\\{separator}", separator) if names else None


def deepest_path(paths: Iterable[str], separator: str = ">") -> str | None:
    """The path with the most names, the first of several: the product's own category, not broader ones."""

    def depth(path: str) -> int:
        plain = html.unescape(path)
        return plain.count(separator) - plain.count(f"\\{separator}")

    return max((path for path in paths if path.strip()), key=depth, default=None)


def in_order(items: Iterable[str | None]) -> list[str]:
    """The non-blank items, each once."""
    return list(dict.fromkeys(item.strip() for item in items if item and item.strip()))


def split_list(cell: str | None, separator: str = ",") -> list[str]:
    """The items of a list in one cell; a separator after a backslash, or in a quoted item, belongs to the item."""
    found = _items_of(separator).findall(cell or "")
    return in_order(quoted.replace('""', '"') or plain.replace(f"\\{separator}", separator) for quoted, plain in found)


@cache
def _items_of(separator: str) -> re.Pattern[str]:
    s = re.escape(separator)
    return re.compile(rf'\s*(?:"([^"]*+(?:""[^"]*+)*+)"|((?:\\{s}|[^{s}])*))\s*(?:{s}|$)')


def split_urls(cell: str | None) -> list[str]:
    """The comma-separated URLs or paths in one cell; a URL may contain commas."""
    if cell and "://" in cell:
        return in_order(url.strip(" ,;|") for url in _BETWEEN_URLS.split(" ".join(cell.split())))
    return split_list(cell)
