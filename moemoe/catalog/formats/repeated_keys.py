"""Objects with a repeated key: JSON allows them, and does not define which value counts.

A database that writes a join as JSON repeats ``id``; a converter from XML repeats ``image``. Most readers silently keep
the last value. Here all different values are kept, as a list, and rows with such a key are counted.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

REPEATED = "rows with a repeated key, read as a list of its values"
#: The end of a key as all programs write it; texts may contain it too.
_BEHIND_KEY = '":'
_BLANKS = " \t\r\n"
#: Most levels of lists and objects within each other; a catalog has ten, and deeper ones would end Python's stack.
MOST_LEVELS = 200
TOO_DEEP = f"lists and objects stand more than {MOST_LEVELS} deep within each other"
_TEXT_OR_BRACKET = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{\]}]', re.DOTALL)
_BLANK: tuple[Any, ...] = (None, "", [], {})


def object_of(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """An object in which a repeated key has the list of its different non-empty values, if there are several."""
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    values: dict[Any, list[Any]] = {}
    for key, value in pairs:
        values.setdefault(key, []).append(value)
    for key, given in values.items():
        filled = [value for value in given if value not in _BLANK] or given[:1]
        each = [one for value in filled for one in (value if isinstance(value, list) else [value])]
        different = list({repr(one): one for one in each}.values())
        found[key] = different if len(filled) > 1 and len(different) > 1 else filled[0]
    return found


def is_too_deep(text: str, begin: int = 0, end: int | None = None) -> bool:
    """Whether JSON, or a part of it, has more than ``MOST_LEVELS``."""
    end = len(text) if end is None else end
    if text.count("{", begin, end) + text.count("[", begin, end) <= MOST_LEVELS:
        return False
    level = deepest = 0
    for found in _TEXT_OR_BRACKET.finditer(text, begin, end):
        level += {"{": 1, "[": 1, "}": -1, "]": -1}.get(found[0], 0)
        deepest = max(level, deepest)
    return deepest > MOST_LEVELS


class RowDecoder:
    """Decodes rows of JSON; numbers keep their spelling: 1.50 stays 1.50, and a long id does not become a float.

    A callback per object would cost a tenth of the reading time. So keys are counted instead, and rows that have fewer
    keys than were written, or may have, are decoded again.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._is_repeated = False
        self._scan = _decoder().scan_once  # type: ignore[attr-defined]
        self._careful = _decoder(self._object)

    def decode(self, text: str) -> Any:
        """Decodes a text. Raises ValueError or RecursionError."""
        if is_too_deep(text):
            raise ValueError(TOO_DEEP)
        try:
            found, end = self._scan(text, 0)
        except StopIteration:  # leading whitespace, or not JSON
            return self._carefully(text)
        has_all = text.count(_BEHIND_KEY) == _keys(found)
        return found if has_all and not text[end:].strip(_BLANKS) else self._carefully(text)

    def raw_decode(self, text: str, at: int) -> tuple[Any, int]:
        """Decodes the value at a position; returns it and its end. Raises ValueError or RecursionError."""
        try:
            found, end = self._scan(text, at)
        except StopIteration as nothing:
            raise json.JSONDecodeError("Expecting value", text, nothing.value) from None
        return (found if text.count(_BEHIND_KEY, at, end) == _keys(found) else self._carefully(text[at:end])), end

    def _carefully(self, text: str) -> Any:
        self._is_repeated = False
        found = self._careful.decode(text)
        if self._is_repeated:
            self._counts[REPEATED] += 1
        return found

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        last = dict(pairs)
        if len(last) == len(pairs):
            return last
        found = object_of(pairs)
        self._is_repeated |= found != last
        return found


def _decoder(hook: Callable[[list[tuple[str, Any]]], Any] | None = None) -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=lambda _: None, object_pairs_hook=hook)


def _keys(row: Any) -> int:
    """The number of keys of a row and of the objects in it; -1 for any other value."""
    if type(row) is not dict:
        return -1
    keys = len(row)
    for value in row.values():
        if type(value) is dict:
            keys += len(value)
    return keys
