"""A raw label -> the measure that it states ("12 1/2 in", "5' 6\\"", "approx. 32cm"), or why it states none.

Numbers: a comma groups thousands where three digits end the number and it does not begin with 0 ("1,200", "1,00,000"),
else it is a decimal comma; a point is a decimal point unless the number has several, or a comma behind it. Where the
contract's ``decimal_sign`` is a comma, "1.200" and "1,200" mean the opposite. Of several
measures in a label only three are one: parts of one measure ("5 ft 6 in"), the same in two units ("15 in / 38 cm") and
a range whose ends are within the tolerance of its middle.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import regex

from moemoe.contract.measure_words import NO_UNITS, RATE, TIMES, TO, problem_of
from moemoe.contract.measurement import Measurement, Unit
from moemoe.contract.text import fold_case, plain_label, plain_measure

#: A longer label is a text about the product.
LONGEST = 200
#: A number of more digits is none that anybody measured.
MOST_DIGITS = 30

#: Letters of scripts that write no blanks (see ``moemoe.words``): beside them a number or a unit may stand.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_ARABIC = str.maketrans({"\u066b": ".", "\u066c": ","})  # its signs of decimals and of thousands
_NUMBER = re.compile(
    rf"""(?=[-+.\d])(?<![^\W{_UNSPACED}])(?:(?<![.,])|(?<=[^\W\d_]\.))(?P<sign>(?<![\w"')])[-+])?(?:
        (?:(?P<whole>\d+)(?:\ |-|\ and\ ))?(?P<numerator>\d{{1,2}})/(?P<denominator>2|3|4|5|8|10|16|32|64)(?![\d/])
        |(?P<decimal>\d[\d.,]*\d|\d|\.\d+))""",
    re.VERBOSE,
)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+|\.\d{3})")
#: Thousands or decimals, as the contract's ``decimal_sign`` says.
_EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_OTHER_SIGN = str.maketrans(".,", ",.")
_PLAIN = re.compile(r"\d*\.?\d+|\d+,\d+")
_WORD = regex.compile(r"""[ -]*(\p{L}[\p{L}\p{M}\p{N}]*|["'%‰°])""")
_PARTS = re.compile(r"\s*(?:,|&|and)?\s*", re.IGNORECASE)
_GLUED_TIMES = re.compile(r"(?<![^\W\d_])\s?[xX]\s?(?=\d)")
#: A sign, or a dash before a list's item: "- 5".
_LOOSE_MINUS = re.compile(r"-\s+$")


class MeasureError(ValueError):
    """A label that states no measure; the message says why."""


@dataclass(frozen=True)
class Found:
    """A number in a text, None if it cannot be read; its unit if it has an accepted one, else the word behind it."""

    number: Fraction | None
    unit: Unit | None
    word: str
    start: int
    end: int


class MeasureReader:
    """Reads labels of one attribute."""

    def __init__(self, measurement: Measurement):
        self._measurement = measurement
        self._exact = {spelling: unit for unit in measurement.units for spelling in unit.spellings}
        self._folded: dict[str, set[Unit]] = {}
        for spelling, unit in self._exact.items():
            self._folded.setdefault(fold_case(spelling), set()).add(unit)
        self._default = next((u for u in measurement.units if u.name == measurement.default_unit), None)

    def value(self, raw: str) -> str:
        """The canonical value of ``raw``, e.g. "32 cm".

        Raises:
            MeasureError: it states none, or none that is allowed.
        """
        own = self._measurement
        exact = self._number(raw)
        number = own.rounded(exact)
        if exact and not number and abs(exact) > own.tolerance:
            raise MeasureError(f"{float(exact):.2g} {own.unit} is too small for {own.decimals} decimals")
        if not own.in_range(number):
            raise MeasureError(
                f"{own.text(Fraction(number))} is outside {own.at_least:f} to {own.at_most:f} {own.unit}"
            )
        return own.text(Fraction(number))

    def numbers_in(self, text: str) -> Iterator[Fraction]:
        """Every number with an accepted unit in running text, in the canonical unit."""
        for found in self._all(_plain(text)):
            if found.unit and found.number is not None:
                yield found.number * found.unit.factor + found.unit.offset

    def _number(self, raw: str) -> Fraction:
        """What ``raw`` states, in the canonical unit."""
        text = _GLUED_TIMES.sub(" × ", plain_label(_plain(raw)).replace("\n", "; "))
        if len(text) > LONGEST:
            raise MeasureError("a text, not a measure")
        all_found = list(self._all(text))
        if not all_found:
            raise MeasureError("no number")
        for found in all_found:
            if found.number is None:
                raise MeasureError(f"the number {text[found.start : found.end]!r} cannot be read")
        between = [text[one.end : other.start] for one, other in pairwise(all_found)]
        is_range = any(map(TO.fullmatch, between))
        apart = [part for part in between if not TO.fullmatch(part)]  # "10 bis 12 cm" is a range
        before = text[: all_found[0].start]
        if problem := problem_of([before, *apart, text[all_found[-1].end :]], is_range):
            raise MeasureError(problem)
        if self._measurement.at_least < 0 and _LOOSE_MINUS.search(before):
            raise MeasureError("the dash before the number may be a minus; write it without a blank")
        if any(map(TIMES.search, between)):
            raise MeasureError("several dimensions; one number is allowed")
        for place in range(len(between) - 1, -1, -1):  # "10-12 cm": both are cm
            one, following = all_found[place], all_found[place + 1]
            if one.unit is None and not _is_unit(one.word) and _is_joined(between[place]):
                all_found[place] = Found(one.number, following.unit, following.word, one.start, one.end)
        numbers = self._without_parts(all_found, between)
        if len(numbers) == 1:
            return numbers[0]
        tolerance = Fraction(self._measurement.tolerance)
        if len(numbers) == 2 and is_range:
            low, high = sorted(numbers)
            if high - low > 2 * tolerance:
                raise MeasureError("a range; one number is allowed")
            return (low + high) / 2
        if any(abs(number - numbers[0]) > tolerance for number in numbers):
            raise MeasureError("several numbers that differ; one is allowed")
        return numbers[0]

    def _without_parts(self, found: list[Found], between: list[str]) -> list[Fraction]:
        """The measures in the canonical unit, "5 ft 6 in" as one."""
        numbers: list[Fraction] = []
        last: Unit | None = None
        for place, one in enumerate(found):
            assert one.number is not None  # _number has refused such labels
            unit = self._unit_of(one)
            if last is not None and _PARTS.fullmatch(between[place - 1]) and not (last.offset or unit.offset):
                ratio = last.factor / unit.factor
                whole = (numbers[-1] / last.factor).denominator == 1
                if ratio > 1 and ratio.denominator == 1 and whole and 0 <= one.number < ratio:
                    numbers[-1] += one.number * unit.factor
                    last = None
                    continue
            numbers.append(one.number * unit.factor + unit.offset)
            last = unit
        return numbers

    def _unit_of(self, found: Found) -> Unit:
        if found.unit:
            return found.unit
        units = self._measurement.units
        names = ", ".join(unit.name for unit in units)
        if _is_unit(found.word):
            raise MeasureError(f"unit {found.word!r} is not accepted; accepted are {names}")
        if self._default:
            return self._default
        if len(units) > 1:
            raise MeasureError(f"no unit; it may be one of {names}")
        return units[0]

    def _all(self, text: str) -> Iterator[Found]:
        """Every number of a text as ``plain_measure`` writes it."""
        end = 0
        for match in _NUMBER.finditer(text):
            if match.start() < end:  # the 2 of "m**2"
                continue
            number, start = _number_of(match, self._measurement.decimal_sign), match.start()
            if match["sign"] == "-":
                if text[:start].rstrip()[-1:].isdigit():  # "10 -12 cm" is a range
                    start += 1
                elif number is not None:
                    number = -number
            unit = self._spelled.match(text, match.end())
            known = self._known(unit["unit"]) if unit else None
            rate = RATE.match(text, unit.end()) if unit else None
            if unit and known and not rate:
                end = unit.end()
                yield Found(number, known, "", start, end)
            elif unit and rate:
                end = rate.end()
                yield Found(number, None, text[unit.start("unit") : end], start, end)
            else:
                word = _WORD.match(text, match.end())
                yield Found(number, None, word[1] if word else "", start, match.end())

    def _known(self, spelling: str) -> Unit | None:
        """The unit that ``spelling`` means; none where only its case tells which one ("MW", "mW")."""
        units = self._folded.get(fold_case(spelling), set())
        return self._exact.get(spelling) or (next(iter(units)) if len(units) == 1 else None)

    @cached_property
    def _spelled(self) -> Any:
        """An accepted unit behind a number, also in brackets; the longest spelling first."""
        longest_first = sorted(self._exact, key=lambda text: (-len(text), text))
        words = "|".join(regex.escape(text) + _edge(text[-1]) for text in longest_first)
        return regex.compile(
            rf"[ -]{{0,3}}(?P<bracket>\( ?)?(?P<unit>{words})\.?(?(bracket) ?\))", regex.IGNORECASE | regex.VERSION1
        )


def _edge(last: str) -> str:
    """What may not follow a unit with this last letter: a letter, of scripts without blanks only if it is one too."""
    if not regex.match(r"[\p{L}\p{M}\p{N}]", last):
        return ""
    letters = r"[\p{L}\p{M}\p{N}]"
    return rf"(?!{letters})" if regex.match(f"[{_UNSPACED}]", last) else rf"(?![{letters}--[{_UNSPACED}]])"


def _plain(text: str) -> str:
    return plain_measure(text.translate(_ARABIC))


def _is_joined(between: str) -> bool:
    return bool(TO.fullmatch(between)) or between.strip() in ("/", "or", ",")


def _is_unit(word: str) -> bool:
    return bool(word) and word.casefold() not in NO_UNITS


def _number_of(match: re.Match[str], decimal_sign: str) -> Fraction | None:
    """The number without its sign; None if it cannot be read."""
    if len(match[0]) > MOST_DIGITS:
        return None
    if match["numerator"]:
        numerator, denominator = int(match["numerator"]), int(match["denominator"])
        return int(match["whole"] or 0) + Fraction(numerator, denominator) if numerator < denominator else None
    digits = match["decimal"]
    if decimal_sign == "," and _EITHER.fullmatch(digits):
        digits = digits.translate(_OTHER_SIGN)
    if _GROUPED.fullmatch(digits):
        return Fraction(digits.replace(",", ""))
    if _GROUPED_BY_POINTS.fullmatch(digits):
        return Fraction(digits.replace(".", "").replace(",", "."))
    return Fraction(digits.replace(",", ".")) if _PLAIN.fullmatch(digits) else None
