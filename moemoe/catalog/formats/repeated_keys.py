"""Objects in which a key comes again: JSON allows it, and does not say which value counts.

A database that writes a join as JSON gives ``id`` twice, a program that turns XML into JSON each ``<image>``. Most
readers keep the last and say nothing. Here all that differ are kept, as a list, and rows that have such a key counted.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

REPEATED = "rows with a repeated key, read as a list of its values"
#: What stands behind a key, as all programs write it; texts may have it too.
_BEHIND_KEY = '":'
_BLANKS = " \t\r\n"
_BLANK: tuple[Any, ...] = (None, "", [], {})


def object_of(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """An object, in which a key that comes again has the list of its different values, if more than one is filled."""
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


class RowDecoder:
    """JSON of rows; numbers stay as they are written: 1.50 is not 1.5, and a long id is no float.

    A call for each object would cost a tenth of reading a catalog. So keys are counted, and rows that have fewer than
    they were written with, or may have, are decoded again.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts
        self._is_repeated = False
        self._scan = _decoder().scan_once  # type: ignore[attr-defined]
        self._careful = _decoder(self._object)

    def decode(self, text: str) -> Any:
        """What a text is. Raises ValueError or RecursionError."""
        try:
            found, end = self._scan(text, 0)
        except StopIteration:  # a blank before it, or no JSON
            return self._carefully(text)
        has_all = text.count(_BEHIND_KEY) == _keys(found)
        return found if has_all and not text[end:].strip(_BLANKS) else self._carefully(text)

    def raw_decode(self, text: str, at: int) -> tuple[Any, int]:
        """What begins at a place, and where it ends. Raises ValueError or RecursionError."""
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
    """The keys of a row and of the objects in it; of any other value -1."""
    if type(row) is not dict:
        return -1
    keys = len(row)
    for value in row.values():
        if type(value) is dict:
            keys += len(value)
    return keys
