"""Flipkart's crawl (PromptCloud's sample on Kaggle): lists as JSON, specifications as a printed Ruby hash."""

import json
import re
from collections.abc import Iterator
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, each_row

_BECAME = {
    "uniq_id": "product_id",
    "product_name": "title",
    "product_category_tree": f"product_type, {ATTRIBUTE}",
    "description": "description",
    "image": "image",
    "brand": ATTRIBUTE,
    "product_specifications": ATTRIBUTE,
}
#: A string (an unclosed one extends to the end), or Ruby syntax that differs from JSON.
_RUBY = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?$)|=>|\bnil\b', re.DOTALL)
_ESCAPE = re.compile(r"\\(u\{[0-9a-fA-F]{1,6}\}|.)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")


def fits(file: SellerFile) -> bool:
    """Whether it has Flipkart's columns of the category tree and the specifications."""
    return {"uniq_id", "product_category_tree", "product_specifications"} <= set(file.table.columns)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each row; a RowError if its specifications cannot be read."""
    file.became.update({column: _BECAME[column] for column in file.table.columns if column in _BECAME})
    yield from each_row(file.filled_rows(), _product)


def _product(row: Row) -> Row:
    title, brand = line_text(row.get("product_name")), as_cell(row.get("brand"))
    tree = [name.strip() for name in " >> ".join(_list(row.get("product_category_tree"))).split(">>") if name.strip()]
    labels = Labels()
    labels.add("brand", brand)
    labels.add("product_category_tree", " > ".join(tree))
    for key, label in _specifications(row.get("product_specifications")):
        labels.add(key, label)
    body = html_text(row.get("description"))
    return {
        "product_id": row.get("uniq_id"),
        "product_type": _product_type(tree, title or "", brand),
        "title": title,
        **described(body, _list(row.get("image")), labels),
    }


def _product_type(tree: list[str], title: str, brand: str) -> str | None:
    """The last category; after it the tree often has the brand, the type, and the title, whole or truncated."""
    for name in reversed(tree):
        as_compared = name.casefold().removesuffix("...").rstrip()
        is_title = name is tree[-1] and bool(title) and title.casefold().startswith(as_compared)
        is_brand = bool(brand) and f"{as_compared} ".startswith(f"{brand.casefold()} ")
        if not (is_title or is_brand):
            return name
    return None


def _list(cell: Any) -> list[str]:
    """The texts of a list; any other text is the only item."""
    text = as_cell(cell)
    if text == "nil":  # Ruby's null
        return []
    found = nested(text)
    if isinstance(found, str) and text.startswith("["):
        found = text.strip("[]\"' ")
    return [str(one) for one in (found if isinstance(found, list) else [found]) if one]


def _specifications(cell: Any) -> Iterator[tuple[str, str]]:
    """Key and value of each specification; those without a key get the column's name."""
    if not as_cell(cell):
        return
    found = _parse_ruby(as_cell(cell))
    listed = found.get("product_specification") if isinstance(found, dict) else None
    for one in listed if isinstance(listed, list) else [listed]:
        if isinstance(one, dict) and one.get("value") is not None:
            yield str(one.get("key") or "product_specifications"), str(one["value"])


def _parse_ruby(text: str) -> Any:
    """Parses a hash printed by Ruby, ``{"a"=>[1, nil]}``, or by Python, if the file was processed with it.

    Raises:
        RowError: it is not a hash, or is truncated.
    """
    try:
        return json.loads(_RUBY.sub(_as_json, text))
    except (ValueError, RecursionError) as error:
        if isinstance(found := nested(text), dict):
            return found
        detail = f"product_specifications are not a Ruby hash: {text[:200]!r}"
        raise RowError("attributes", "attributes are not a map", detail) from error


def _as_json(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] != '"':
        return ":" if text == "=>" else "null"
    return _CONTROL.sub(lambda control: f"\\u{ord(control[0]):04x}", _ESCAPE.sub(_as_json_escape, text))


def _as_json_escape(found: re.Match[str]) -> str:
    escape = found[1]
    if escape.startswith("u{"):
        return chr(min(int(escape[2:-1], 16), 0x10FFFF))
    return found[0] if escape in '"\\/bfnrtu' else escape  # Ruby also writes \\# and \\e


LAYOUT = Layout("flipkart", "Flipkart's crawl with specifications as Ruby hashes", fits, rows, names=tuple(_BECAME))
