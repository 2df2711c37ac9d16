"""A row of units directly below the header (``-, -, cm, kg``)."""

import re
from collections.abc import Sequence
from typing import Any

from moemoe.contract.cell_text import as_text
from moemoe.contract.units import UnitError, sellers_units, unit_of

UNITS = "rows of units below the header, added to the numbers below"
#: Cells of such a row in columns without a unit.
_WORDS = (
    "- -- – — / . n/a na none text string number integer date list unit units unit: units: uom einheit einheiten unité "
    "unités unidad unidades unità unidade eenheid jednostka birim единица единицы 単位 单位 單位 pc pcs piece pieces "
    "stück stk stk. eur usd gbp inr € $ £ ₹"
)
_NO_UNIT = frozenset(("", *_WORDS.split(" ")))
_LONGEST = 20
_BRACKETED = re.compile(r"[\[({]\s*(.*?)\s*[\])}]")
_POWER = re.compile(r"(?<=[^\W\d])([23])$")  # of g/m2
_NUMBER = re.compile(r"[-+]?\d[\d.,/ ]*|[-+]?(?:\d+ ?)?[¼-¾⅐-⅞]")


def units_of(cells: Sequence[Any]) -> list[str]:
    """The unit of each column, "" if it has none; [] if the row is not a row of units."""
    if not all(isinstance(cell, str) and len(cell) <= _LONGEST for cell in cells):
        return []
    plain = [_BRACKETED.sub(r"\1", cell.strip()) for cell in cells]
    units = ["" if cell.casefold() in _NO_UNIT else cell for cell in plain]
    named = [unit for unit in units if unit]
    # a product has an id, so that its cells cannot all be units
    if not named or len(named) == len(units) or any(re.search("[014-9]", unit) for unit in named):
        return []
    is_usual = list(map(is_sellers_unit, named))
    return units if any(is_usual) and all(map(_is_unit, named, is_usual)) else []


def is_sellers_unit(unit: str) -> bool:
    """Whether a text is a unit in which sellers measure products; never without pint."""
    known = sellers_units()
    return unit in known or unit.casefold() in known


def _is_unit(unit: str, is_usual: bool) -> bool:
    if is_usual:
        return True
    try:
        name = _POWER.sub(r"**\1", unit)
        unit_of(name, (), name)
    except UnitError:
        return False
    return True


def with_units(cells: Sequence[Any], units: Sequence[str]) -> list[Any]:
    """The cells of a row, with their column's unit appended to numbers."""
    return [_with_unit(cell, unit) if unit else cell for cell, unit in zip(cells, units, strict=False)] + list(
        cells[len(units) :]
    )


def _with_unit(cell: Any, unit: str) -> Any:
    text = (as_text(cell) or "").strip() if isinstance(cell, (str, int, float)) else ""
    return f"{text} {unit}" if _NUMBER.fullmatch(text) else cell
