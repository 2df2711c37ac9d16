"""Which values a product's text names: evidence that also holds in a store that the model has never seen."""

from fractions import Fraction
from typing import Any

from moemoe.contract.contract import Contract
from moemoe.contract.measures import MeasureReader
from moemoe.contract.spellings import spellings, words_pattern
from moemoe.contract.text import fold_case, normalize_text
from moemoe.words import with_one_i


class NamedValues:
    """Finds the values of a contract in texts, as whole words in any of their spellings; of measures, the numbers."""

    def __init__(self, contract: Contract):
        self._contract = contract
        self._readers: dict[str, MeasureReader] = {}
        self._patterns: dict[tuple[str, str | None], Any] = {}
        self._meanings: dict[str, dict[str, set[str]]] = {}

    def names(self, attribute: str, value: str, text: str) -> bool:
        """Whether ``text`` names ``value``, or a number within the tolerance of a measure."""
        known = self._contract.attributes.get(attribute)
        if known is None or known.measurement is None:
            return bool(self._pattern(attribute, value).search(with_one_i(text)))
        measurement = known.measurement
        if attribute not in self._readers:
            self._readers[attribute] = MeasureReader(measurement)
        wanted, tolerance = Fraction(measurement.number(value)), Fraction(measurement.tolerance)
        return any(abs(number - wanted) <= tolerance for number in self._readers[attribute].numbers_in(text))

    def named(self, attribute: str, text: str) -> frozenset[str]:
        """All values of the attribute that ``text`` names; none of a measurement, as a number may mean something else.

        "cotton blend" does not name cotton if the contract has both.
        """
        known = self._contract.attributes.get(attribute)
        if known is None or known.measurement is not None:
            return frozenset()
        if attribute not in self._meanings:
            meanings: dict[str, set[str]] = {}
            for value in known.values:
                for text_of_value in spellings(known, value):
                    meanings.setdefault(_unspaced(text_of_value), set()).add(value)
            self._meanings[attribute] = meanings
        found = self._pattern(attribute, None).finditer(with_one_i(text))
        # a match that ``normalize_text`` spells differently from every value is left out
        return frozenset().union(*(self._meanings[attribute].get(_unspaced(each[0]), ()) for each in found))

    def _pattern(self, attribute: str, value: str | None) -> Any:
        """A pattern of the spellings of a value, or of all values of the attribute."""
        if (attribute, value) not in self._patterns:
            known = self._contract.attributes.get(attribute)
            found = spellings(known, value) if known is not None else [fold_case(value or "")]
            self._patterns[attribute, value] = words_pattern(found)
        return self._patterns[attribute, value]


def _unspaced(spelling: str) -> str:
    """What "navy blue", "Navy-Blue" and "navyblue" have in common."""
    return normalize_text(spelling).replace(" ", "")
