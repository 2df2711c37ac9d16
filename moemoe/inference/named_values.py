"""What the text of a product says of an attribute: evidence that holds in a store that the model has never seen."""

from fractions import Fraction
from typing import Any

from moemoe.contract.contract import Contract
from moemoe.contract.measures import MeasureReader
from moemoe.contract.spellings import spellings, words_pattern


class NamedValues:
    """Finds the values of a contract in texts, as whole words in any of their spellings; of measures, the numbers."""

    def __init__(self, contract: Contract):
        self._contract = contract
        self._readers: dict[str, MeasureReader] = {}
        self._patterns: dict[tuple[str, str | None], Any] = {}

    def names(self, attribute: str, value: str, text: str) -> bool:
        """Whether ``text`` names ``value``, or a number within the tolerance of a measure."""
        known = self._contract.attributes.get(attribute)
        if known is None or known.measurement is None:
            return bool(self._pattern(attribute, value).search(text))
        own = known.measurement
        if attribute not in self._readers:
            self._readers[attribute] = MeasureReader(own)
        wanted, tolerance = Fraction(own.number(value)), Fraction(own.tolerance)
        return any(abs(number - wanted) <= tolerance for number in self._readers[attribute].numbers_in(text))

    def names_another(self, attribute: str, value: str, text: str) -> bool:
        """Whether ``text`` names a value of the attribute, and ``value`` is none that it names.

        Never so of a measure: another number may be that of something else.
        """
        known = self._contract.attributes.get(attribute)
        if known is None or known.measurement is not None or self.names(attribute, value, text):
            return False
        return bool(self._pattern(attribute, None).search(text))

    def _pattern(self, attribute: str, value: str | None) -> Any:
        """Of one value, or of all."""
        if (attribute, value) not in self._patterns:
            known = self._contract.attributes.get(attribute)
            found = spellings(known, value) if known is not None else [(value or "").casefold()]
            self._patterns[attribute, value] = words_pattern(found)
        return self._patterns[attribute, value]
