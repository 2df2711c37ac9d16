"""Flat tables: the catalog's columns under their own or the contract's names; each further column is an attribute."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import GridTable, Row
from moemoe.catalog.layouts import long_form, records
from moemoe.catalog.layouts.columns import (
    INDEXES,
    REQUIRED,
    find_columns,
    further_names,
    image_columns,
    named_column,
    plain_name,
    unmarked,
)
from moemoe.catalog.layouts.languages import has_languages
from moemoe.catalog.layouts.layout import ALL, ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.listed_columns import UNCLEAR_IMAGE, add_listed, listed_columns, pictured_columns
from moemoe.catalog.layouts.nested_labels import plain_label, with_unit
from moemoe.catalog.layouts.shop_values import as_cell, split_list
from moemoe.catalog.layouts.variants import BECAME, add_variants, variant_columns
from moemoe.errors import CatalogError

#: Plain names of numbered columns of an attribute's name or value: "Attribute 1 name", "spec_value_2". Columns with
#: equal names become "spec value (2)" here, and "spec value.1" in pandas.
_NUMBERED = re.compile(
    r"(?P<word>attr(?:ibute)?|spec(?:ification)?|property|feature|(?:product)?option|param(?:eter)?|characteristic|"
    r"customfield|additionalinfo)s?(?P<before>\d*)(?P<part>name|key|label|title|value\(?s?\)?|description|unit)"
    r"(?P<behind>\d*|\(\d+\)|\.\d+)"
)
#: The same with only a number after the word: "Attribute 1", "Value 1" and "Unit 1".
_BARE = re.compile(
    r"(?:(?P<word>attr(?:ibute)?|spec(?:ification)?|property|feature|option|param(?:eter)?|characteristic)|"
    r"(?P<part>value|unit))(?P<number>\d+)"
)
#: Words of such columns in other languages (regular expressions) -> ours, longer ones first: prom.ua's, Rakuten's, ...
_TRANSLATED = {
    "названиехарактеристики": "attributename",
    "значениехарактеристики": "attributevalue",
    "измерениехарактеристики": "attributeunit",
    **dict.fromkeys(("商品属性", "属性", "attribut(?!e)", "merkmal", "eigenschaft"), "attribute"),
    **{"項目": "name", "名称": "name", "名": "name", "値": "value", "值": "value", "単位": "unit", "单位": "unit"},
    **{"wert": "value", "einheit": "unit", "bezeichnung": "name"},
}
_WORDS = re.compile("|".join(_TRANSLATED))
#: A word in parentheses, as in 商品属性（項目）1.
_IN_BRACKETS = re.compile(r"\(([^\W\d]+)\)")
_PARTS = {"name": "name", "key": "name", "label": "name", "title": "name", "unit": "unit"}
#: Columns whose cells name several attributes: ``{"Fabric": "Cotton"}``, ``[{"name": "Fabric", "value": "Cotton"}]``.
_OF_PAIRS = re.compile(
    r"(?:product|technical|item|article|additional|other)?"
    r"(?:spec|specification|detail|propert(?:y|ie)|characteristic|feature|param|parameter|attr(?:ibute)?)s?"
)
#: Internal product kinds of WooCommerce, Magento and Squarespace, and kinds that may occur beside these.
_KINDS = frozenset(("simple", "variable", "variation", "grouped", "configurable", "physical"))
_FURTHER_KINDS = frozenset(("external", "bundle", "virtual", "downloadable", "digital", "service"))
_UNIT = re.compile(r"(.+?)(?:units?|uom|unitofmeasure(?:ment)?)")
_NUMBER = re.compile(r"(?<=.)(?:value|measure(?:ment)?|amount|magnitude)$")
_BRACKETS = str.maketrans("", "", "()[].")
LEFT_OUT = "objects and bytes that are not labels, left out of column"


def further_columns(file: SellerFile) -> list[str]:
    """The attribute columns of a flat table: those that the contract lists, else all columns without another use.

    Raises:
        CatalogError: a required or listed column is missing, or no column is left, unless attributes are optional and
            the file has further images or bullet points.
    """
    table, listed = file.table, file.names.get("attributes", ALL)
    others = [name for name in file.required if name != "attributes"]
    taken = set(find_columns(table.partition, table.columns, file.plain_names(), others).values())
    further = listed_columns(table.columns) if isinstance(listed, str) else {}
    taken.update(column for columns in further.values() for column in columns)
    taken.update(image_columns(table.columns) if isinstance(listed, str) else ())
    left = [column for column in table.columns if column not in taken and not INDEXES.fullmatch(column.strip())]
    if not isinstance(listed, str):
        left = [_column(table.partition, left, name) for name in listed]
    if not left and ("attributes" in file.required or not further):
        raise CatalogError(f"{table.partition} has no attribute column; its columns are {', '.join(table.columns)}")
    return left


def _column(partition: str, columns: Sequence[str], name: str) -> str:
    found = named_column(columns, [name])
    if found is None:
        raise CatalogError(
            f"{partition}: column {name!r}, which the contract lists under columns: attributes, is missing; the file "
            f"has {', '.join(map(repr, columns[:40]))}"
        )
    return found


def numbered_columns(columns: Sequence[str]) -> list[dict[str, str]]:
    """For each numbered attribute: "name", "value" and perhaps "unit" -> the column."""
    found: dict[tuple[str, str], dict[str, str]] = {}  # by the beginning of the word, equal for attr and attribute
    bare: dict[str, dict[str, str]] = {"value": {}, "unit": {}}
    for column in columns:
        name = _IN_BRACKETS.sub(r"\1", unicodedata.normalize("NFKC", plain_name(column)))
        name = _WORDS.sub(lambda word: _TRANSLATED.get(word[0], "attribute"), name)  # "attribut" is no key
        if match := _NUMBERED.fullmatch(name):
            key = match["word"][:4], match["before"] or match["behind"]
            found.setdefault(key, {}).setdefault(_PARTS.get(match["part"], "value"), column)
        elif match := _BARE.fullmatch(name):
            word, number = match["word"], match["number"]
            parts, part = (found.setdefault((word[:4], number), {}), "name") if word else (bare[match["part"]], number)
            parts.setdefault(part, column)
    for (_, number), parts in found.items():
        if number in bare["value"] and parts.keys() == {"name"}:
            parts["value"] = bare["value"].pop(number)
        if number in bare["unit"] and "unit" not in parts and {"name", "value"} <= parts.keys():
            parts["unit"] = bare["unit"].pop(number)
    if not any(number.startswith(("(", ".")) for _, number in found):
        found = {key: parts for key, parts in found.items() if key[1]}
    return [parts for parts in found.values() if {"name", "value"} <= parts.keys()]


def fits(file: SellerFile) -> bool:
    """Whether it has product id, type and title, further columns, and no column ``attributes``."""
    columns = [unmarked(column).casefold() for column in file.table.columns]
    own = str(file.plain_names().get("attributes", "attributes")).casefold()
    if any(c == own or (c.startswith(f"{own}.") and isinstance(file.table, GridTable)) for c in columns):
        return False
    if "attributes" not in file.names and long_form.fits(file):
        return False
    try:
        wanted = [name for name in REQUIRED if name != "attributes"]
        find_columns(file.table.partition, file.table.columns, file.plain_names(), wanted)
        further_columns(file)
    except CatalogError:
        return False
    return True


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """The rows; the column names are the raw keys."""
    (keys, sources), known = _columns(file), len(file.table.columns)
    is_listed = not isinstance(file.names.get("attributes", ALL), str)
    numbered = [] if is_listed else numbered_columns(keys)
    file.became.update({one[part]: f"{ATTRIBUTE} (its {part})" for one in numbered for part in one})
    keys = [key for key in keys if not any(key in one.values() for one in numbered)]
    further, pictured = _further(file, sources, keys, {}), dict[str, str]()
    if not is_listed:
        has_image = bool(sources.keys() & {"image", "images"}) or "images" in further
        pictured = pictured_columns(keys, file.table.first(50), has_image)
        file.became.update(pictured)
    keys = [key for key in keys if key not in pictured]
    further = _further(file, sources, keys, pictured)
    spelled = file.table.spelled() if isinstance(file.table, GridTable) else {}
    units = _unit_columns(file.table.columns)
    file.became.update({unit: f"{ATTRIBUTE} (the unit of a number)" for key, unit in units.items() if key in keys})
    keys = [key for key in keys if is_listed or key not in units.values()]
    variants = [] if is_listed else variant_columns(keys)
    file.became.update(dict.fromkeys(variants, BECAME))
    begin = f"{file.plain_names().get('attributes', 'attributes')}."  # as pandas flattens JSON
    for row in file.table.filled_rows():
        if isinstance(row, RowError):
            yield row
            continue
        if late := file.table.columns[known:]:
            named, known = further_names(late, sources), known + len(late)
            sources |= named
            further = _further(file, sources, keys, pictured)
            if not is_listed:
                others = {*named.values(), *image_columns(late), *(c for columns in further.values() for c in columns)}
                keys += [c for c in late if c not in others and not INDEXES.fullmatch(c.strip())]
            file.became.update({source: name for name, source in named.items()} | dict.fromkeys(keys, ATTRIBUTE))
            variants = [] if is_listed else variant_columns(keys)
            file.became.update(dict.fromkeys(variants, BECAME))
        found: dict[str, Any] = {name: row.get(source) for name, source in sources.items()}
        add_listed(found, row, further)
        found["attributes"] = []
        for key in keys:
            if key in variants and add_variants(found, row.get(key)):
                continue
            if (pairs := _pairs(row.get(key), file, key)) is not None:
                found["attributes"] += pairs
            elif (label := _label(row.get(key), file, key)) is not None:
                label = with_unit(label, row.get(units[key])) if key in units else label
                found["attributes"].append((spelled.get(key, key).strip().removeprefix(begin), label))
        found["attributes"] += _numbered_labels(row, file, numbered)
        yield found


def _numbered_labels(row: Row, file: SellerFile, numbered: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, Any]]:
    """Name and label from each of a row's ``numbered_columns`` with both."""
    for one in numbered:
        name, label = row.get(one["name"]), _label(row.get(one["value"]), file, one["value"])
        if name is not None and label is not None:
            yield name, with_unit(label, row.get(one["unit"]) if "unit" in one else None)
        file.counts[long_form.UNNAMED] += name is None and label is not None


