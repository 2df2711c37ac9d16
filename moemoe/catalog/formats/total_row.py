"""Rows of totals below a table ("Total", "", "", 12, 340.50)."""

import re
from collections.abc import Sequence
from typing import Any

TOTALS = "rows of totals, left out"
_WORDS = (
    "totals?|sum|summe|gesamt|gesamtsumme|insgesamt|zwischensumme|totale|total général|total general|suma|razem|totaal|"
    "toplam|итого|всего|合計|小計|总计|總計|합계"
)
_TOTAL = re.compile(rf"(?:(?:grand|sub)[ -]?)?(?:{_WORDS})\s*(?:\(.*\))?\s*:?", re.IGNORECASE)
#: A quick check of each row, much faster than the regular expression.
_LETTERS = frozenset(letter for word in f"grand|{_WORDS}".split("|") for letter in (word[0], word[0].upper()))
_NUMBER = re.compile(r"\W*\d[\d.,\s']*\W*(?:[A-Z]{3})?")


def is_total(cells: Sequence[Any]) -> bool:
    """Whether a row's first filled cell is a word for a total, and all others are numbers or blank.

    A product is never such a row: of its id, type and title at most one is a number.
    """
    first = next(filter(None, cells), None)
    if not isinstance(first, str) or first.lstrip()[:1] not in _LETTERS or not _TOTAL.fullmatch(first.strip()):
        return False
    return all(map(_is_number_or_blank, cells[cells.index(first) + 1 :]))


def _is_number_or_blank(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip() or _NUMBER.fullmatch(cell.strip()) is not None
    return cell is None or isinstance(cell, (int, float))
