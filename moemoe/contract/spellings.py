"""Finding an attribute's values in running text, in every spelling that the contract lists."""

import re
from collections.abc import Iterable

from moemoe.contract.contract import Attribute
from moemoe.contract.text import fold

_BETWEEN = r"[\s_\-\u2010-\u2015]*"  # "Navy Blue", "navy-blue" and "navyblue" are one
_BEFORE, _AFTER = r"(?<![^\W_])(?<!['\u2019])", r"(?![^\W_])"  # no letter or digit; the s of "men's" is no word


def spellings(attribute: Attribute, value: str | None = None) -> list[str]:
    """The folded spellings of one value, or of all: names and aliases."""
    values = attribute.values if value is None else {value: attribute.values.get(value, ())}
    return sorted({fold(text) for name, aliases in values.items() for text in (name, *aliases)} - {""})


def words_pattern(found: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the folded spellings as whole words, whatever their case and hyphens; the longest first.

    Literal text alone goes into it, so Python's own ``re`` cannot be made to run long, and a GPU box needs no RE2.
    """
    longest_first = sorted(found, key=lambda text: (-len(text), text))
    if not longest_first:
        return re.compile(r"(?!)")
    choices = "|".join(_BETWEEN.join(map(re.escape, text.split(" "))) for text in longest_first)
    return re.compile(f"{_BEFORE}(?:{choices}){_AFTER}", re.IGNORECASE)
