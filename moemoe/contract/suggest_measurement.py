"""Raw labels of one key -> the measurement that most of them state, as a first one to be edited."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from moemoe.contract.measurement import Measurement, Unit
from moemoe.contract.measures import MeasureError, MeasureReader
from moemoe.contract.text import plain_measure
from moemoe.contract.units import kind_of, sellers_units, unit_of

#: Suggested if so many of the labels state one number in units of one kind.
MOST_LABELS = 0.8
#: Labels beyond this share, from below, are taken for mistakes: the range leaves them out.
IN_RANGE = 0.995
MOST_DECIMALS = 2

#: Words and signs; all of a measure's are units, or these.
_WORD = re.compile(r"[^\W\d_]+|[\"'%]|°[^\W\d_]?")
_BESIDE = frozenset(("approx", "approximately", "about", "circa", "ca", "to", "and", "or", "x"))
_DECIMALS = re.compile(r"\d[.,](\d{1,2})(?!\d)")
_ANY = Decimal(10) ** 12


@dataclass(frozen=True)
class Suggested:
    """A measurement, and what of the labels speaks for it.

    Args:
        measurement: with a range and a tolerance that the labels suggest.
        labels: how many labels state a value.
        least, most: of the values, as they are written.
    """

    measurement: Measurement
    labels: int
    least: str
    most: str


def suggest_measurement(labels: Mapping[str, int], number: int) -> Suggested | None:
    """What ``labels`` measure; None if most of them state no number with a unit.

    Args:
        labels: raw label -> how often it comes, those with a number in them.
        number: of all the key's labels, those that are not in ``labels`` too.
    """
    found, plain = Counter[str](), dict[str, int]()
    for label, count in labels.items():
        if units_here := _units_in(label):
            plain[label] = count
            found[units_here[0]] += count
    if not found:
        return None
    canonical, _ = found.most_common(1)[0]
    names = [name for name, _ in found.most_common() if kind_of(name) == kind_of(canonical)]
    units = tuple(unit_of(name, (), canonical) for name in names)
    read = _read(plain, units)
    if read.total() < MOST_LABELS * max(number, 1):
        return None
    numbers = sorted(read)
    decimals = max([_needed_decimals(read), *map(_decimals, plain)])
    least = Decimal(0) if numbers[0] >= 0 else numbers[0].to_integral_value("ROUND_FLOOR")
    most = _rounded_up(_quantile(read, IN_RANGE))
    step = Decimal(1).scaleb(-decimals)
    tolerance = max(step, _one_digit(abs(_quantile(read, 0.5)) / 100))
    if tolerance >= (most - least) / 2:
        tolerance = Decimal(0)
    return Suggested(
        Measurement(units, decimals, least, most, tolerance),
        read.total(),
        *(f"{number.normalize():f} {canonical}" for number in (numbers[0], numbers[-1])),
    )


def _units_in(label: str) -> list[str]:
    """The units of a label that has no other words: "100% cotton" is about cotton."""
    known = sellers_units()
    words = _WORD.findall(plain_measure(label))
    # a letter alone is as it is written: M and L are sizes
    units = [known.get(word if len(word) == 1 else word.casefold()) for word in words if word.casefold() not in _BESIDE]
    return [] if None in units else [unit for unit in units if unit]


def _read(labels: Mapping[str, int], units: tuple[Unit, ...]) -> Counter[Decimal]:
    """Number in the first unit -> labels that state it."""
    wide = Measurement(units, 4, -_ANY, _ANY, Decimal(0))
    reader, read = MeasureReader(wide), Counter[Decimal]()
    for label, count in labels.items():
        try:
            read[wide.number(reader.value(label))] += count
        except MeasureError:
            continue
    return read


def _quantile(read: Counter[Decimal], share: float) -> Decimal:
    seen = 0
    for number in sorted(read):
        seen += read[number]
        if seen >= share * read.total():
            return number
    return max(read)


def _needed_decimals(read: Counter[Decimal]) -> int:
    """So many that rounding changes few of the numbers by more than 1 %."""
    for decimals in range(MOST_DECIMALS):
        near = (n for n in read if abs(round(n, decimals) - n) <= abs(n) / 100)
        if sum(read[n] for n in near) >= 0.95 * read.total():
            return decimals
    return MOST_DECIMALS


def _decimals(label: str) -> int:
    """Digits behind the point of a label's number; a comma before three digits groups thousands."""
    return min(MOST_DECIMALS, max((len(digits) for digits in _DECIMALS.findall(label)), default=0))


def _rounded_up(number: Decimal) -> Decimal:
    """With two digits, upwards: 873 is 880."""
    if number <= 0:
        return Decimal(1)
    step = Decimal(10) ** (math.floor(math.log10(number)) - 1)
    return (number / step).to_integral_value("ROUND_CEILING") * step


def _one_digit(number: Decimal) -> Decimal:
    return Decimal(f"{number:.0e}") if number else number
