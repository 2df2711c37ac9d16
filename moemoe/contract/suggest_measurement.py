"""Suggests a measurement for the raw labels of a key, as a first version to be edited."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

import regex

from moemoe.contract.measure_numbers import doubt_about, sign_shown
from moemoe.contract.measurement import Measurement, Unit
from moemoe.contract.measures import MeasureError, MeasureReader
from moemoe.contract.text import plain_measure
from moemoe.contract.units import kind_of, sellers_units, unit_of

#: A measurement is suggested if this share of the labels state one number, in units of the same quantity.
MOST_LABELS = 0.8
#: The range ends at this quantile; labels beyond it are taken for mistakes.
IN_RANGE = 0.995
#: Of numbers; smaller ones than 1 may need more.
MOST_DECIMALS, MOST_NEEDED_DECIMALS = 2, 6

#: Words and signs; those of a measure must be units or in _BESIDE.
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*(?:\.\p{L}[\p{L}\p{M}]*)*|[\"'%‰]|°\p{L}?")
_BESIDE = frozenset(
    (*("approx", "approximately", "about", "circa", "ca", "to", "and", "or", "x"), *("約", "约", "程度", "ungefähr"))
)
_FLUID_OUNCE = re.compile(r"\bfl(?:uid)?[. ]*(?:ozs?|ounces?)\b", re.IGNORECASE)
_DECIMALS = re.compile(r"\d[.,](\d{1,2})(?!\d)")
_NUMBER_ALONE = re.compile(r"[-+]?\d[\d.,]*")
#: The "in" of "Made in" is not a unit.
_UNIT_OF_KEY = regex.compile(r"(?:[(\[] ?(?:in )?(?P<bracketed>[^()\[\]]+?) ?[)\]]|[ _](?!in$)(?P<word>\p{L}{2,}))$")
#: Placeholder for a unit that no label states.
UNKNOWN, _ANY_UNIT = "UNIT", "g"
_ANY = Decimal(10) ** 12


@dataclass(frozen=True)
class Suggested:
    """A measurement, and the evidence for it in the labels.

    Args:
        measurement: with a range and a tolerance that the labels suggest.
        labels: how many labels state a value.
        least, most: smallest and largest value, as text.
        doubt: what to write so that labels such as "1.200 mm" are read; None if other labels decide it, or none is
            ambiguous.
    """

    measurement: Measurement
    labels: int
    least: str
    most: str
    doubt: str | None = None


def unit_in_key(key: str) -> str | None:
    """The unit at the end of a raw key, for the numbers under it: "Width (cm)", "weight_kg", "Depth [mm]"."""
    found = _UNIT_OF_KEY.search(key)
    if not found:
        return None
    word = found["bracketed"] or found["word"]
    return sellers_units().get(word if len(word) == 1 else word.casefold())


def suggest_of_numbers(labels: Mapping[str, int], number: int) -> Suggested | None:
    """Suggests a measurement for labels that are mostly numbers without any unit; None for other labels.

    Its unit is ``UNKNOWN``; a person has to fill it in.

    Args:
        labels, number: see ``suggest_measurement``.
    """
    alone = {label: count for label, count in labels.items() if _NUMBER_ALONE.fullmatch(label)}
    if sum(alone.values()) < MOST_LABELS * max(number, 1):
        return None
    found = suggest_measurement(alone, number, _ANY_UNIT)
    if found is None:
        return None
    measurement = replace(found.measurement, units=(Unit(UNKNOWN, (), ()),), default_unit=None)
    least, most = (text.removesuffix(f" {_ANY_UNIT}") for text in (found.least, found.most))
    return replace(found, measurement=measurement, least=least, most=most)


def suggest_measurement(labels: Mapping[str, int], number: int, unit: str | None = None) -> Suggested | None:
    """Suggests a measurement for ``labels``; None if most of them state no number with a unit.

    Args:
        labels: raw label -> how often it occurs, for labels that contain a number.
        number: of all labels of the key, including those not in ``labels``.
        unit: the unit of a number without one, as ``unit_in_key`` finds it.
    """
    if unit:
        labels = {f"{label} {unit}" if _NUMBER_ALONE.fullmatch(label) else label: n for label, n in labels.items()}
    firsts, found, plain = Counter[str](), Counter[str](), dict[str, int]()
    for label, count in labels.items():
        if units_here := _units_in(label):
            plain[label] = count
            firsts[units_here[0]] += count
            found.update(dict.fromkeys(units_here, count))
    if not found:
        return None
    canonical, _ = firsts.most_common(1)[0]
    names = [name for name, _ in found.most_common() if name != canonical and kind_of(name) == kind_of(canonical)]
    units = tuple(unit_of(name, (), canonical) for name in (canonical, *names))
    sign = sign_shown((plain_measure(label), count) for label, count in plain.items())
    # the decimal sign may be decided later; the range assumes the usual one
    wide = Measurement(units, MOST_NEEDED_DECIMALS, -_ANY, _ANY, _ANY, decimal_sign=sign or ".")
    rough = _read(plain, wide)  # of "2 in (5.1 cm)", the first number
    read = _read(plain, replace(wide, tolerance=_near(rough))) if rough else rough
    if not read or read.total() < MOST_LABELS * max(number, 1):
        return None
    numbers = sorted(read)
    decimals = max([_needed_decimals(read), *map(_decimals, plain)])
    lowest = _quantile(read, 1 - IN_RANGE)
    least = Decimal(0) if lowest >= 0 else lowest.to_integral_value("ROUND_FLOOR")
    most = _rounded_up(_quantile(read, IN_RANGE))
    step = Decimal(1).scaleb(-decimals)
    tolerance = max(step, _near(read))
    if tolerance >= (most - least) / 2:
        tolerance = Decimal(0)
    return Suggested(
        Measurement(units, decimals, least, most, tolerance, unit if unit in (canonical, *names) else None, sign),
        read.total(),
        f"{numbers[0].normalize():f} {canonical}",
        f"{numbers[-1].normalize():f} {canonical}",
        None if sign else next(filter(None, map(doubt_about, map(plain_measure, plain))), None),
    )


def _units_in(label: str) -> list[str]:
    """The units of a label; none if it has other words: "100% cotton" is about cotton."""
    known = sellers_units()
    words = _WORD.findall(_FLUID_OUNCE.sub("floz", plain_measure(label)))
    # case matters for a single letter: M and L are sizes
    units = [known.get(word if len(word) == 1 else word.casefold()) for word in words if word.casefold() not in _BESIDE]
    return [] if None in units else [unit for unit in units if unit]


def _read(labels: Mapping[str, int], wide: Measurement) -> Counter[Decimal]:
    """Number in the first unit -> labels that state it."""
    reader, read = MeasureReader(wide), Counter[Decimal]()
    for label, count in labels.items():
        try:
            read[wide.number(reader.value(label))] += count
        except MeasureError:
            continue
    return read


def _near(read: Counter[Decimal]) -> Decimal:
    """A hundredth of the typical number, rounded to one digit."""
    return _one_digit(abs(_quantile(read, 0.5)) / 100)


def _quantile(read: Counter[Decimal], share: float) -> Decimal:
    seen = 0
    for number in sorted(read):
        seen += read[number]
        if seen >= share * read.total():
            return number
    return max(read)


def _needed_decimals(read: Counter[Decimal]) -> int:
    """The number of decimals with which rounding changes few of the numbers by more than 1 %."""
    for decimals in range(MOST_NEEDED_DECIMALS):
        near = (n for n in read if abs(round(n, decimals) - n) <= abs(n) / 100)
        if sum(read[n] for n in near) >= 0.95 * read.total():
            return decimals
    return MOST_NEEDED_DECIMALS


def _decimals(label: str) -> int:
    """Digits after the point of a label's number; a comma before three digits groups thousands."""
    return min(MOST_DECIMALS, max((len(digits) for digits in _DECIMALS.findall(label)), default=0))


def _rounded_up(number: Decimal) -> Decimal:
    """Rounds up to two digits: 873 becomes 880."""
    if number <= 0:
        return Decimal(1)
    step = Decimal(10) ** (math.floor(math.log10(number)) - 1)
    return (number / step).to_integral_value("ROUND_CEILING") * step


def _one_digit(number: Decimal) -> Decimal:
    return Decimal(f"{number:.0e}") if number else number
