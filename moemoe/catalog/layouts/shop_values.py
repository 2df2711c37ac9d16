"""What the layouts of shops share: raw labels from several columns and rows, category paths, lists in one cell."""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import HtmlText
from moemoe.catalog.layouts.layout import SellerFile
from moemoe.contract.cell_text import MISSING_TEXTS, as_text
from moemoe.errors import CatalogError

#: What shops have for a measure that nobody gave.
ZERO = re.compile(r"0*+[.,]?0*+")
_BETWEEN_URLS = re.compile("[ ,;|]+(?=(?:https?:)?//)")


def check_product_type(file: SellerFile, found: bool, names: str) -> None:
    """Raises CatalogError if a product type is required and no column is there to give it."""
    if "product_type" in file.required and not found:
        raise CatalogError(f"{file.table.partition} has no {names}, which becomes the product type; export it too")


def filled_rows(file: SellerFile) -> Iterator[Row | RowError]:
    """The file's rows but blank ones, which spreadsheets have at their end."""
    return (row for row in file.table.filled_rows() if isinstance(row, RowError) or row)


def each_row(file: SellerFile, product: Callable[[Row], Row]) -> Iterator[Row | RowError]:
    """What ``product`` makes of each row, and its RowErrors."""
    for row in filled_rows(file):
        try:
            yield row if isinstance(row, RowError) else product(row)
        except RowError as error:
            yield error


def as_cell(value: Any) -> str:
    """A scalar as text without blanks around it (Excel's 44.0 as 44); "" if it is missing, or a list or object."""
    if isinstance(value, str):
        text = value.strip()
        return "" if text in MISSING_TEXTS else text
    return "" if value is None or isinstance(value, (list, dict)) else (as_text(value) or "").strip()


class Labels:
    """The raw labels of one product.

    A key that has several different labels, as of variants, keeps all of them, each once and in their order: the
    contract reads them as a multi-value.
    """

    def __init__(self) -> None:
        self._found: dict[str, dict[str, None]] = {}

    def add(self, key: str | None, label: Any) -> None:
        """Adds a label, or each of a list; blank keys and labels are nothing."""
        for one in label if isinstance(label, (list, tuple)) else (label,):
            text = as_cell(one)
            if text and key and key.strip():
                self._found.setdefault(key.strip(), {})[text] = None

    def add_measure(self, key: str, number: Any, unit: str = "") -> None:
        """Adds a number with its unit; 0 is what shops have where nobody gave one."""
        if not ZERO.fullmatch(text := as_cell(number)):
            self.add(key, f"{text} {unit}")

    def pairs(self) -> dict[str, str | list[str]]:
        """Key -> label, or the list of its labels."""
        return {key: next(iter(labels)) if len(labels) == 1 else list(labels) for key, labels in self._found.items()}


def described(body: HtmlText, images: Sequence[str], labels: Labels) -> Row:
    """The catalog's columns behind the title: what a body says, the images, the first one apart, and the labels."""
    return {
        "bullet_points": body.bullet_points,
        "description": body.description,
        "image": images[0] if images else None,
        "images": images,
        "attributes": labels.pairs(),
    }


def last_of_path(path: str | None, separator: str = ">") -> str | None:
    """The last name of a category path: "Shirts" of "Men > Shirts"; of a plain name itself. Entities are resolved.

    Behind a backslash a separator belongs to the name, as Magento writes "Default Category/Books\\/Media".
    """
    between = re.compile(rf"(?<!\\){re.escape(separator)}")
    names = [name.strip() for name in between.split(html.unescape(path or "")) if name.strip()]
    return names[-1].replace(f"\\{separator}", separator) if names else None


def deepest_path(paths: Iterable[str], separator: str = ">") -> str | None:
    """The path with the most names, the first of several: a product's own category, not the shelves it is also on."""

    def depth(path: str) -> int:
        plain = html.unescape(path)
        return plain.count(separator) - plain.count(f"\\{separator}")

    return max((path for path in paths if path.strip()), key=depth, default=None)


def in_order(items: Iterable[str | None]) -> list[str]:
    """The items that are not blank, each once."""
    return list(dict.fromkeys(item.strip() for item in items if item and item.strip()))


def split_list(cell: str | None, separator: str = ",") -> list[str]:
    """The items of a list in one cell; a separator behind a backslash, or in a quoted item, belongs to its item."""
    items = []
    for quoted, plain in _items_of(separator).findall(cell or ""):
        items.append(quoted.replace('""', '"') or plain.replace("\\" + separator, separator))
    return in_order(items)


@cache
def _items_of(separator: str) -> re.Pattern[str]:
    s = re.escape(separator)
    return re.compile(rf'\s*(?:"([^"]*+(?:""[^"]*+)*+)"|((?:\\{s}|[^{s}])*))\s*(?:{s}|$)')


def split_urls(cell: str | None) -> list[str]:
    """The URLs or paths in one cell, with commas between them; a comma within a URL is its own."""
    if cell and "://" in cell:
        return in_order(url.strip(" ,;|") for url in _BETWEEN_URLS.split(" ".join(cell.split())))
    return split_list(cell)


def found_columns(columns: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Of ``names`` those that a file has -> the file's own spelling; case and blanks around it do not count."""
    spelled = {column.strip().casefold(): column for column in reversed(columns)}
    return {name: spelled[name.casefold()] for name in names if name.casefold() in spelled}


#: What a layout calls a column -> what becomes of it, how files spell it: the first that is there counts.
Columns = Mapping[str, tuple[str, ...]]


def every_spelling(columns: Columns) -> tuple[str, ...]:
    """The names that a layout's columns have in files, for ``Layout.names``."""
    return tuple(name for _, *spelled in columns.values() for name in spelled)


class NamedColumns:
    """A file's columns under the layout's names for them. Says in ``file.became`` what becomes of each."""

    def __init__(self, file: SellerFile, columns: Columns):
        found = {name: found_columns(file.table.columns, spelled) for name, (_, *spelled) in columns.items()}
        self.named = {name: next(iter(spelled.values())) for name, spelled in found.items() if spelled}
        file.became.update({column: columns[name][0] for name, column in self.named.items()})

    def cell(self, row: Row, name: str) -> str:
        """The cell of a named column, without blanks around it; "" if the file has no such column."""
        return as_cell(row.get(self.named[name])) if name in self.named else ""
