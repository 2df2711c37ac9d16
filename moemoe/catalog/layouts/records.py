"""Converts one row of JSON, CSV or nested Parquet columns to values in the types of CATALOG."""

import base64
import binascii
import contextlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from moemoe.catalog.formats.image_objects import is_image, largest, named_images, with_path
from moemoe.catalog.formats.linked import linked, shown
from moemoe.catalog.formats.printed import nested
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.written_pairs import written_pairs
from moemoe.catalog.layouts.nested_labels import UNITS, plain_label, unit_of, with_unit
from moemoe.contract.cell_text import MISSING_TEXTS, NOTHING_TEXTS, as_id, as_text, as_text_or_nothing

#: The fields that a product can do without.
OF_IMAGES = ("image", "images")
#: R's missing value; in other columns it may be a region.
_NO_IMAGE = "NA"
#: Counts labels that are objects without an obvious value; the key follows.
NESTED = "objects that are not labels, left out under"
UNNAMED = "labels without a name, left out"
#: Marks before a bullet point, and separators of URLs in one cell.
_BETWEEN_URLS = re.compile(r"[,;|\s]+(?=(?:https?:)?//)", re.IGNORECASE)
#: Separators of files, after an image's ending.
_BETWEEN_FILES = re.compile(
    r"(?:(?<=\.jpg|\.png|\.gif|\.bmp|\.tif)|(?<=\.jpeg|\.webp|\.tiff|\.avif))\s*[,;|]\s*(?=\S)", re.IGNORECASE
)
_BULLET = re.compile(r"^\s*(?:[•·▪◦●‣*\uf0b7-]\s+)?")


def record(row: Mapping[str, Any], only: Sequence[str], left_out: Counter[str] | None = None) -> dict[str, Any]:
    """Converts the columns ``only`` of a row.

    Args:
        left_out: see ``attributes``.

    Raises:
        RowError: a value cannot be converted.
    """
    found: dict[str, Any] = {}
    if isinstance(row.get("image"), list) and row.get("images") is None:
        row = {**row, "image": None, "images": row["image"]}
    for name in only:
        value = row.get(name)
        if value is not None:
            if isinstance(value, bytes) and name not in OF_IMAGES:
                value = value.decode("utf-8", "surrogateescape")
            if name == "attributes":
                found[name] = attributes(value, left_out)
            else:
                found[name] = _CONVERTERS[name](value) if name in _CONVERTERS else text(name, value)
    return found


def text(field: str, value: Any) -> str | None:
    """A scalar as text, None if it is missing.

    Raises:
        RowError: a list, an object, or a text that is not UTF-8.
    """
    if isinstance(value, (list, dict)):
        label, is_one = _only_text(value)
        if not is_one:
            raise RowError(field, f"{field} is not a text", repr(value)[:200])
        value = label
    try:
        found = as_text(value) if field == "attributes" else as_text_or_nothing(value)
        return None if found == _NO_IMAGE and field in OF_IMAGES else found
    except UnicodeEncodeError as error:
        raise RowError(field, "text is not UTF-8", f"{field}: {_guessed(str(value))}") from error


def _only_text(value: Any) -> tuple[Any, bool]:
    """The text of a list of one, or of an object such as {"name": "Shirts"} (None if blank), and whether it is one."""
    if isinstance(value, list):
        filled = [part for part in value if part is not None]
        if len(filled) > 1:
            return None, False
        value = filled[0] if filled else None
    label, odd = plain_label(value) if isinstance(value, dict) else (value, None)
    return label, odd is None and not isinstance(label, (list, dict))


def _guessed(broken: str) -> str:
    """A text that is not UTF-8 as read in the most common other encoding, and what to do."""
    if re.search("[\ud800-\udc7f\udd00-\udfff]", broken):  # other surrogates are undecodable bytes
        return f"{broken[:150]!a} has half a character, as if the text was truncated within an emoji"
    with contextlib.suppress(UnicodeError):
        meant = broken.encode("utf-8", "surrogateescape").decode("cp1252")
        return f"as Windows-1252 it reads {meant[:150]!r}; save the file as UTF-8"
    return f"{ascii(broken)[:200]}; save the file as UTF-8"


