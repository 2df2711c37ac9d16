"""The raw labels of one product, read by a contract: predictions are compared with these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from moemoe.contract.contract import Contract
from moemoe.contract.text import normalize_key
from moemoe.labels.normalize import MISSING, key_reader, value_mapper

CACHED_VALUES = 100_000


@dataclass(frozen=True)
class Label:
    """``raw`` text of the catalog and the canonical ``values`` that it means; none if no rule matches it."""

    raw: str
    values: tuple[str, ...]


class LabelReader:
    """Reads one attribute at a time; as in ``normalize``, the first raw key whose value is known wins.

    Threads may share one, as those of a server do.
    """

    def __init__(self, contract: Contract):
        missing = contract.normalized_missing()
        attributes = contract.attributes.items()
        self._mappers = {name: value_mapper(attribute, missing) for name, attribute in attributes}
        self._keys = {name: list(dict.fromkeys(map(normalize_key, attribute.keys))) for name, attribute in attributes}
        self._with_key = {name: read for name, one in attributes if (read := key_reader(one))}
        self._normalized: dict[str, str] = {}
        self._meanings: dict[tuple[str, str], tuple[str, ...] | int] = {}

    def label(self, raw: Mapping[str, Sequence[str]], attribute: str) -> Label | None:
        """The label of ``attribute`` among a product's ``raw`` ones (``by_key``), None if it has none."""
        unknown = None
        for key in self._keys[attribute]:
            for text in raw.get(key, ()):
                meant = self._meaning(attribute, self._under_key(attribute, text, key))
                if not isinstance(meant, int):
                    return Label(text, meant)
                if meant != MISSING and unknown is None:
                    unknown = Label(text, ())
        return unknown

    def by_key(self, pairs: Sequence[tuple[str, str | None]] | None) -> dict[str, list[str]]:
        """A catalog's ``attributes`` by normalized key; repeated keys and null values are allowed."""
        found: dict[str, list[str]] = {}
        for key, value in pairs or ():
            if value is not None:
                normalized = self._normalized.get(key)
                if normalized is None:
                    _make_room(self._normalized)
                    normalized = self._normalized[key] = normalize_key(key)
                found.setdefault(normalized, []).append(value)
        return found

    def _under_key(self, attribute: str, text: str, key: str) -> str:
        return self._with_key[attribute](text, key) if attribute in self._with_key else text

    def _meaning(self, attribute: str, text: str) -> tuple[str, ...] | int:
        known = (attribute, text)
        meaning = self._meanings.get(known)
        if meaning is None:
            _make_room(self._meanings)
            meaning = self._meanings[known] = self._mappers[attribute](text)
        return meaning


def _make_room(cache: dict) -> None:
    if len(cache) >= CACHED_VALUES:
        cache.clear()
