"""One row of a catalog, as JSON, CSV or nested Parquet columns have it -> values in the types of CATALOG."""

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

#: The fields of a row of which a product can do without.
OF_IMAGES = ("image", "images")
#: What R writes where nothing is; in other columns it may be a region.
_NO_IMAGE = "NA"
#: Of labels that are objects without an obvious value; their key follows.
NESTED = "objects that are not labels, left out under"
UNNAMED = "labels without a name, left out"
#: What a person sees before a bullet point, and what stands between URLs in one cell.
_BETWEEN_URLS = re.compile(r"[,;|\s]+(?=(?:https?:)?//)", re.IGNORECASE)
#: The same between files, behind the ending of an image.
_BETWEEN_FILES = re.compile(
    r"(?:(?<=\.jpg|\.png|\.gif|\.bmp|\.tif)|(?<=\.jpeg|\.webp|\.tiff|\.avif))\s*[,;|]\s*(?=\S)", re.IGNORECASE
)
_BULLET = re.compile(r"^\s*(?:[•·▪◦●‣*\uf0b7-]\s+)?")


def record(row: Mapping[str, Any], only: Sequence[str], left_out: Counter[str] | None = None) -> dict[str, Any]:
    """The columns ``only`` of a row.

    Args:
        left_out: see ``attributes``.

    Raises:
        RowError: a value cannot become its column's.
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
    """The text of a list of one, or of an object such as {"name": "Shirts"}, None if it is blank; and if it is one."""
    if isinstance(value, list):
        filled = [part for part in value if part is not None]
        if len(filled) > 1:
            return None, False
        value = filled[0] if filled else None
    label, odd = plain_label(value) if isinstance(value, dict) else (value, None)
    return label, odd is None and not isinstance(label, (list, dict))


def _guessed(broken: str) -> str:
    """What a text that is not UTF-8 looks like in the usual other encoding, and the remedy."""
    if re.search("[\ud800-\udc7f\udd00-\udfff]", broken):  # other surrogates stand for bytes
        return f"{broken[:150]!a} has half a character, as of a text that was cut in the middle of an emoji"
    with contextlib.suppress(UnicodeError):
        meant = broken.encode("utf-8", "surrogateescape").decode("cp1252")
        return f"as Windows-1252 it reads {meant[:150]!r}; save the file as UTF-8"
    return f"{ascii(broken)[:200]}; save the file as UTF-8"


def product_id(value: Any) -> str | None:
    """A product id as text.

    Raises:
        RowError: no scalar, or an id that has lost digits.
    """
    if isinstance(value, (list, dict)):
        value = text("product_id", value)
    text("product_id", value)
    try:
        return as_id(value)
    except ValueError as error:
        raise RowError("product_id", "product id has lost digits", str(error)) from error


def product_type(value: Any) -> str | None:
    """A product type; of several in a list a path of them, "Men > Shirts"."""
    value = nested(value)
    if not isinstance(value, list):
        return text("product_type", value)
    return " > ".join(name for name in (text("product_type", part) for part in value) if name) or None


def title(value: Any) -> str | None:
    """A title; of a formula of a link what it shows."""
    found = text("title", value)
    return shown(found) if found and found[0] == "=" else found


def description(value: Any) -> str | None:
    """A description; of a list its texts, one a line."""
    found = nested(value)
    value = found if isinstance(found, list) else value
    if not isinstance(value, list):
        return text("description", value)
    return "\n".join(line for line in (text("description", part) for part in value) if line) or None


def bullet_points(value: Any) -> list[str]:
    """The bullet points of a list, or of a text: a list in JSON or Python's spelling, else one a line."""
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
        left_out: counts labels that are none, by their key, which are left out alone; without it they are errors.

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


def _pairs(value: Any) -> list[Any]:
    """What ``attributes`` are given, each as a pair if it is one. Raises RowError: another shape."""
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
        value = [value]  # the list of one that another program has unwrapped
    if not isinstance(value, list):
        raise RowError("attributes", "attributes are not a map", repr(value)[:200])
    members = (one for e in value for one in (_members(e) if isinstance(e, dict) else [e]))
    return [_pair(one) if isinstance(one, dict) else one for one in members]


