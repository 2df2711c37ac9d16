"""Long form: a row for each attribute of a product, with the attribute's name and value in two columns.

``pandas.melt`` and key-value databases write this form; ImplicitAVE and other research data sets use it. The rows of a
product need not be adjacent.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.columns import find_columns, plain_name
from moemoe.catalog.layouts.joined import joined
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.listed_columns import add_listed, listed_in
from moemoe.catalog.layouts.nested_labels import with_unit
from moemoe.errors import CatalogError

#: Plain names of the columns of the attribute's name and value, with two words: "Spec Name".
_NAME = re.compile(
    r"(attr|attribute|spec|specification|property|feature|param|parameter|characteristic|option)s?"
    r"(?:name|key|label)s?"
)
_VALUE = "{}s?values?"
#: Other pairs of plain names.
PAIRS = (
    ("attribute", "value"),
    ("attribute", "attributevalue"),
    ("key", "value"),
    ("variable", "value"),
    ("property", "value"),
    ("property", "propertyvalue"),
    *(("feature", "value"), ("specification", "value"), ("characteristic", "value")),
    *(("merkmal", "wert"), ("eigenschaft", "wert"), ("attribut", "wert"), ("attribut", "valeur")),
    *(("caractéristique", "valeur"), ("atributo", "valor"), ("característica", "valor"), ("attributo", "valore")),
)
#: Plain names of the column with the unit of a number.
UNITS = re.compile(r"(?:(?:attribute|value|property|spec|specification|feature)?(?:units?|uom|unitofmeasure)|einheit)")
#: Other names of the catalog's columns in such tables, as plain names.
OTHER_NAMES = {
    "product_id": ("id", "sku", "asin", "itemid"),
    "product_type": ("category", "type"),
    "title": ("texts", "text", "name", "productname"),
    "image": ("imagepath", "imageurl"),
}
#: Suffixes of a second column with the same name, here and in pandas: flat tables have a pair per label.
_AGAIN = ("(2)", ".1")
_NEEDED = ("product_id", "product_type", "title")
#: ImplicitAVE puts this before each title.
_TITLE = "[Title]"
#: Values that a later row of the product may replace.
_BLANK: tuple[Any, ...] = (None, "", [])
DISAGREE = "rows that differ from their product's first row in the title, product type or another column"
#: A file with at most this many rows is joined in memory.
ROWS_IN_MEMORY = 200_000
UNNAMED = "attribute values without a name, left out"


def _columns(file: SellerFile) -> tuple[dict[str, str], str, str] | None:
    """The catalog's columns, and the columns of attribute names and values; None if the table has another form."""
    columns = {plain_name(column): column for column in reversed(file.table.columns)}
    pair = _pair(columns)
    if pair is None or any(f"{plain_name(pair[0])}{again}" in columns for again in _AGAIN):
        return None
    named = file.plain_names()
    for name, others in OTHER_NAMES.items():
        if name not in named and plain_name(name) not in columns:
            other = next((columns[other] for other in others if other in columns), None)
            named |= {name: other} if other else {}
    left = [column for column in file.table.columns if column not in pair]
    named.pop("attributes", None)
    try:
        return find_columns(file.table.partition, left, named, _NEEDED), *pair
    except CatalogError:
        return None


def _pair(columns: Mapping[str, str]) -> tuple[str, str] | None:
    """The columns of attribute names and values; None if there is no such pair, or several."""
    two = [
        (column, columns[value])
        for name, column in columns.items()
        if (word := _NAME.fullmatch(name))
        for value in columns
        if re.fullmatch(_VALUE.format(word[1]), value)
    ]
    plain = ((columns[name], columns[value]) for name, value in PAIRS if name in columns and value in columns)
    return two[0] if len(two) == 1 else next(plain, None)


def fits(file: SellerFile) -> bool:
    """Whether it has columns of attribute name and value, product id, product type and title, and no ``attributes``."""
    found = _columns(file)
    is_bulk = "__parentId" in file.table.columns  # the metafields of Shopify's bulk export have key and value too
    return found is not None and not is_bulk and "attributes" not in found[0]


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each id: in a small file in the order of their first rows, else by a hash of the id."""
    found = _columns(file)
    if found is None:
        raise CatalogError(
            f"{file.table.partition} is not in long form: it needs columns such as attribute_name and attribute_value, "
            f"product_id, product_type and title; it has {', '.join(map(repr, file.table.columns[:40]))}"
        )
    sources, key, value = found
    file.became.update({source: name for name, source in sources.items()})
    file.became.update({key: f"{ATTRIBUTE} (its name)", value: f"{ATTRIBUTE} (its value)"})
    units = [column for column in file.table.columns if UNITS.fullmatch(plain_name(column))]
    unit = max(units, key=lambda column: len(plain_name(column)), default=None)  # the attribute's own
    if unit:
        file.became[unit] = f"{ATTRIBUTE} (the unit of a number)"

    further = listed_in(file, sources, {key, value, *([unit] if unit else ())})

    def one_attribute() -> Iterator[Row | RowError]:
        for row in file.table.filled_rows():
            if isinstance(row, RowError):
                yield row
                continue
            one = {name: row.get(source) for name, source in sources.items()}
            if isinstance(title := one.get("title"), str):
                one["title"] = title.removeprefix(_TITLE).lstrip()
            pair = row.get(key), with_unit(row.get(value), row.get(unit) if unit else None)
            if pair[0] in _BLANK and pair[1] not in _BLANK:
                file.counts[UNNAMED] += 1
            add_listed(one, row, further)
            yield {**one, "attributes": [] if pair[0] in _BLANK else [pair]}

    yield from joined(one_attribute(), _id, lambda rows: _products(rows, file), ROWS_IN_MEMORY)


def _products(rows: Iterator[Row | RowError], file: SellerFile) -> Iterator[Row | RowError]:
    products: dict[str, Row] = {}
    for row in rows:
        if isinstance(row, RowError) or not _id(row):
            yield row
        elif (product := products.setdefault(_id(row), row)) is not row:
            product["attributes"].extend(row["attributes"])
            others = {name: value for name, value in row.items() if name != "attributes" and value not in _BLANK}
            if any(product.get(name) not in (value, *_BLANK) for name, value in others.items()):
                file.counts[DISAGREE] += 1
            product.update({name: value for name, value in others.items() if product.get(name) in _BLANK})
    yield from products.values()


def _id(row: Row) -> str:
    value = row.get("product_id")
    return "" if value is None else str(value).strip()


LAYOUT = Layout("long", "in long form, a row for each attribute of a product", fits, rows)
