"""Amazon Berkeley Objects: JSON lines with texts in several languages, images by id, quantities in normalized units.

Every product is read in one language, its marketplace's (see ``languages``). A product without a name gets its model's
name, else its first bullet point.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_text, line_text
from moemoe.catalog.layouts.languages import TAGS, in_language, is_tagged, language_of
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.shop_values import Labels, described, each_row, in_order

_BECAME = {
    "item_id": "product_id",
    "domain_name": "product_id",  # an item has a listing in each market
    "country": "marketplace",
    "product_type": "product_type",
    "item_name": "title, in the market's language",
    "bullet_point": "bullet_points, in the market's language",
    "product_description": "description, in the market's language",
    "main_image_id": "image",
    "other_image_id": "image",
}
#: Keys of an entry's label -> suffix of the attribute's name.
_TEXT = {"value": "", "standardized_values": "_standardized"}
UNNAMED = "listings without item_name, whose title is their model_name or first bullet_point"
UNLISTED = "image ids missing from the list of images, left out"
_UNUSED = frozenset(("marketplace", "spin_id", "3dmodel_id", "item_keywords"))
#: Paths of the list of images and of the images, relative to a listing: as unpacked beside each other, or below it.
_IMAGE_LISTS = (
    ("../../images/metadata/images.csv.gz", "../../images/small/"),
    ("../../images/metadata/images.csv", "../../images/small/"),
    ("images/metadata/images.csv.gz", "images/small/"),
    ("images/metadata/images.csv", "images/small/"),
    ("metadata/images.csv.gz", "small/"),
    ("images.csv.gz", "images/small/"),
    ("images.csv", "images/small/"),
)


def fits(file: SellerFile) -> bool:
    """Whether it has ABO's columns of item and name, with languages; or is its list of images."""
    columns = set(file.table.columns)
    if {"item_id", "product_type"} <= columns and {"domain_name", "main_image_id", "node"} & columns:
        return any(is_tagged(nested(value)) for row in file.table.first(20) for value in row.values())
    return file.table.columns == ["image_id", "height", "width", "path"]


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each listing; the list of images has none."""
    if "image_id" in file.table.columns:
        file.became.update(dict.fromkeys(file.table.columns, "images of the listings"))
        return
    file.became.update({c: _BECAME.get(c, ATTRIBUTE) for c in file.table.columns if c not in _UNUSED})
    images = _image_paths(file)
    if images is None:
        missing = "unused: no images/metadata/images.csv.gz beside the file's folder listings/metadata, or below it"
        file.became.update({c: missing for c in ("main_image_id", "other_image_id") if c in file.table.columns})
    yield from each_row(file.filled_rows(), lambda row: _product(row, images, file.counts))


def _product(row: Row, paths: Mapping[str, str] | None, counts: Counter[str]) -> Row:
    """A listing as a product.

    Args:
        paths: image id -> path; None if there is no list of images (already reported).
    """
    row = {key: nested(value) for key, value in row.items()}  # in a table they are JSON or Python texts
    country = str(row.get("country") or "")
    language = language_of(row.get("item_name"), country)
    others = row.get("other_image_id")
    ids = [str(one) for one in (row.get("main_image_id"), *(others if isinstance(others, list) else [others])) if one]
    images = [(paths or {}).get(one) for one in ids]
    counts[UNLISTED] += 0 if paths is None else sum(one not in paths for one in ids)
    body = html_text("\n".join(_texts(row.get("product_description"), language, country)))
    points = [line_text(point) for point in _texts(row.get("bullet_point"), language, country)]
    title = line_text(next(iter(_texts(row.get("item_name"), language, country)), None))
    if title is None:
        models = map(line_text, _texts(row.get("model_name"), language, country))
        title = next((text for text in (*models, *points) if text), None)
        counts[UNNAMED] += title is not None
    labels = Labels()
    for key, value in row.items():
        if key in _BECAME or key in _UNUSED:
            continue
        for name, label in _labels(key, value, language, country):
            labels.add(name, label)
    item, domain = row.get("item_id"), row.get("domain_name")
    return {
        "product_id": f"{item}@{domain}" if item and domain else item,
        "marketplace": country or None,
        "product_type": next(iter(_texts(row.get("product_type"), language, country)), None),
        "title": title,
        **described(body, images, labels),
        "bullet_points": in_order([*points, *body.bullet_points]),
    }


def _texts(value: Any, language: str, country: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    return in_order(str(one["value"]) for one in in_language(value, language, country) if one.get("value") is not None)


def _labels(key: str, value: Any, language: str, country: str) -> Iterator[tuple[str, Any]]:
    """The labels of one field: texts with their standardized values, quantities ("0.3 pounds"), category paths."""
    for one in in_language(list(_entries(value)), language, country):
        if key == "node":
            yield key, one.get("node_name") or one.get("path")
        elif "unit" in one or "normalized_value" in one:
            yield key, _quantity(one)
        elif _TEXT.keys() & one.keys():
            for name, behind in _TEXT.items():
                label = one.get(name)
                within = _labels(key, label, language, country) if isinstance(label, (list, dict)) else [(key, label)]
                yield from ((part + behind, found) for part, found in within)
        else:  # item_dimensions
            for part, within in one.items():
                yield from () if part in TAGS else _labels(f"{key}.{part}", within, language, country)


def _entries(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a list and of nested lists; a plain label (color_code) as an object."""
    if isinstance(value, list):
        for one in value:
            yield from _entries(one)
    else:
        yield value if isinstance(value, dict) else {"value": value}


def _quantity(given: Mapping[str, Any]) -> str | None:
    """A number with its unit, normalized if given."""
    normalized = given.get("normalized_value")
    quantity = normalized if isinstance(normalized, dict) else given
    value, unit = quantity.get("value"), quantity.get("unit")
    return None if value is None else f"{value} {unit or ''}".strip()


def _image_paths(file: SellerFile) -> dict[str, str] | None:
    """Image id -> its path relative to the listing, from the list of images; None if there is no such list."""
    for name, folder in _IMAGE_LISTS:
        table = file.beside(name)
        if table is not None and {"image_id", "path"} <= set(table.columns):
            found = (row for row in table.rows() if not isinstance(row, RowError))
            return {
                str(row["image_id"]): folder + str(row["path"]) for row in found if {"image_id", "path"} <= row.keys()
            }
    return None


LAYOUT = Layout(
    "abo", "Amazon Berkeley Objects' listings", fits, rows, names=(*_BECAME, *_UNUSED, "node", "image_id", "path")
)