def product_id(value: Any) -> str | None:
    """A product id as text.

    Raises:
        RowError: not a scalar, or an id that has lost digits.
    """
    if isinstance(value, (list, dict)):
        value = text("product_id", value)
    text("product_id", value)
    try:
        return as_id(value)
    except ValueError as error:
        raise RowError("product_id", "product id has lost digits", str(error)) from error


def product_type(value: Any) -> str | None:
    """A product type; several in a list become a path, "Men > Shirts"."""
    value = nested(value)
    if not isinstance(value, list):
        return text("product_type", value)
    return " > ".join(name for name in (text("product_type", part) for part in value) if name) or None


def title(value: Any) -> str | None:
    """A title; a link formula becomes the text that it shows."""
    found = text("title", value)
    return shown(found) if found and found[0] == "=" else found


def description(value: Any) -> str | None:
    """A description; the texts of a list become lines."""
    found = nested(value)
    value = found if isinstance(found, list) else value
    if not isinstance(value, list):
        return text("description", value)
    return "\n".join(line for line in (text("description", part) for part in value) if line) or None


def bullet_points(value: Any) -> list[str]:
    """The bullet points of a list or a text: a JSON or Python list, else one per line."""
    if isinstance(value, str):
        found = nested(value)
        value = found if isinstance(found, list) else [_BULLET.sub("", line) for line in value.splitlines()]
    points = (text("bullet_points", point) for point in (value if isinstance(value, list) else [value]))
    return [point for point in points if point and point.strip()]


def attributes(value: Any, left_out: Counter[str] | None = None) -> list[tuple[str, str | None]]:
    """Pairs from a free-key object, a list of pairs or of objects such as {key, value}, or the text of either.

    A text may also be "Fit: Slim; Neck: Round", or a list of such pairs. A label may be a list or an object, see
    ``plain_label``.

    Args:
        left_out: counts, by key, values that are not labels and are omitted; without it they are errors.

    Raises:
        RowError: another shape.
    """
    pairs = _pairs(value)
    if (groups := _groups(pairs)) is not None:
        with contextlib.suppress(RowError):
            odd_ones = None if left_out is None else Counter[str]()
            within = [pair for group in groups for pair in attributes(group, odd_ones)]
            if left_out is not None:
                left_out.update(odd_ones)
            return within
    result = []
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or pair[0] is None:
            detail = f"{pair!r:.200} is not a pair; allowed are [key, value] and {{key: ..., value: ...}}"
            raise RowError("attributes", "attributes are not a map", detail)
        key, item = pair
        if isinstance(item, str):
            label, odd = (_within(item) if item.startswith(("[", "{", "=")) or item.endswith(")") else item), None
        else:
            label, odd = plain_label(item)
        if odd is not None:
            if left_out is None:
                raise RowError("attributes", "attributes are not a map of texts", f"{key!r} holds {odd!r}"[:200])
            left_out[f"{NESTED} {str(key)[:60]!r}"] += 1
            if label is None:
                continue
        if (name := text("attributes", key)) and name.strip():
            result.append((name, text("attributes", label)))
        elif left_out is not None:
            left_out[UNNAMED] += label not in ("", None)
    return result


def pairs(value: Any) -> list[Any]:
    """The items of ``attributes`` with their labels as given, those of groups one after the other."""
    given = _pairs(value)
    groups = _groups(given)
    return given if groups is None else [pair for group in groups for pair in _pairs(group)]


def _pairs(value: Any) -> list[Any]:
    """The items given as ``attributes``, as pairs if they are pairs. Raises RowError: another shape."""
    if isinstance(value, str):
        given = value.strip()
        if not given or given in MISSING_TEXTS or given.casefold() in NOTHING_TEXTS:
            return []
        found = nested(given)
        value = written_pairs(found) if isinstance(found, str) else found
        if not isinstance(value, (dict, list)):
            raise RowError("attributes", "attributes are not a map", f"{given[:200]!r} is not a JSON object")
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        value = written_pairs("\n".join(value)) or value
    if isinstance(value, dict) and not is_pair(value):
        return list(value.items())
    if isinstance(value, dict):
        value = [value]  # a list of one that another program has unwrapped
    if not isinstance(value, list):
        raise RowError("attributes", "attributes are not a map", repr(value)[:200])
    members = (one for e in value for one in (_members(e) if isinstance(e, dict) else [e]))
    return [_pair(one) if isinstance(one, dict) else one for one in members]


