"""Raw labels of one key -> the measurement that most of them state, as a first one to be edited."""

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

#: Suggested if so many of the labels state one number in units of one kind.
MOST_LABELS = 0.8
#: Labels beyond this share, from below, are taken for mistakes: the range leaves them out.
IN_RANGE = 0.995
#: Of numbers; smaller ones than 1 may need more.
MOST_DECIMALS, MOST_NEEDED_DECIMALS = 2, 6

#: Words and signs; all of a measure's are units, or these.
_WORD = regex.compile(r"\p{L}[\p{L}\p{M}]*(?:\.\p{L}[\p{L}\p{M}]*)*|[\"'%‰]|°\p{L}?")
_BESIDE = frozenset(
    (*("approx", "approximately", "about", "circa", "ca", "to", "and", "or", "x"), *("約", "约", "程度", "ungefähr"))
)
_FLUID_OUNCE = re.compile(r"\bfl(?:uid)?[. ]*(?:ozs?|ounces?)\b", re.IGNORECASE)
_DECIMALS = re.compile(r"\d[.,](\d{1,2})(?!\d)")
_NUMBER_ALONE = re.compile(r"[-+]?\d[\d.,]*")
#: "Made in" is about no inches.
_UNIT_OF_KEY = regex.compile(r"(?:[(\[] ?(?:in )?(?P<bracketed>[^()\[\]]+?) ?[)\]]|[ _](?!in$)(?P<word>\p{L}{2,}))$")
#: What stands for a unit that nobody has said.
UNKNOWN, _ANY_UNIT = "UNIT", "g"
_ANY = Decimal(10) ** 12


@dataclass(frozen=True)
class Suggested:
    """A measurement, and what of the labels speaks for it.

    Args:
        measurement: with a range and a tolerance that the labels suggest.
        labels: how many labels state a value.
        least, most: of the values, as they are written.
        doubt: what to write so that labels such as "1.200 mm" are read; None if they show it, or there are none.
    """

    measurement: Measurement
    labels: int
    least: str
    most: str
    doubt: str | None = None


def unit_in_key(key: str) -> str | None:
    """The unit that a raw key ends with, of the numbers below it: "Width (cm)", "weight_kg", "Depth [mm]"."""
    found = _UNIT_OF_KEY.search(key)
    if not found:
        return None
    word = found["bracketed"] or found["word"]
    return sellers_units().get(word if len(word) == 1 else word.casefold())


def suggest_of_numbers(labels: Mapping[str, int], number: int) -> Suggested | None:
    """A measurement for labels of which most are numbers alone, in a unit that nothing says; None for any others.

    A person has to say its unit, ``UNKNOWN`` here.

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
    """What ``labels`` measure; None if most of them state no number with a unit.

    Args:
        labels: raw label -> how often it comes, those with a number in them.
        number: of all the key's labels, those that are not in ``labels`` too.
        unit: that of a number alone, as ``unit_in_key`` finds it.
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
    # which sign it is may be found out later; for the range it is the usual one
    wide = Measurement(units, MOST_NEEDED_DECIMALS, -_ANY, _ANY, _ANY, decimal_sign=sign or ".")
    rough = _read(plain, wide)  # of "2 in (5.1 cm)" the first
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
    """The units of a label that has no other words: "100% cotton" is about cotton."""
    known = sellers_units()
    words = _WORD.findall(_FLUID_OUNCE.sub("floz", plain_measure(label)))
    # a letter alone is as it is written: M and L are sizes
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
    """A hundredth of the usual number, in one digit."""
    return _one_digit(abs(_quantile(read, 0.5)) / 100)


def _quantile(read: Counter[Decimal], share: float) -> Decimal:
    seen = 0
    for number in sorted(read):
        seen += read[number]
        if seen >= share * read.total():
            return number
    return max(read)


def _needed_decimals(read: Counter[Decimal]) -> int:
    """So many that rounding changes few of the numbers by more than 1 %."""
    for decimals in range(MOST_NEEDED_DECIMALS):
        near = (n for n in read if abs(round(n, decimals) - n) <= abs(n) / 100)
        if sum(read[n] for n in near) >= 0.95 * read.total():
            return decimals
    return MOST_NEEDED_DECIMALS


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