def _columns(file: SellerFile) -> tuple[list[str], dict[str, str]]:
    """The attribute columns; catalog column -> the file's. Records both in ``file.became``."""
    keys = further_columns(file)
    needed = [name for name in file.required if name != "attributes"]
    sources = find_columns(file.table.partition, file.table.columns, file.plain_names(), needed)
    sources = {name: source for name, source in sources.items() if source not in keys}
    if "product_type" in sources and "product_type" not in file.names:
        _check_product_types(file, sources["product_type"])
    unclear = [] if sources.keys() & {"image", "images"} else image_columns(file.table.columns)
    file.became.update(dict.fromkeys(unclear, UNCLEAR_IMAGE))
    file.became.update({source: name for name, source in sources.items()})
    file.became.update(dict.fromkeys(keys, ATTRIBUTE))
    return keys, sources


def _unit_columns(columns: Sequence[str]) -> dict[str, str]:
    """Columns of numbers -> the columns of their units: "weight" and "weight_unit", or "width - measure" and
    "width - unit".
    """
    plain = {column: plain_name(column).translate(_BRACKETS) for column in columns}
    units = {match[1]: column for column, name in plain.items() if (match := _UNIT.fullmatch(name))}
    found = {column: units.get(name, units.get(_NUMBER.sub("", name))) for column, name in plain.items()}
    return {column: unit for column, unit in found.items() if unit is not None and unit != column}