def _groups(pairs: Sequence[Any]) -> list[Any] | None:
    """The attributes under group names, such as {"Fit": {"Cut": "Slim"}, "Size": {"Width": "3 cm"}}.

    None if any pair is an attribute, perhaps in several languages: there must be at least two groups, whose contents
    have their own names.
    """
    found = [pair[1] for pair in pairs if isinstance(pair, (tuple, list)) and len(pair) == 2]
    if len(found) < max(len(pairs), 2) or not all(isinstance(one, (dict, list)) for one in found):
        return None
    if all(plain_label(one)[1] is None for one in found):
        return None
    names = Counter[str]()
    for one in found:
        if isinstance(one, dict) and plain_label(one)[1] is not None:
            names.update(one.keys())
        elif not isinstance(one, list) or not one or not all(isinstance(p, dict) and _has_value(p) for p in one):
            return None
    return None if any(number > 1 for number in names.values()) else found


def _has_value(given: dict[str, Any]) -> bool:
    pair = _pair(given)
    return isinstance(pair, tuple) and pair[1] is not None


def _members(given: dict[str, Any]) -> list[Any]:
    """The attributes of a group such as {"group": "Size", "items": [{"name": ..., "value": ...}]}; else the object."""
    within = [part for part in given.values() if isinstance(part, (list, dict))]
    if len(within) != 1 or not isinstance(within[0], list) or not within[0] or _pair(given) is not given:
        return [given]
    return within[0] if all(isinstance(part, dict) for part in within[0]) else [given]


def _within(given: str) -> Any:
    """The label in a text that is a list or an object, such as "['S', 'M']"; any other text unchanged."""
    label, odd = plain_label(nested(given))
    return shown(given) if odd is not None or label is given else label


_WORDS = ("attribute", "attr", "spec", "specification", "feature", "property", "param", "parameter", "characteristic")
#: Keys of an attribute's name and value in lists of objects, without underscores, by precedence.
_PAIRS = (
    *(("key", "value"), ("name", "value"), ("name", "valuename"), ("name", "values")),
    *(("name", "options"), ("name", "option"), ("fname", "fvalue"), ("paramname", "val")),  # of BMEcat and Heureka
    *((word, value) for word in _WORDS for value in ("value", "values")),
    *(
        (f"{word}{name}", value)
        for word in _WORDS
        for name in ("name", "label", "code", "key")
        for value in (f"{word}value", "value", "valuename")
    ),
    *(("type", "value"), ("code", "value"), ("label", "value"), ("label", "values"), ("title", "value"), ("k", "v")),
)
#: The names among them that may have no value, and the keys that may occur beside them then.
_NAMES = ("key", "name", "attribute", "attributename", "attributecode", "property")
_BESIDE_A_NAME = frozenset(("id", "unit", "units", "position", "slug", "group"))
_UNITS = frozenset(unit.replace("_", "") for unit in UNITS)
_OF_SCHEMA_ORG = frozenset(("@type", "@id", "propertyid", "unitcode"))
_VALUES, _MOST = frozenset(value for _, value in _PAIRS), 8  # most keys of a pair


def is_pair(given: Mapping[str, Any]) -> bool:
    """Whether an object has an attribute's name and value, and little else."""
    names = set(_plain(given)) if len(given) <= _MOST else set()
    return not names.isdisjoint(_VALUES) and any(
        {key, value} <= names <= {key, value, *_UNITS, *_BESIDE_A_NAME, *_OF_SCHEMA_ORG} for key, value in _PAIRS
    )


