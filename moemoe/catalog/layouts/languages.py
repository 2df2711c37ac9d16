"""Texts in several languages: a product is read in one of them, its marketplace's.

The choice is among the title's languages: one whose tag has the marketplace's country (``en_IN``; English first), else
one spoken there, else English, else the first in the alphabet. The same rule applies to texts that lack this language.
"""

import re
from collections.abc import Mapping
from typing import Any

from moemoe.catalog.formats.printed import nested
from moemoe.language_tags import is_tag, preference

#: Keys of an entry's language and text.
TAGS = ("language_tag", "language", "lang", "locale", "@language")
_TEXTS = ("value", "text", "@value", "label", "name", "data")
#: Columns whose texts may be objects from language to text.
_COLUMNS = ("title", "product_type", "description", "bullet_points")
#: Codes that usually mean something else if they are an object's only key.
_NAMES = frozenset(("id", "no"))
#: Marks of an object from language to text within JSON.
_BY_LANGUAGE = re.compile(r"""(?:^|[:\[,])\s*\{\s*["'][A-Za-z]{2,3}(?:[-_]\w+)*["']\s*:""")
_LETTER = re.compile(r"[^\W\d_]")
CHOSEN = "products with texts in several languages, read in their market's"


def has_languages(value: Any) -> bool:
    """Whether a label is a list of texts with language tags, or an object from language to text."""
    return is_tagged(value) or bool(_label_entries(value))


def is_tagged(value: Any) -> bool:
    """Whether a value is a list of texts with language tags."""
    return _begins_with_object(value) and any(
        _tag(one) is not None and _text(one) is not None for one in _objects(value)
    )


def language_of(value: Any, country: str) -> str:
    """The language in which to read a product with these titles."""
    tags = [_tag(one) or "" for one in _filled(value)]
    return min(tags, key=lambda tag: preference(tag, "", country), default="")


def in_language(value: Any, language: str, country: str) -> list[dict[str, Any]]:
    """The entries of a list in one language; untagged entries belong to all languages, empty ones to none."""
    entries = _filled(value)
    tags = {tag for one in entries if (tag := _tag(one))}
    best = min(tags, key=lambda tag: preference(tag, language, country), default=None)
    return [one for one in entries if _tag(one) in (None, best)]


def in_its_markets_language(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row with each text and label in one language; a row without such texts is returned unchanged."""
    if not _may_have_languages(row):
        return row
    found = {name: entries for name in _COLUMNS if (entries := _entries(row.get(name))) is not None}
    country = str(row.get("marketplace") or "")
    language = language_of(found.get("title"), country)
    chosen: dict[str, Any] = {}
    for name, entries in found.items():
        texts = [_text(one) for one in in_language(entries, language, country)]
        chosen[name] = [one for text in texts for one in (text if isinstance(text, list) else [text])]
    if "title" in chosen:
        chosen["title"] = next(iter(chosen["title"]), None)
    labels = row.get("attributes")
    if (read := _labels(labels, language, country)) is not labels:
        chosen["attributes"] = read
    return {**row, **chosen} if chosen else row


def _labels(value: Any, language: str, country: str) -> Any:
    """Labels reduced to the entries in one language, at any depth; ``value`` itself if none has a language.

    An object from language to text becomes the text. Other keys of an entry, such as a unit, stay.
    """
    if isinstance(value, str):
        parsed = nested(value) if _is_of_objects(value) else value
        return value if isinstance(parsed, str) or (read := _labels(parsed, language, country)) is parsed else read
    if is_tagged(value):
        return [_without_tag(one) for one in in_language(value, language, country)]
    if isinstance(value, dict):
        if entries := _label_entries(value):
            return next((_text(one) for one in in_language(entries, language, country)), None)
        read = {key: _labels(one, language, country) for key, one in value.items()}
        return read if any(read[key] is not one for key, one in value.items()) else value
    if isinstance(value, (list, tuple)):
        parts = [_labels(one, language, country) for one in value]
        same = all(part is one for part, one in zip(parts, value, strict=True))
        return value if same else type(value)(parts)
    return value


def _may_have_languages(row: Mapping[str, Any]) -> bool:
    """Whether any text or label may be an object, or a list that begins with one; rarely true."""
    for name in _COLUMNS:
        value = row.get(name)
        if type(value) is dict or _begins_with_object(value) or (type(value) is str and _is_written(value)):
            return True
    labels = row.get("attributes")
    if type(labels) is str:
        return _is_of_objects(labels)
    if type(labels) is dict:
        return any(map(_may_be_tagged, labels.values()))
    return type(labels) is list and any(type(pair) is not tuple or _may_be_tagged(pair[-1]) for pair in labels)


def _may_be_tagged(label: Any) -> bool:
    if type(label) is dict:
        return all(is_tag(str(key)) for key in label) or any(type(part) in (dict, list) for part in label.values())
    return type(label) is list or (type(label) is str and _is_of_objects(label))


def _entries(value: Any) -> list[Any] | None:
    """The texts of a column as a list of entries with languages; None if they have none."""
    if type(value) is str and _is_written(value):
        value = nested(value)
    return _by_language(value) or (value if is_tagged(value) else None)


def _by_language(value: Any) -> list[dict[str, Any]]:
    """The entries of an object from language to text; empty for anything else."""
    if not isinstance(value, dict) or not all(is_tag(str(key)) for key in value) or not value.keys() - _NAMES:
        return []
    return [{TAGS[0]: str(key), _TEXTS[0]: text} for key, text in value.items()]


def _label_entries(value: Any) -> list[dict[str, Any]]:
    """The same for a label, which must have words: ``{"eu": "41", "uk": "7"}`` are sizes in several countries."""
    entries = _by_language(value)
    texts = [text for one in entries if (text := _text(one)) is not None]
    has_words = all(isinstance(text, str) for text in texts) and any(map(_LETTER.search, texts))
    return entries if has_words else []


def _begins_with_object(value: Any) -> bool:
    return type(value) is list and bool(value) and type(value[0]) is dict


def _is_of_objects(text: str) -> bool:
    """Whether a text may be JSON with texts and their languages."""
    return text[:1] in ("[", "{") and ("lang" in text or "locale" in text or _BY_LANGUAGE.search(text) is not None)


def _is_written(text: str) -> bool:
    """Whether a column's text may be JSON with texts in several languages, unlike most lists of bullet points."""
    return text[:1] == "{" or _is_of_objects(text)


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _filled(value: Any) -> list[dict[str, Any]]:
    """The entries without empty translations."""
    return [one for one in _objects(value) if _tag(one) is None or _text(one) not in (None, "", [])]


def _text(entry: Mapping[str, Any]) -> Any:
    return next((entry[name] for name in _TEXTS if entry.get(name) is not None), None)


def _without_tag(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry in the form of a label, with its text as ``value``."""
    tags = {name for name in TAGS if is_tag(str(entry.get(name) or ""))}
    rest = {name: part for name, part in entry.items() if name not in tags}
    named = next((name for name in ("text", "@value", "data") if name in rest and "value" not in rest), None)
    return {("value" if name == named else name): part for name, part in rest.items()}


def _tag(entry: Mapping[str, Any]) -> str | None:
    """The language of an entry, such as en_IN; None if it has none."""
    return next((tag for name in TAGS if is_tag(tag := str(entry.get(name) or ""))), None)
