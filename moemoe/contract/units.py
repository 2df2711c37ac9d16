"""Resolves a contract's units with pint: whether they exist, how they convert, and their other names.

Only this module imports pint, and only contracts with measurements need it.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from typing import Any

from moemoe.contract.measurement import Unit
from moemoe.contract.text import plain_measure
from moemoe.contract.unit_names import SELLERS

#: The allowed notation of a unit; pint would evaluate any expression.
_NAME = r"(?:°?[^\W\d]+|%)(?:\*\*[1-9]|\^[1-9]|[²³])?"
_WRITTEN = re.compile(rf"{_NAME}(?:(?: ?[/*] ?| ){_NAME})*")
_POWER = re.compile(r"(?P<base>[^\W\d]+)(?:\*\*|\^)?(?P<power>[23²³])")

#: The units in which sellers measure products, as a contract writes them.
_USUAL = (
    *("cm", "mm", "m", "inch", "foot", "yard", "g", "kg", "mg", "lb", "oz", "carat", "l", "ml", "day", "month", "year"),
    *("hour", "minute", "degC", "degF", "percent", "W", "kW", "V", "Hz", "mAh"),
    *("MB", "GB", "TB", "fluid_ounce", "gallon"),
)


class UnitError(ValueError):
    """Raised for a text that is not a unit, or a unit that does not convert."""


def unit_of(name: str, aliases: Sequence[str], canonical: str) -> Unit:
    """The unit that a contract calls ``name``, converted to the one it calls ``canonical``.

    Raises:
        UnitError: the unit does not exist, or measures another quantity than ``canonical``.
    """
    registry = _registry()
    own, wanted = _parse(name), _parse(canonical)
    if own.dimensionality != wanted.dimensionality:
        raise UnitError(
            f"unit {name!r} is of {_kind(own)}, {canonical!r} of {_kind(wanted)}; accepted units must convert into "
            "the canonical one"
        )
    try:
        start, one = (registry.Quantity(Fraction(n), own).to(wanted).magnitude for n in (0, 1))
    except Exception as error:  # pint raises many kinds
        raise UnitError(f"unit {name!r} does not convert into {canonical!r}") from error
    power = name.replace("^", "**")
    written = (name, power.replace("**", ""), power.replace("**", "^"))  # "g/m2", which "g/m²" becomes
    found = dict.fromkeys(map(plain_measure, (*written, *aliases, *_spellings(name), *_powers(name))))
    return Unit(name, tuple(aliases), tuple(found), Fraction(one) - Fraction(start), Fraction(start))


@cache
def sellers_units() -> Mapping[str, str]:
    """Spelling -> unit, for the units in which sellers measure products; in lower case, except single letters.

    Empty without pint, which only contracts with measurements need.
    """
    if find_spec("pint") is None:
        return {}
    found: dict[str, str] = {}
    for name in _USUAL:
        for spelling in unit_of(name, (), name).spellings:
            found.setdefault(spelling if len(spelling) == 1 else spelling.casefold(), name)
    return found


def kind_of(name: str) -> str:
    """The quantity that a unit measures, for messages."""
    return _kind(_parse(name))


def _spellings(name: str) -> list[str]:
    """Name, symbol, both spellings of metre, plurals, and sellers' names; none for a compound unit."""
    parsed = _registry().parse_unit_name(name)
    if not parsed:
        return []
    full, symbol = _registry().get_name(name), str(_registry().get_symbol(name))
    words = [full.replace("_", " ")]
    words += [words[0].replace(ours, theirs) for ours, theirs in (("meter", "metre"), ("liter", "litre"))]
    plurals = [word + "s" for word in (*words, symbol) if len(word) > 1 and word.replace(" ", "").isalpha()]
    return [*words, symbol, *plurals, *SELLERS.get(full, ())]


def _powers(name: str) -> list[str]:
    """Common spellings of square and cubic units: sq m, square meters; cu cm, cubic centimeters."""
    found = _POWER.fullmatch(name)
    if not found:
        return []
    words = ("sq ", "sq. ", "sq", "square ") if found["power"] in "2²" else ("cu ", "cu. ", "cubic ")
    return [word + base for base in _spellings(found["base"]) for word in words]


def _parse(name: str) -> Any:
    problem = f"unit {name!r} does not exist; allowed are units that pint knows, e.g. cm, inch, kg, month, degC, g/m**2"
    if not _WRITTEN.fullmatch(name):
        raise UnitError(problem)
    try:
        return _registry().parse_units(name)
    except Exception as error:  # UndefinedUnitError, or an error of its parser
        raise UnitError(problem) from error


def _kind(unit: Any) -> str:
    powers = sorted(unit.dimensionality.items())
    return " ".join(name.strip("[]") + ("" if power == 1 else f"^{power}") for name, power in powers) or "no dimension"


@cache
def _registry() -> Any:
    import pint

    return pint.UnitRegistry(non_int_type=Fraction)  # 12.6 inch are 32.004 cm, exactly
