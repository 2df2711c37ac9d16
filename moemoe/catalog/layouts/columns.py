"""Which of a file's columns are the catalog's, by name."""

import re
from collections.abc import Mapping, Sequence

from moemoe.catalog.formats.table import SHEET
from moemoe.contract.cell_text import without_invisible
from moemoe.errors import CatalogError, ConfigError
from moemoe.names import did_you_mean
from moemoe.schemas import CATALOG

REQUIRED = ("product_id", "product_type", "title", "attributes")
#: What others call the column of the image.
_IMAGES = frozenset(("imageurl", "imagepath", "imagelink", "imagefile", "imagesrc", "imageuri", "mainimage"))
#: What it is called where none of these is there.
_OTHER_IMAGES = re.compile(
    r"img|(?:image|img)(?:url|link|path|file|src|uri)s?|"
    r"(?:main|primary|featured|product|item)(?:image|img)(?:url|link|path|file|src|uri)?s?"
)
#: Those that are lists, beside one of a single image.
_LISTS = re.compile(r"(?:product|item|all)?(?:image|img|picture|photo)(?:url|link|path|file|src|uri)s")
#: What others call the description, the longest text first.
_DESCRIPTIONS = (
    *("longdescription", "fulldescription", "productdescription", "itemdescription", "descriptionhtml"),
    *("htmldescription", "bodyhtml", "shortdescription"),
)
#: What pandas calls the indexes that it wrote as columns, columns without a name, however many, that of sheets, and
#: MongoDB's own keys.
INDEXES = re.compile(
    rf"(?:\(\d+\))?|{re.escape(SHEET)}|Unnamed: \d+(?:\.\d+)*|index|level_\d+|__index_level_\d+__|_id(?:\.\$oid)?|__v"
)
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
#: How templates mark columns: "Title*", "*title", "#title", "[title]", "title:", "Title (required)", "Features (+)".
_MARKS = re.compile(
    r"^[\s*#]+|"
    r"(?:[\s*:]|\(\+\)|[(\[](?:required|optional|mandatory|recommended|pflichtfeld|obligatoire|obligatorio)[)\]])+$",
    re.IGNORECASE,
)
_BRACKETS = re.compile(r"\s*\[([^\[\]]*)\]\s*")
_NUMBER = re.compile(r"\d+")


def plain_name(column: str) -> str:
    """A column's name as two are compared: "Product ID", "productId", " product_id" and "*Product ID" are one."""
    return _BETWEEN_WORDS.sub("", unmarked(column).casefold())


def unmarked(column: str) -> str:
    """A column's name without the marks of templates, blanks around it and what nobody sees."""
    return _MARKS.sub("", _BRACKETS.sub(r"\1", column) if _BRACKETS.fullmatch(column) else without_invisible(column))


def respelled(columns: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Columns of a file -> the name in ``names`` that is the same ``plain_name``, for those that are spelled otherwise.

    People save an export again with its headers in lower case, or with underscores.

    Args:
        names: a layout's own spellings; a number in one stands for any.
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
    """Catalog column -> the seller's, as ``--column NAME=THEIRS`` gives them.

    Raises:
        ConfigError: no such pair, or no column of a catalog.
    """
    pairs = [one.partition("=") for one in given]
    for one, (name, _, theirs) in zip(given, pairs, strict=True):
        if not theirs:
            raise ConfigError(f"--column {one!r} must be NAME=THEIRS, such as title=Bezeichnung")
        if name not in CATALOG.names:
            raise ConfigError(f"--column {one!r}: a catalog has no column {name!r}{did_you_mean(name, CATALOG.names)}")
    return {name: theirs for name, _, theirs in pairs}


def image_columns(found: Sequence[str]) -> list[str]:
    """The columns that say by their names where the image is, of which at most one is taken."""
    plain = {column: plain_name(column) for column in found}
    named = [column for column, name in plain.items() if name in _IMAGES]
    return named + [column for column, name in plain.items() if _OTHER_IMAGES.fullmatch(name) and name not in _IMAGES]


def _image_column(found: Sequence[str]) -> str | None:
    """The column that says by its name where the image is, if there is one such and none is called images."""
    named = image_columns(found)
    named = [column for column in named if plain_name(column) in _IMAGES] or named
    return named[0] if len(named) == 1 and "images" not in map(plain_name, found) else None


def further_names(found: Sequence[str], sources: Mapping[str, str]) -> dict[str, str]:
    """Catalog column -> the column, of those that a later row of a file has: what the first rows gave stays theirs."""
    return {name: source for name, source in find_columns("", found, {}, ()).items() if name not in sources}


def find_columns(
    partition: str, found: Sequence[str], names: Mapping[str, str], required: Sequence[str]
) -> dict[str, str]:
    """Catalog column -> the file's column, for those it has: the contract's name for it, else the catalog's own.

    A column of that very name comes first, then the only one that is the same ``plain_name``. Where there is neither
    ``image`` nor ``images``, the only one of ``_IMAGES``, or else of ``_OTHER_IMAGES``, is the image; where there is no
    ``description``, the first of ``_DESCRIPTIONS`` is.

    Args:
        found: the file's columns.
        names: catalog column -> the contract's name for it.
        required: the catalog columns that the file must have.

    Raises:
        CatalogError: one of these is missing, or one that the contract names.
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
    """The first column that has one of the names, else the only one that is the same ``plain_name`` as one of them."""
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