def _check_product_types(file: SellerFile, column: str) -> None:
    """Raises CatalogError if all product types are a shop's internal kinds."""
    cells = (as_cell(row.get(column)) for row in file.table.first(50))
    found = dict.fromkeys(cell for cell in cells if cell)
    kinds = {kind for cell in found for kind in split_list(cell.casefold())}
    if kinds & _KINDS and kinds <= _KINDS | _FURTHER_KINDS:
        raise CatalogError(
            f"{file.table.partition}: column {column!r} has a shop's internal kinds "
            f"({', '.join(map(repr, list(found)[:3]))}), not product types; `--column product_type='THEIR COLUMN'` of "
            "profile and convert, or `columns:` in the contract, says which column has product types"
        )


def _further(
    file: SellerFile,
    sources: Mapping[str, str],
    keys: Sequence[str],
    pictured: Mapping[str, str],
) -> dict[str, list[str]]:
    """The columns of images or bullet points without another use. Records them in ``file.became``."""
    taken, columns = {*sources.values(), *keys, *pictured}, file.table.columns
    found = listed_columns(column for column in columns if column not in taken)
    if own := [column for column, became in pictured.items() if became == "images"]:
        found["images"] = sorted([*found.get("images", ()), *own], key=columns.index)
    file.became.update({column: name for name, columns in found.items() for column in columns})
    return found


def _pairs(value: Any, file: SellerFile, column: str) -> list[tuple[str, Any]] | None:
    """The attributes named in a cell of such a column; None if it names none, like a plain label."""
    if value is None or isinstance(value, bytes) or not _OF_PAIRS.fullmatch(plain_name(column)):
        return None
    given, counts = nested(value), Counter[str]()
    if (
        not given
        or not isinstance(given, (str, dict, list))
        or (isinstance(given, dict) and not plain_label(given)[1] and not records.is_pair(given))
    ):
        return None
    try:
        pairs = records.attributes(given, counts)
    except RowError:
        return None
    is_text = isinstance(given, str) or isinstance(given[0] if isinstance(given, list) else given, str)
    if is_text and len(pairs) < 2:  # "Note: wash cold"
        return None
    file.counts.update(counts)
    return [(key, label) for key, label in pairs if label is not None]


def _label(value: Any, file: SellerFile, column: str) -> Any:
    """A value as a label; None if it is missing, or not a label, which is counted.

    A label in several languages is returned whole; the language is chosen later.
    """
    if has_languages(value):
        return value
    if isinstance(value, bytes) and not _is_text(value):
        label, is_odd = None, True
    elif isinstance(value, (dict, list)):
        label, odd = plain_label(value)
        is_odd = odd is not None
    else:
        return value
    if is_odd:
        file.counts[f"{LEFT_OUT} {column[:60]!r}"] += 1
    return label


def _is_text(value: bytes) -> bool:
    """Whether bytes are text, as Impala and older Parquet writers store it."""
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


LAYOUT = Layout("flat", "a table whose further columns are the attributes", fits, rows)
