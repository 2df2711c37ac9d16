"""Texts that come in several languages: a product is read in one, its market's.

Of the languages that its title is in, one of its country (English first), else English, else the first by the alphabet.
A text that is not in it is taken by the same rule.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: What an entry calls its language, and its text.
TAGS = ("language_tag", "language", "lang", "locale", "@language")
_TEXTS = ("value", "text", "@value")
#: Columns whose texts may be an object from language to text.
_COLUMNS = ("title", "product_type", "description", "bullet_points")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][A-Za-z]{2,4})?")
CHOSEN = "products with texts in several languages, read in their market's"


def is_tagged(value: Any) -> bool:
    """Whether a value is a list of texts that say their language."""
    return _has_objects(value) and any(isinstance(one, dict) and _tag(one) is not None for one in value)


def language_of(value: Any, country: str) -> str:
    """The language in which to read a product that has these titles."""
    entries = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    tags = [_tag(one) or "" for one in entries]
    return min(tags, key=lambda tag: _rank(tag, "", country), default="")


def in_language(value: Any, language: str, country: str) -> list[dict[str, Any]]:
    """The entries of a list in one language; those without language are in all."""
    entries = [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    tags = {tag for one in entries if (tag := _tag(one))}
    best = min(tags, key=lambda tag: _rank(tag, language, country), default=None)
    return [one for one in entries if _tag(one) in (None, best)]


def in_its_markets_language(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row under the catalog's columns, each text and label in one language; a row without such texts as it is."""
    if not _may_have_languages(row):
        return row
    found = {name: entries for name in _COLUMNS if (entries := _entries(row.get(name))) is not None}
    pairs = _pairs(row.get("attributes"))
    has_tags = any(is_tagged(label) for _, label in pairs)
    if not found and not has_tags:
        return row
    country = str(row.get("marketplace") or "")
    language = language_of(found.get("title"), country)

    def texts(entries: Any) -> list[Any]:
        return [text for one in in_language(entries, language, country) for text in _texts(one)]

    chosen: dict[str, Any] = {name: texts(entries) for name, entries in found.items()}
    if "title" in found:
        chosen["title"] = next(iter(chosen["title"]), None)
    if has_tags:
        chosen["attributes"] = [(key, texts(label) if is_tagged(label) else label) for key, label in pairs]
    return {**row, **chosen}


def _may_have_languages(row: Mapping[str, Any]) -> bool:
    """Whether any text or label is an object, or a list that begins with one: of nearly every row none is."""
    for name in _COLUMNS:
        value = row.get(name)
        if type(value) is dict or (type(value) is list and value and type(value[0]) is dict):
            return True
    labels = row.get("attributes")
    if type(labels) is dict:
        return list in map(type, labels.values())
    return type(labels) is list


def _entries(value: Any) -> list[Any] | None:
    """The texts of a column as a list of entries with their languages; None if they do not say them."""
    if isinstance(value, dict) and len(value) > 1 and all(_LANGUAGE.fullmatch(str(key)) for key in value):
        return [{TAGS[0]: str(key), _TEXTS[0]: text} for key, text in value.items() if text is not None]
    return value if is_tagged(value) else None


def _pairs(labels: Any) -> Sequence[tuple[Any, Any]]:
    """Keys and labels; none if they come in another shape, or if no label may be a list of texts with languages."""
    if isinstance(labels, dict):
        return list(labels.items()) if any(map(_has_objects, labels.values())) else ()
    if not isinstance(labels, list) or not all(isinstance(pair, tuple) and len(pair) == 2 for pair in labels):
        return ()
    return labels if any(_has_objects(label) for _, label in labels) else ()


def _has_objects(value: Any) -> bool:
    """Whether a value is a list that begins with an object; nearly none is, so it must cost nothing."""
    return type(value) is list and bool(value) and type(value[0]) is dict


def _texts(entry: Mapping[str, Any]) -> Sequence[Any]:
    text = next((entry[name] for name in _TEXTS if entry.get(name) is not None), None)
    return text if isinstance(text, list) else [] if text is None else [text]


def _tag(entry: Mapping[str, Any]) -> str | None:
    """The language of an entry, such as en_IN; None if it says none."""
    return next((tag for name in TAGS if _LANGUAGE.fullmatch(tag := str(entry.get(name) or ""))), None)


def _rank(tag: str, language: str, country: str) -> tuple[bool, bool, bool, bool, str]:
    """Sorts languages: the chosen one first, then its other spellings, the country's, English ones, the alphabet."""
    of, _, region = tag.replace("-", "_").partition("_")
    same = bool(language) and of == language.replace("-", "_").partition("_")[0]
    return tag != language, not same, region.casefold() != country.casefold(), of != "en", tag