def _groups(pairs: Sequence[Any]) -> list[Any] | None:
    """What stands under the names of groups, such as {"Fit": {"Cut": "Slim"}, "Size": {"Width": "3 cm"}}.

    None if any pair is an attribute, or may be one in several languages: what is under groups has names of its own, and
    there are two of them.
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
    """The attributes of a group such as {"group": "Size", "items": [{"name": ..., "value": ...}]}; else itself."""
    within = [part for part in given.values() if isinstance(part, (list, dict))]
    if len(within) != 1 or not isinstance(within[0], list) or not within[0] or _pair(given) is not given:
        return [given]
    return within[0] if all(isinstance(part, dict) for part in within[0]) else [given]


def _within(given: str) -> Any:
    """The label of a text that is a list or an object, as a table has "['S', 'M']"; the text if it is no such."""
    label, odd = plain_label(nested(given))
    return shown(given) if odd is not None or label is given else label


_WORDS = ("attribute", "attr", "spec", "specification", "feature", "property", "param", "parameter", "characteristic")
#: What the objects of a list call an attribute's name and its value, in exports and in the APIs of shops, without
#: underscores; of several the one that comes first counts.
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
#: Of these the names, which may stand without a value, and what may stand beside them then.
_NAMES = ("key", "name", "attribute", "attributename", "attributecode", "property")
_BESIDE_A_NAME = frozenset(("id", "unit", "units", "position", "slug", "group"))
_UNITS = frozenset(unit.replace("_", "") for unit in UNITS)
_OF_SCHEMA_ORG = frozenset(("@type", "@id", "propertyid", "unitcode"))
_VALUES, _MOST = frozenset(value for _, value in _PAIRS), 8  # a pair has no more names


def is_pair(given: Mapping[str, Any]) -> bool:
    """Whether an object has an attribute's name and its value, and little else."""
    names = set(_plain(given)) if len(given) <= _MOST else set()
    return not names.isdisjoint(_VALUES) and any(
        {key, value} <= names <= {key, value, *_UNITS, *_BESIDE_A_NAME, *_OF_SCHEMA_ORG} for key, value in _PAIRS
    )


def _pair(given: Mapping[str, Any]) -> Any:
    """The key and the label of an object, whose names may be in any case; of {key: label} these two."""
    plain = _plain(given)
    pairs = _pairs_of(tuple(plain))
    if pairs:  # in Parquet each object has the fields of all; Mercado Libre has the value twice
        filled = [pair for pair in pairs if plain[pair[1]] is not None] or pairs
        key, value = next((pair for pair in filled if plain_label(plain[pair[1]])[1] is None), filled[0])
        return plain[key], with_unit(plain[value], unit_of(given))
    name = next((name for name in _NAMES if name in plain), None)
    if name and plain.keys() - {name} <= _BESIDE_A_NAME:  # its value is null, which APIs leave out
        return plain[name], None
    if plain.keys() & {name for pair in _PAIRS for name in pair}:
        return given
    others = [pair for pair in given.items() if pair[1] is not None]  # in Parquet each object has the fields of all
    return (others or list(given.items()))[0] if given and len(others) < 2 else given


@lru_cache(1024)
def _pairs_of(names: tuple[str, ...]) -> list[tuple[str, str]]:
    """Those of _PAIRS that an object with such names has."""
    return [(key, value) for key, value in _PAIRS if key in names and value in names]


def _plain(given: Mapping[str, Any]) -> dict[str, Any]:
    """An object under its names without case and underscores: "attributeName" and "attribute_name" are one."""
    return {str(name).strip().casefold().replace("_", ""): value for name, value in given.items()}


def image(value: Any) -> dict[str, Any] | None:
    """The IMAGE of a path, of bytes, or of an object with ``path`` and ``bytes`` (as they are, or as base64 text).

    Raises:
        RowError: another shape, or no base64.
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
    """The IMAGEs of a list, or of a text: a list in JSON or Python's spelling, else one a line, or URLs with commas.

    So are those of an object that has each under a name.

    Raises:
        RowError: another shape, or an item that is no image; ``kept`` has the others.
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
    """The URLs of one line, with commas, semicolons, bars or blanks between them, or the image files, with one of the
    first three, or those of a formula or of HTML; any other path as it is.
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
