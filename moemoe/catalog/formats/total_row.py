"""Rows of totals, which people and programs write below a table ("Total", "", "", 12, 340.50)."""

import re
from collections.abc import Sequence
from typing import Any

TOTALS = "rows of totals, left out"
_WORDS = (
    "totals?|sum|summe|gesamt|gesamtsumme|insgesamt|zwischensumme|totale|total général|total general|suma|razem|totaal|"
    "toplam|итого|всего|合計|小計|总计|總計|합계"
)
_TOTAL = re.compile(rf"(?:(?:grand|sub)[ -]?)?(?:{_WORDS})\s*(?:\(.*\))?\s*:?", re.IGNORECASE)
_NUMBER = re.compile(r"\W*\d[\d.,\s']*\W*(?:[A-Z]{3})?")


def is_total(cells: Sequence[Any]) -> bool:
    """Whether a row's first cell that is filled is a word for a total, and all others are numbers or blank.

    A product has an id, a type and a title; of these one is a number at most, so that no product is such a row.
    """
    at = next((at for at, cell in enumerate(cells) if cell not in ("", None)), len(cells))
    if at == len(cells) or not isinstance(cells[at], str) or not _TOTAL.fullmatch(cells[at].strip()):
        return False
    return all(map(_is_number_or_blank, cells[at + 1 :]))


def _is_number_or_blank(cell: Any) -> bool:
    if isinstance(cell, str):
        return not cell.strip() or _NUMBER.fullmatch(cell.strip()) is not None
    return cell is None or isinstance(cell, (int, float))
