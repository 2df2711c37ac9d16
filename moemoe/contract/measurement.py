"""Measurements: attributes whose values are a number with a unit ("32 cm"); an answer is right within a tolerance.

Only ``units`` uses pint, to convert a contract's units; this module needs just the resulting numbers.
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_CANONICAL = re.compile(r"(-?(?:0|[1-9]\d*)(?:\.\d*[1-9])?) (.+)")


@dataclass(frozen=True)
class Unit:
    """A unit that labels may have; its numbers times ``factor`` plus ``offset`` are numbers of the canonical unit.

    Args:
        name: as the contract writes it.
        aliases: the further spellings that the contract lists.
        spellings: all spellings that mean it in a label, normalized by ``plain_measure``.
    """

    name: str
    aliases: tuple[str, ...]
    spellings: tuple[str, ...]
    factor: Fraction = Fraction(1)
    offset: Fraction = Fraction(0)


@dataclass(frozen=True)
class Measurement:
    """What the numbers of an attribute mean.

    Args:
        units: the accepted units, the canonical one first.
        decimals: maximum number of digits after the point of a value.
        at_least, at_most: the range of the values, in the canonical unit.
        tolerance: how far a right answer may lie from the label, in the canonical unit.
        default_unit: the name of the unit assumed for a number without one; None if a number must have a unit.
        decimal_sign: what "1.200" and "1,200" mean: with "." 1.2 and 1200, with "," 1200 and 1.2; None: unknown.
    """

    units: tuple[Unit, ...]
    decimals: int
    at_least: Decimal
    at_most: Decimal
    tolerance: Decimal
    default_unit: str | None = None
    decimal_sign: str | None = None

    @property
    def unit(self) -> str:
        """The canonical unit."""
        return self.units[0].name

    def in_range(self, number: Decimal) -> bool:
        """Whether ``number`` of the canonical unit is allowed."""
        return self.at_least <= number <= self.at_most

    def rounded(self, number: Fraction) -> Decimal:
        """``number``, in the canonical unit, rounded as values are, halves away from zero."""
        steps = int(abs(number) * 10**self.decimals + Fraction(1, 2))
        return Decimal(-steps if number < 0 else steps).scaleb(-self.decimals)

    def text(self, number: Fraction) -> str:
        """The value of ``number``, which is in the canonical unit: "32 cm", "6.4 cm"."""
        digits = f"{self.rounded(number):f}"
        return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} {self.unit}"

    def allows(self, value: str) -> bool:
        """Whether ``value`` is canonical: in the canonical unit, rounded, and in the range."""
        found = _CANONICAL.fullmatch(value)
        if not found or found[2] != self.unit:
            return False
        number = Decimal(found[1])
        return self.in_range(number) and self.text(Fraction(number)) == value

    def number(self, value: str) -> Decimal:
        """The number of a canonical value."""
        return Decimal(value.removesuffix(f" {self.unit}"))
