"""Variants listed within their product: ``[{"sku": "1-S", "size": "S"}, {"sku": "1-M", "size": "M"}]``.

As in the layouts of shops, the product has the labels of all its variants, and their images behind its own.
"""

import contextlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.layouts import records
from moemoe.catalog.layouts.columns import plain_name
from moemoe.catalog.layouts.layout import ATTRIBUTE
from moemoe.catalog.layouts.listed_columns import add_listed
from moemoe.catalog.layouts.nested_labels import plain_label, with_unit
from moemoe.catalog.layouts.shop_values import Labels
from moemoe.schemas import CATALOG

BECAME = f"{ATTRIBUTE}, images (of variants)"
#: Plain names of such columns; the second is schema.org's.
_COLUMN = re.compile(r"(?:product|item)?(?:variants|variations|skus)|hasvariant")
#: Fields of a variant that hold labels under names of their own.
_OF_PAIRS = re.compile(r"(?:selected|variant)?(?:attribute|option|specification|propertie|optionvalue|attributevalue)s")
_IMAGE = re.compile(r"(?:image|img|picture|photo)s?|thumbnail|media")
#: Words in the names of fields that do not describe a variant: ids, offers, addresses, dates.
_OF_SHOP = re.compile(
    r"ids?|skus?|gtin|ean|upc|isbn|asin|barcode|mpn|prices?|msrp|cost|currency|stock|inventory|quantity|qty|units?|"
    r"url|link|href|handle|slug|created|updated|published|tax|taxable|shipping|fulfillment|discount"
)
#: Plain names of other such fields.
_OTHERS = re.compile(
    rf"{'|'.join(map(plain_name, CATALOG.names))}|(?:variant|display)?(?:name|title)|availab(?:le|ility)|position|"
    r"sortorder|enabled|active|status|(?:is)?default"
)
_NEXT_WORD = re.compile(r"(?<=[a-z\d])(?=[A-Z])|[\s_-]+")


def variant_columns(columns: Iterable[str]) -> list[str]:
    """The columns that may list variants."""
    return [column for column in columns if _COLUMN.fullmatch(plain_name(column))]


def add_variants(row: dict[str, Any], cell: Any) -> bool:
    """Adds labels and images of the variants in a cell to a product with the catalog's columns.

    Returns:
        whether the cell lists objects; else the product is unchanged.

    Raises:
        RowError: the product's own attributes are neither a map nor pairs.
    """
    variants = nested(cell)
    if not isinstance(variants, list) or not variants or not all(isinstance(one, Mapping) for one in variants):
        return False
    labels, images = Labels(), list[Any]()
    for one in variants:
        units = {plain_name(name): value for name, value in one.items()}
        for name, value in one.items():
            with contextlib.suppress(RowError):  # a field of another form is no label
                if any(map(_IMAGE.fullmatch, _words(name))):
                    images += records.images(value if isinstance(value, (list, str)) else [value])
                for key, label in _labels(name, value, units):
                    labels.add(key, label)
    given = records.pairs(row.get("attributes") or "")
    row["attributes"] = [*given, *(pair for pair in labels.pairs().items() if pair not in given)]
    add_listed(row, {BECAME: images or None}, {"images": [BECAME]})
    return True


def _words(name: str) -> list[str]:
    return [word.casefold() for word in _NEXT_WORD.split(name)]


def _labels(name: str, value: Any, units: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Names and labels in a field of a variant.

    Args:
        units: the variant's fields by plain name; that of "weight_unit" is the unit of "weight".

    Raises:
        RowError: attributes that are neither a map nor pairs.
    """
    plain = plain_name(name)
    if _OF_PAIRS.fullmatch(plain):
        return records.attributes(value, Counter())
    is_label = not any(_OF_SHOP.fullmatch(word) or _IMAGE.fullmatch(word) for word in _words(name))
    label = with_unit(plain_label(value)[0], units.get(f"{plain}unit"))
    return [(name, label)] if is_label and not _OTHERS.fullmatch(plain) else []
