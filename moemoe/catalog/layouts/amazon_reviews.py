"""Item metadata of Amazon Reviews 2023 (McAuley Lab), as JSON lines or Parquet: one item per row."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import HtmlText, html_text, line_text
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.nested_labels import plain_label
from moemoe.catalog.layouts.records import NESTED
from moemoe.catalog.layouts.shop_values import Labels, described, each_row, in_order

_BECAME = {
    "parent_asin": "product_id",
    "title": "title",
    "features": "bullet_points",
    "description": "description",
    "images": "image",
    "categories": f"product_type (the last), {ATTRIBUTE}",
    "main_category": f"{ATTRIBUTE}, product_type if categories are empty",
    "details": ATTRIBUTE,
    "store": ATTRIBUTE,
}
#: Names of an image's sizes, the largest first.
_SIZES = ("hi_res", "large", "thumb")
#: A detail that does not describe the product.
_RANKS = "Best Sellers Rank"


def fits(file: SellerFile) -> bool:
    """Whether it has the item's id, details and main category, unlike the data set's reviews."""
    return {"parent_asin", "details", "main_category"} <= set(file.table.columns)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each item."""
    file.became.update({column: _BECAME[column] for column in file.table.columns if column in _BECAME})
    yield from each_row(file.filled_rows(), lambda row: _product(row, file.counts))


def _product(row: Row, counts: Counter[str]) -> Row:
    categories = _texts(row.get("categories"))
    labels = Labels()
    labels.add("store", row.get("store"))
    labels.add("main_category", row.get("main_category"))
    labels.add("categories", " > ".join(categories))
    for key, given in _details(row.get("details")).items():
        label, odd = plain_label(given) if isinstance(given, dict) else (given, None)
        labels.add(key, label)
        if odd is not None and key != _RANKS:
            counts[f"{NESTED} {key[:60]!r}"] += 1
    bodies = [html_text(text) for text in _texts(row.get("description"))]
    points = [*map(line_text, _texts(row.get("features"))), *(point for body in bodies for point in body.bullet_points)]
    body = HtmlText([line for body in bodies for line in body.paragraphs], in_order(points))
    return {
        "product_id": row.get("parent_asin"),
        "product_type": categories[-1] if categories else row.get("main_category"),
        "title": line_text(row.get("title")),
        **described(body, _images(row.get("images")), labels),
    }


def _details(value: Any) -> dict[str, Any]:
    """The details: an object, or in Parquet and CSV its text."""
    value = nested(value)
    if isinstance(value, str):
        raise RowError("attributes", "attributes are not a map", f"details are not a JSON object: {value[:200]!r}")
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    """The texts of a list, or in CSV of its text; any other text is the only item."""
    value = nested(value)
    found = value if isinstance(value, list) else [value]
    return [text.strip() for text in found if isinstance(text, str) and text.strip()]


def _images(value: Any) -> list[str | None]:
    """The largest size of each image, the main one first.

    Args:
        value: a list of objects, in Parquet an object of lists, or in CSV the text of either.
    """
    value = nested(value)
    if isinstance(value, dict):
        columns = [name for name in (*_SIZES, "variant") if isinstance(value.get(name), list)]
        value = [
            dict(zip(columns, image, strict=False)) for image in zip(*(value[name] for name in columns), strict=False)
        ]
    given = value if isinstance(value, list) else [value]
    found = [
        {_SIZES[0]: image} if isinstance(image, str) else image for image in given if isinstance(image, (str, dict))
    ]
    found.sort(key=lambda image: image.get("variant") != "MAIN")
    return [next((str(image[size]) for size in _SIZES if image.get(size)), None) for image in found]


LAYOUT = Layout("amazon-reviews", "item metadata of Amazon Reviews 2023", fits, rows, names=tuple(_BECAME))
