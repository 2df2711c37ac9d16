"""Products from responses of Akeneo's REST API: values by attribute, each with its locale and channel.

Every product has its own values and those of its models, which are no products. Options are codes; they have labels if
the request asks for them (``with_attribute_options=true``). No attribute is marked as the title: the codes decide.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from moemoe.catalog.apis.values import fields, listed, names, objects, tell
from moemoe.catalog.formats.image_objects import FILE, LINK
from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.layouts.html_text import html_texts, line_text
from moemoe.catalog.layouts.languages import in_language, language_of
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.layouts.nested_labels import with_unit
from moemoe.catalog.layouts.shop_values import Labels, as_cell, described, each_row

_BECAME = {
    "identifier": "product_id",
    "uuid": "product_id if there is no identifier",
    "family": "product_type",
    "categories": f"{ATTRIBUTE}, product_type if there is no family",
    "values": f"{ATTRIBUTE}, title, description, bullet_points, image",
    **dict.fromkeys(("code", "familyvariant"), "marks product models"),
}
_NAMES = ("identifier", "uuid", "code", "family", "family_variant", "categories", "values")
#: Codes of the title, the first that a product has; then any other that may be one.
_TITLES = ("name", "title", "product_name", "label", "item_name", "short_name", "erp_name")
_TITLE = re.compile(r"(?:\w+_)?(?:name|title)")
_NO_TITLE = re.compile(r"(?:meta|brand|supplier|manufacturer|colou?r|designer|file)_.*")
_DESCRIPTION = re.compile(r"(?:\w+_)?description(?:_\w+)?")
_OF_SEARCH = re.compile(r"meta_.*")
_FIRST_IMAGE = re.compile(r"(?:main_?)?(?:image|picture|photo|packshot)s?(?:_?(?:main|0*1))?")
_IDENTIFIER = "pim_catalog_identifier"
MODELS = "product models left out: their variants are the products"
NO_LABELS = "values that are not labels, left out"


def fits(file: SellerFile) -> bool:
    """A family, and values that are lists of objects with data."""
    columns = set(file.table.columns)
    if not {"family", "values"} <= columns or not {"identifier", "uuid", "code"} & columns:
        return False
    return any("data" in one for row in file.table.first(20) for entries in _values(row) for one in objects(entries))


def _values(row: Row) -> list[Any]:
    values = nested(row.get("values"))
    return list(values.values()) if isinstance(values, Mapping) else []


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    """A product for each object except product models, which are counted."""
    tell(file, _BECAME)
    yield from each_row(file.filled_rows(), lambda row: _product(row, file))
    tell(file, _BECAME)


def _product(row: Row, file: SellerFile) -> Row | None:
    given = fields(row)
    if "familyvariant" in given or ("code" in given and not {"identifier", "uuid"} & given.keys()):
        file.counts[MODELS] += 1
        return None
    values = nested(given.get("values", {}))
    if not isinstance(values, Mapping):
        raise RowError("attributes", "attributes are not a map", repr(values)[:200])
    every = {str(code): list(objects(entries)) for code, entries in values.items()}
    title, language = _title_and_language(every)
    own = {code: _chosen(entries, language) for code, entries in every.items()}
    images = {code: found for code, entries in own.items() if (found := list(chain(*map(_paths, entries))))}
    first = sorted(images, key=lambda code: not _FIRST_IMAGE.fullmatch(code))
    bodies = [code for code in own if _DESCRIPTION.fullmatch(code) and not _OF_SEARCH.fullmatch(code)]
    body = html_texts(*chain(*(_texts(own[code]) for code in bodies)))
    labels = Labels()
    for code, entries in own.items():
        if code not in (title, *bodies, *images) and not _OF_SEARCH.fullmatch(code):
            labels.add(code, list(chain(*(_labels(one, language, file) for one in entries))))
    categories = names(given.get("categories"))
    labels.add("categories", categories)
    marked = [one for entries in own.values() for one in entries if one.get("attributetype") == _IDENTIFIER]
    own_id = as_cell(given.get("identifier")) or next(iter(_texts(marked)), "") or as_cell(given.get("uuid"))
    return {
        "product_id": own_id or None,
        "product_type": as_cell(given.get("family")) or next(iter(categories), None),
        "title": line_text(next(iter(_texts(own.get(title, []))), None)),
        **described(body, chain(*(images[code] for code in first)), labels),
    }


def _title_and_language(every: Mapping[str, list[dict[str, Any]]]) -> tuple[str, str]:
    """The code of the title, "" if there is none, and the product's language: the title's, else any value's."""
    title = next((code for code in _TITLES if every.get(code)), None) or next(filter(_is_title, every), "")
    with_locale = [one for entries in every.values() for one in entries if one.get("locale")]
    return title, language_of(every.get(title), "") or language_of(with_locale, "")


def _texts(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    return [as_cell(one.get("data")) for one in entries]


def _is_title(code: str) -> bool:
    return _TITLE.fullmatch(code) is not None and _NO_TITLE.fullmatch(code) is None


def _chosen(entries: list[dict[str, Any]], language: str) -> list[dict[str, Any]]:
    """The entries in one language, of several channels those of the first."""
    found = [one for one in in_language(entries, language, "") if "data" in one]
    channel = next((one["scope"] for one in found if "scope" in one), None)
    return [one for one in found if one.get("scope") in (None, channel)]


def _paths(entry: Mapping[str, Any]) -> list[str]:
    """The image of a value, a file below the catalog's folder; or those behind the links of an asset collection."""
    linked = entry.get("linkeddata")
    shared = (
        [next(objects(fields(one).get("sharelinks")), {}) for one in linked.values()]
        if isinstance(linked, Mapping)
        else []
    )
    links = [as_cell(fields(fields(one.get("links")).get("self")).get("href")) for one in shared]
    data = as_cell(entry.get("data"))
    return [link for link in links if LINK.fullmatch(link)] or ([data] if FILE.fullmatch(data) else [])


def _labels(entry: Mapping[str, Any], language: str, file: SellerFile) -> list[Any]:
    """The labels of a value: its options' labels if there are some, a number with its unit."""
    data, linked = entry["data"], entry.get("linkeddata")
    linked = linked if isinstance(linked, Mapping) else {}
    if entry.get("attributetype") == _IDENTIFIER:
        return []
    if isinstance(data, Mapping) and "amount" in data and "unit" in data:
        return [with_unit(data["amount"], as_cell(data["unit"]).replace("_", " ").casefold())]
    parts = listed(data)
    if any(isinstance(one, (Mapping, list)) for one in parts):
        file.counts[NO_LABELS] += not all("currency" in fields(one) for one in parts)  # prices
        return []
    options = [linked.get(str(one), linked) if isinstance(data, list) else linked for one in parts]
    return [_named(option, language) or one for option, one in zip(options, parts, strict=True)]


def _named(option: Any, language: str) -> str:
    """The label of an option in a language; "" if it has none."""
    labels = fields(option).get("labels")
    entries = [{"locale": tag, "data": text} for tag, text in labels.items()] if isinstance(labels, Mapping) else []
    return next((as_cell(one["data"]) for one in in_language(entries, language, "")), "")


LAYOUT = Layout("akeneo-api", "a response of Akeneo's REST API", fits, rows, names=_NAMES)