def _pair(given: Mapping[str, Any]) -> Any:
    """The key and label of an object, with its keys in any case; {key: label} is a pair too."""
    plain = _plain(given)
    pairs = _pairs_of(tuple(plain))
    if pairs:  # in Parquet each object has the fields of all; Mercado Libre has the value twice
        filled = [pair for pair in pairs if plain[pair[1]] is not None] or pairs
        key, value = next((pair for pair in filled if plain_label(plain[pair[1]])[1] is None), filled[0])
        return plain[key], with_unit(plain[value], unit_of(given))
    name = next((name for name in _NAMES if name in plain), None)
    if name and plain.keys() - {name} <= _BESIDE_A_NAME:  # its value is null, and APIs omit nulls
        return plain[name], None
    if plain.keys() & {name for pair in _PAIRS for name in pair}:
        return given
    others = [pair for pair in given.items() if pair[1] is not None]  # in Parquet each object has the fields of all
    return (others or list(given.items()))[0] if given and len(others) < 2 else given


@lru_cache(1024)
def _pairs_of(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """The entries of _PAIRS that an object with these keys has."""
    return [(key, value) for key, value in _PAIRS if key in names and value in names]


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """An object with keys in lower case and without underscores: "attributeName" and "attribute_name" are equal."""
    return {str(name).strip().casefold().replace("_", ""): value for name, value in given.items()}


def image(value: Any) -> dict[str, Any] | None:
    """The IMAGE of a path, of bytes, or of an object with ``path`` and ``bytes`` (raw, or as base64 text).

    Raises:
        RowError: another shape, or invalid base64.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = nested(value)
    if isinstance(value, (str, float)):
        path = text("image", value)
        return {"bytes": None, "path": path} if path else None
    if isinstance(value, bytes):
        return {"bytes": value, "path": None}
    if isinstance(value, dict) and not is_image(value) and (one := largest(value)) is not None:
        return image(one)
    value = with_path(value) if isinstance(value, dict) else value
    if not isinstance(value, dict) or (value and not value.keys() & {"bytes", "path"}):
        raise RowError("image", "image is not a path or {bytes, path}", repr(value)[:200])
    data, path = value.get("bytes"), value.get("path")
    try:
        if not isinstance(data, bytes):
            data = base64.b64decode(data, validate=True) if data else None
    except (binascii.Error, ValueError, TypeError) as error:
        raise RowError("image", "image bytes are not base64", str(error)) from error
    return {"bytes": data, "path": text("image", path)}


def images(value: Any) -> list[dict[str, Any]]:
    """The IMAGEs of a list or a text (a JSON or Python list, else one per line, or URLs with commas).

    An object may also have named images.

    Raises:
        RowError: another shape, or an item that is not an image; ``kept`` has the others.
    """
    if isinstance(value, (str, float)):
        given = text("images", value) or ""
        found = nested(given)
        value = [p for line in given.splitlines() for p in split_urls(line)] if isinstance(found, str) else found
    if isinstance(value, bytes) or is_image(value):
        value = [value]
    value = (named_images(value) or value) if isinstance(value, dict) else value
    if not isinstance(value, list):
        raise RowError("images", "images are not a list", repr(value)[:200])
    found, bad = [], []
    for number, item in enumerate(value, start=1):
        try:
            if isinstance(item, dict) and not is_image(item) and largest(item) is None:
                raise RowError("images", "image is not a path or {bytes, path}", repr(item)[:200])
            one = image(item) if item is not None else None
        except RowError as error:
            bad.append((error.reason, f"number {number} of {len(value)}: {error.detail}"))
            continue
        found += [one] if one is not None and (one["bytes"] is not None or one["path"]) else []
    if bad:
        raise RowError("images", bad[0][0], "; ".join(detail for _, detail in bad[:3]), kept=found)
    return found


def split_urls(line: str) -> list[str]:
    """The URLs of one line, separated by commas, semicolons, bars or blanks; or image files, separated by one of the
    first three; or the URLs of a formula or HTML. Any other path is returned unchanged.
    """
    if found := linked(line):
        return found
    between = _BETWEEN_URLS if "//" in line else _BETWEEN_FILES
    paths = (path.strip(",;| \t") for path in between.split(line))
    return [path for path in paths if path]


_CONVERTERS = {
    "product_id": product_id,
    "product_type": product_type,
    "title": title,
    "description": description,
    "bullet_points": bullet_points,
    "image": image,
    "images": images,
}
