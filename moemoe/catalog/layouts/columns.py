"""Finds the catalog's columns among a file's, by name."""

import re
from collections.abc import Mapping, Sequence

from moemoe.catalog.formats.table import SHEET
from moemoe.contract.cell_text import without_invisible
from moemoe.errors import CatalogError, ConfigError
from moemoe.names import did_you_mean
from moemoe.schemas import CATALOG

REQUIRED = ("product_id", "product_type", "title", "attributes")
#: Common names of the image's column.
_IMAGES = frozenset(("imageurl", "imagepath", "imagelink", "imagefile", "imagesrc", "imageuri", "mainimage"))
#: Less certain names, used if none of these exists.
_OTHER_IMAGES = re.compile(
    r"img|(?:image|img)(?:url|link|path|file|src|uri)s?|"
    r"(?:main|primary|featured|product|item)(?:image|img)(?:url|link|path|file|src|uri)?s?"
)
#: Columns with lists of images, beside one of a single image.
_LISTS = re.compile(r"(?:product|item|all)?(?:image|img|picture|photo)(?:url|link|path|file|src|uri)s")
#: Common names of the description, the longest text first.
_DESCRIPTIONS = (
    *("longdescription", "fulldescription", "productdescription", "itemdescription", "descriptionhtml"),
    *("htmldescription", "bodyhtml", "shortdescription"),
)
#: pandas' names of index columns, columns without a name, the column of sheet names, and MongoDB's own keys.
INDEXES = re.compile(
    rf"(?:\(\d+\))?|{re.escape(SHEET)}|Unnamed: \d+(?:\.\d+)*|index|level_\d+|__index_level_\d+__|_id(?:\.\$oid)?|__v"
)
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
#: Marks of templates: "Title*", "*title", "#title", "[title]", "title:", "Title (required)", "Features (+)".
_MARKS = re.compile(
    r"^[\s*#]+|"
    r"(?:[\s*:]|\(\+\)|[(\[](?:required|optional|mandatory|recommended|pflichtfeld|obligatoire|obligatorio)[)\]])+$",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\s*\[([^\[\]]*)\]\s*")
_NUMBER = re.compile(r"\d+")


def plain_name(column: str) -> str:
    """A column's name for comparison: equal for "Product ID", "productId", " product_id" and "*Product ID"."""
    return _BETWEEN_WORDS.sub("", unmarked(column).casefold())


def unmarked(column: str) -> str:
    """A column's name without the marks of templates, surrounding blanks and invisible characters."""
    return _MARKS.sub("", _BRACKETS.sub(r"\1", column) if _BRACKETS.fullmatch(column) else without_invisible(column))


def respelled(columns: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Columns of a file -> the name in ``names`` with the same ``plain_name``, for those with another spelling.

    Exports may have been saved again with headers in lower case or with underscores.

    Args:
        names: a layout's own spellings; a number in a name stands for any number.
    """
    by_plain_name = {_NUMBER.sub("1", plain_name(name)): name for name in reversed(names)}
    taken, found = set(columns), {}
    for column in columns:
        name = by_plain_name.get(_NUMBER.sub("1", plain_name(column)))
        number = _NUMBER.search(column)
        if name is not None and number:
            name = _NUMBER.sub(number[0], name)
        if name is not None and name not in taken and column not in names:
            found[column] = name
            taken.add(name)
    return found


def columns_given(given: Sequence[str]) -> dict[str, str]:
    """Parses ``--column NAME=THEIRS``: catalog column -> the seller's column.

    Raises:
        ConfigError: not such a pair, or not a column of the catalog.
    """
    pairs = [one.partition("=") for one in given]
    for one, (name, _, theirs) in zip(given, pairs, strict=True):
        if not theirs:
            raise ConfigError(f"--column {one!r} must be NAME=THEIRS, such as title=Bezeichnung")
        if name not in CATALOG.names:
            raise ConfigError(f"--column {one!r}: a catalog has no column {name!r}{did_you_mean(name, CATALOG.names)}")
    return {name: theirs for name, _, theirs in pairs}


def image_columns(found: Sequence[str]) -> list[str]:
    """The columns whose names may mean the image; at most one of them is used."""
    plain = {column: plain_name(column) for column in found}
    named = [column for column, name in plain.items() if name in _IMAGES]
    return named + [column for column, name in plain.items() if _OTHER_IMAGES.fullmatch(name) and name not in _IMAGES]


def _image_column(found: Sequence[str]) -> str | None:
    """The column whose name means the image, if there is exactly one, and no column ``images``."""
    named = image_columns(found)
    named = [column for column in named if plain_name(column) in _IMAGES] or named
    return named[0] if len(named) == 1 and "images" not in map(plain_name, found) else None


def further_names(found: Sequence[str], sources: Mapping[str, str]) -> dict[str, str]:
    """Catalog column -> the column, for columns found in later rows; earlier assignments are kept."""
    return {name: source for name, source in find_columns("", found, {}, ()).items() if name not in sources}


def find_columns(
    partition: str, found: Sequence[str], names: Mapping[str, str], required: Sequence[str]
) -> dict[str, str]:
    """Catalog column -> the file's column, by the contract's name for it, else by the catalog's own name.

    An exact match comes first, then the only column with the same ``plain_name``. Without ``image`` and ``images``, the
    only column in ``_IMAGES``, or else in ``_OTHER_IMAGES``, is the image; without ``description``, the first of
    ``_DESCRIPTIONS`` is used.

    Args:
        found: the file's columns.
        names: catalog column -> the contract's name for it.
        required: the catalog columns that the file must have.

    Raises:
        CatalogError: a required column, or one that the contract names, is missing.
    """
    sources: dict[str, str] = {}
    for name in CATALOG.names:
        source = named_column(found, [own for own in (names.get(name), name) if own])
        if source is None and not names.get(name):
            source = _column_called_otherwise(name, found, sources)
        if source is not None:
            sources[name] = source
    needed = {*required, *(name for name in names if name not in REQUIRED)}
    if missing := [name for name in CATALOG.names if name in needed and name not in sources]:
        raise CatalogError(f"{partition}: {_what_is_missing(missing, found, names)}")
    return sources


def named_column(found: Sequence[str], names: Sequence[str]) -> str | None:
    """The first column with one of the names, else the only one with the ``plain_name`` of one of them."""
    if exact := next((name for name in names if name in found), None):
        return exact
    alike = ([column for column in found if plain_name(column) == plain_name(name)] for name in names)
    return next((columns[0] for columns in alike if len(columns) == 1), None)


def _column_called_otherwise(name: str, found: Sequence[str], sources: Mapping[str, str]) -> str | None:
    if name == "image":
        return _image_column(found)
    if name == "images":
        return next((c for c in found if _LISTS.fullmatch(plain_name(c)) and c != sources.get("image")), None)
    if name == "description":
        plain = {plain_name(column): column for column in reversed(found)}
        return next((plain[other] for other in _DESCRIPTIONS if other in plain), None)
    return None


def _what_is_missing(missing: Sequence[str], found: Sequence[str], names: Mapping[str, str]) -> str:
    shown = ", ".join(repr(f[:60]) for f in found[:40]) + (", ..." if len(found) > 40 else "")
    asked = [name for name in missing if name != "attributes"] or missing
    as_yaml = ", ".join(f"{name}: THEIR COLUMN" for name in asked)
    text = (
        f"column {names.get(missing[0], missing[0])!r} is missing; the file has {shown or 'none'}; "
        f"if the seller's column has another name, write `columns: {{{as_yaml}}}` in the contract, or "
        f"`--column {asked[0]}='THEIR COLUMN'` of profile and convert"
    )
    if SHEET in found:
        text += f"; the sheets' names are column {SHEET!r}"
    if missing == ["attributes"]:
        text += " (in CSV: one column `attributes.<key>` for each key, or one of JSON objects)"
    return text
