"""Reads the measure that a raw label states ("12 1/2 in", "5' 6\\"", "approx. 32cm"), or says why it states none.

Several numbers in a label count as one measure in four cases: parts of one measure ("5 ft 6 in", "5ft10in"); the same
measure in two units, equal within the tolerance ("15 in / 38 cm") or to the precision of the coarser one ("86 in / 220
cm"); and a range whose ends are within the tolerance of its middle. A maker's tolerance ("32 cm +/- 2") is ignored.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Any

import regex

from moemoe.contract.contract import Attribute
from moemoe.contract.dimensions import LabelledNumbers, dimension_of
from moemoe.contract.measure_numbers import NUMBER, UNSPACED, number_of
from moemoe.contract.measure_words import (
    NO_UNITS,
    OUNCE,
    RATE,
    TIMES,
    TO,
    problem_of,
    several_pieces,
    without_one_piece,
)
from moemoe.contract.measurement import Measurement, Unit
from moemoe.contract.text import fold_case, plain_label, plain_measure

#: A longer label is taken for a text about the product.
LONGEST = 200

#: Arabic separators of thousands and of decimals are unambiguous; a zero appended to "1.200" makes it a decimal.
_ARABIC_THOUSANDS, _ARABIC_DECIMALS = "\u066c", re.compile("\u066b(\\d{3})(?!\\d)")
#: Swiss thousands: 1'200.
_APOSTROPHE_GROUP = re.compile(r"(?<=\d)'(?=\d{3}(?!\d))")
#: Spellings of units that are halved repeatedly, down to 64ths.
_HALVED = frozenset(('"', "'", "yd", "lb", "oz", "fl oz", "gal"))
_WORD = regex.compile(
    r"""[ -]*(fl(?:uid)?\.?\ ?(?:ozs?|ounces?)(?!\p{L})|\p{L}[\p{L}\p{M}\p{N}]*|["'%‰°])""", regex.IGNORECASE
)
#: Between two spellings of one measure: "86 inch / 220 cm", "220 cm (86 inch)".
_OR_ELSE = re.compile(r"[/(=|≈\[]")
_THOUSANDS = re.compile(r"[1-9]\d{0,2} \d{3}(?!\d)(?:[.,]\d+)?")
_PARTS = re.compile(r"\s*(?:,|&|and)?\s*", re.IGNORECASE)
#: A fast first check: most labels have no unit or letter right before a number.
_MAY_BE_GLUED = re.compile(r"(?:[^\W\d_]|[\"'%‰°])\d")
_GLUED_TIMES = re.compile(r"(?<![^\W\d_])\s?[xX]\s?(?=\d)")
#: A dimension's letter after a times sign: "W30xD20".
_TIMES_LETTER = re.compile(r"(?<=\d)\s?[xX×*]\s?[WDHLBwdhlb]\s?(?=\d)")
#: After a number that cannot be read: "D10 × 30 cm".
_TIMES_BEFORE = regex.compile(rf"(?:{TIMES.pattern})\s*$", regex.IGNORECASE)
#: A maker's tolerance: "32 cm +/- 2 cm", "± 5 %"; the unit after it may belong to the measure too.
_ALLOWED = re.compile(r"(?<=\S)(?:\ ?\(?)?\ ?(?:\+\ ?/?\ ?-|±)\ ?\d[\d.,]*(?:\ ?-\ ?\d[\d.,]*)?(?:\ ?%)?")
#: "±30 cm" means about 30 cm.
_ABOUT = re.compile(r"^\W*?(?:\+\ ?/?\ ?-|±)\ ?(?=\d)")
#: A sign, or a dash before a list's item: "- 5".
_LOOSE_MINUS = re.compile(r"-\s+$")


class MeasureError(ValueError):
    """Raised for a label that states no measure; the message says why."""


@dataclass(frozen=True)
class Found:
    """A number in a text, None if it cannot be read; its unit if that is accepted, and else the word after it.

    ``step`` is the smallest difference that the number's notation can express, ``problem`` why it cannot be read.
    """

    number: Fraction | None
    unit: Unit | None
    word: str
    start: int
    end: int
    step: Fraction = Fraction(1)
    problem: str = ""


@dataclass(frozen=True)
class _Stated:
    """A measure in the canonical unit, and the smallest difference that its notation can express."""

    number: Fraction
    step: Fraction
    unit: Unit


class MeasureReader:
    """Reads labels of one attribute.

    Args:
        dimension: the dimension to read from a label that states several, as ``dimension_of`` names it; if None, such
            a label states no measure.
    """

    def __init__(self, measurement: Measurement, dimension: str | None = None):
        self._measurement, self._dimension = measurement, dimension
        self._exact = {spelling: unit for unit in measurement.units for spelling in unit.spellings}
        self._folded: dict[str, set[Unit]] = {}
        for spelling, unit in self._exact.items():
            self._folded.setdefault(fold_case(spelling), set()).add(unit)
        self._default = next((u for u in measurement.units if u.name == measurement.default_unit), None)

    def value(self, raw: str) -> str:
        """The canonical value of ``raw``, e.g. "32 cm".

        Raises:
            MeasureError: it states no measure, or one that is not allowed.
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

    def under_key(self, raw: str, key: str) -> str:
        """``raw`` completed by its raw key's legend: "30 x 20 cm (W x D)" under "Size (W x D)"."""
        is_measure = self._dimension is not None and len(raw) <= LONGEST and any(map(str.isdigit, raw))
        legend = self._labelled.legend_of(key) if is_measure else None
        return raw + self._labelled.behind(self._with_one_spelling(raw), legend) if legend else raw

    def has_legend(self, keys: Iterable[str]) -> bool:
        """Whether any of the raw keys has a legend for several numbers, so that labels depend on their key."""
        return self._dimension is not None and any(map(self._labelled.legend_of, keys))

    def numbers_in(self, text: str) -> Iterator[Fraction]:
        """Every number with an accepted unit in running text, in the canonical unit."""
        for found in self._all(_plain(text)):
            if found.unit and found.number is not None:
                yield found.number * found.unit.factor + found.unit.offset

    def _number(self, raw: str) -> Fraction:
        """The number that ``raw`` states, in the canonical unit."""
        text = self._prepared(raw)
        if len(text) > LONGEST:
            raise MeasureError("a text, not a measure")
        all_found = list(self._all(text))
        between = [text[one.end : other.start] for one, other in pairwise(all_found)]
        self._check(text, all_found, between)
        for place in range(len(between) - 1, -1, -1):  # "10-12 cm": both are cm
            one, following = all_found[place], all_found[place + 1]
            if one.unit is None and not _is_unit(one.word) and _is_joined(between[place]):
                all_found[place] = replace(one, unit=following.unit, word=following.word)
        return self._agreed(self._without_parts(self._with_inches(all_found, between), between), between)

    def _check(self, text: str, all_found: list[Found], between: list[str]) -> None:
        """Raises MeasureError if the numbers in ``text``, or the words around them, rule out a measure."""
        if not all_found:
            raise MeasureError("no number")
        for found in all_found:
            if found.number is None:
                raise MeasureError(found.problem)
        is_range = any(map(TO.fullmatch, between))
        apart = [part for part in between if not TO.fullmatch(part)]  # "10 bis 12 cm" is a range
        before = text[: all_found[0].start]
        if problem := problem_of(before, apart, text[all_found[-1].end :], is_range):
            raise MeasureError(problem)
        if self._measurement.at_least < 0 and _LOOSE_MINUS.search(before):
            raise MeasureError("the dash before the number may be a minus; write a minus without a blank after it")
        if pieces := several_pieces(text, self._folded):
            raise MeasureError(f"{pieces!r} means several pieces; the measure may be that of one piece or of all")
        if any(map(TIMES.search, between)) or _TIMES_BEFORE.search(before):
            raise MeasureError("several dimensions, or a number of pieces; one measure is allowed")
        for one, following, part in zip(all_found, all_found[1:], between, strict=False):
            written = text[one.start : following.end]
            if part == " " and not one.unit and not one.word and (thousands := _THOUSANDS.match(written)):
                raise MeasureError(f"{thousands[0]!r} may be one number or two; write no blank in it")

    def _agreed(self, stated: list[_Stated], between: list[str]) -> Fraction:
        """The number that all ``stated`` ones mean. Raises MeasureError if they are several."""
        if len(stated) == 1:
            return stated[0].number
        tolerance = Fraction(self._measurement.tolerance)
        if len(stated) == 2 and any(map(TO.fullmatch, between)):
            low, high = sorted(one.number for one in stated)
            if high - low > 2 * tolerance:
                raise MeasureError("a range; one number is allowed")
            return (low + high) / 2
        first = stated[0]
        if all(abs(one.number - first.number) <= tolerance for one in stated):
            return first.number
        finest = min(stated, key=lambda one: one.step)
        is_twice = all(map(_OR_ELSE.search, between)) and len(stated) == len(between) + 1
        if not is_twice or any(one is not finest and not _is_rounded(finest, one) for one in stated):
            raise MeasureError("several numbers that differ; one is allowed")
        return finest.number

    def _prepared(self, raw: str) -> str:
        """``raw`` with numbers separated from letters, without a maker's tolerance and without "pack of 1"."""
        text = self._of_own_dimension(self._with_one_spelling(raw))
        text = _GLUED_TIMES.sub(" × ", _TIMES_LETTER.sub(" × ", text))
        text = without_one_piece(text, self._folded)
        return str(self._glued.sub(r"\g<0> ", text)) if _MAY_BE_GLUED.search(text) else text

    def _with_one_spelling(self, raw: str) -> str:
        """``raw`` in one line, normalized by ``plain_measure``, without a maker's tolerance."""
        text = _APOSTROPHE_GROUP.sub("", plain_label(_plain(raw)).replace("\n", "; "))
        if self._measurement.at_least >= 0:  # "±5 °C" may be a range
            text = _ABOUT.sub("", text)
        return _ALLOWED.sub(" ", text)

    def _of_own_dimension(self, text: str) -> str:
        """The part of ``text`` about the wanted dimension; ``text`` itself if it names no dimensions."""
        numbers = self._labelled.by_dimension(text) if self._dimension and len(text) <= LONGEST else {}
        if not numbers:
            if self._dimension and self._labelled.names_several(text):
                raise MeasureError("it names several dimensions, but it is not clear which number is which")
            return text
        if self._dimension not in numbers:
            raise MeasureError(f"it states {' and '.join(numbers)}, not {self._dimension}")
        return numbers[self._dimension]

    def _with_inches(self, found: list[Found], between: list[str]) -> list[Found]:
        """``found``, with a number without a unit right after feet read as inches: 5'10, 5 foot 10."""
        inch = next((unit for unit in self._measurement.units if '"' in unit.spellings), None)
        if inch is None or len(found) < 2 or between[-1].strip():
            return found
        feet, last = found[-2:]
        is_inches = feet.unit and "'" in feet.unit.spellings and not last.unit and not last.word
        if not is_inches or last.number is None or last.number >= 12:
            return found
        return [*found[:-1], replace(last, unit=inch)]

    def _without_parts(self, found: list[Found], between: list[str]) -> list[_Stated]:
        """The measures in the canonical unit, "5 ft 6 in" as one."""
        stated: list[_Stated] = []
        last: Unit | None = None
        for place, one in enumerate(found):
            assert one.number is not None  # _number has refused such labels
            unit = self._unit_of(one)
            if last is not None and _is_next_part(last, between[place - 1]) and not (last.offset or unit.offset):
                ratio = last.factor / unit.factor
                whole = (stated[-1].number / last.factor).denominator == 1
                if ratio > 1 and ratio.denominator == 1 and whole and 0 <= one.number < ratio:
                    stated[-1] = _Stated(stated[-1].number + one.number * unit.factor, one.step * unit.factor, unit)
                    last = None
                    continue
            stated.append(_Stated(one.number * unit.factor + unit.offset, one.step * unit.factor, unit))
            last = unit
        return stated

    def _unit_of(self, found: Found) -> Unit:
        if found.unit:
            return found.unit
        units = self._measurement.units
        names = ", ".join(unit.name for unit in units)
        if _is_unit(found.word):
            fluid = next((unit.name for unit in units if "fl oz" in unit.spellings), None)
            hint = f"; if it is {fluid}, list it as a spelling" if fluid and OUNCE.fullmatch(found.word) else ""
            raise MeasureError(f"unit {found.word!r} is not accepted; accepted are {names}{hint}")
        if self._default:
            return self._default
        if len(units) > 1:
            raise MeasureError(
                f"no unit; it may be one of {names}; the contract's default_unit (under measurement) can say which"
            )
        return units[0]

    def _all(self, text: str) -> Iterator[Found]:
        """Every number of a text that ``plain_measure`` has normalized."""
        end = 0
        only = self._default or (self._measurement.units[0] if len(self._measurement.units) == 1 else None)
        for match in NUMBER.finditer(text):
            if match.start() < end:  # the 2 of "m**2"
                continue
            start = match.start()
            unit = self._spelled.match(text, match.end())
            known = self._known(unit["unit"]) if unit else None
            named = known or only
            is_halved = named is not None and not _HALVED.isdisjoint(named.spellings)
            number = number_of(match, self._measurement.decimal_sign, is_halved)
            value = number.value
            if match["sign"] == "-":
                if text[:start].rstrip()[-1:].isdigit():  # "10 -12 cm" is a range
                    start += 1
                elif value is not None:
                    value = -value
            rate = RATE.match(text, unit.end()) if unit else None
            word = ""
            if unit and known and not rate:
                end = unit.end()
            elif unit and rate:
                end, known = rate.end(), None
                word = text[unit.start("unit") : end]
            else:
                found, known = _WORD.match(text, match.end()), None
                word = found[1] if found else ""
                end = match.end()
            yield Found(value, known, word, start, end, number.step, number.problem)

    def _known(self, spelling: str) -> Unit | None:
        """The unit that ``spelling`` means; None if only letter case tells units apart ("MW", "mW")."""
        units = self._folded.get(fold_case(spelling), set())
        return self._exact.get(spelling) or (next(iter(units)) if len(units) == 1 else None)

    @cached_property
    def _labelled(self) -> LabelledNumbers:
        return LabelledNumbers(self._edged)

    @cached_property
    def _edged(self) -> str:
        """A pattern of the accepted units, the longest spelling first."""
        return "|".join(regex.escape(text) + _edge(text[-1]) for text in self._longest_first)

    @cached_property
    def _spelled(self) -> Any:
        """Matches an accepted unit after a number, also in brackets."""
        return regex.compile(
            rf"[ -]{{0,3}}(?P<bracket>[(\[] ?)?(?P<unit>{self._edged})\.?(?(bracket) ?[)\]])",
            regex.IGNORECASE | regex.VERSION1,
        )

    @cached_property
    def _longest_first(self) -> list[str]:
        return sorted(self._exact, key=lambda text: (-len(text), text))

    @cached_property
    def _glued(self) -> Any:
        """Matches what needs a blank after it: the letter of "L30cm", the unit of "5ft10in", but not "m2"."""
        plain = "|".join(map(regex.escape, self._longest_first))
        edged = self._edged
        return regex.compile(
            rf"(?<![^\W_])[WDHLB](?=\d[\d.,]*\ ?(?:{edged}))|(?<=\d\ ?)(?:{plain})(?=\d[\d.,]*(?:{edged}))",
            regex.IGNORECASE | regex.VERSION1,
        )


def reader_of(attribute: Attribute) -> MeasureReader:
    """The reader of a measurement's labels; it reads one dimension if the attribute's names mean one."""
    assert attribute.measurement is not None
    return MeasureReader(attribute.measurement, dimension_of(attribute.keys))


def _edge(last: str) -> str:
    """No letter may follow a unit that ends in ``last``, except one of a script without blanks if ``last`` is not."""
    if not regex.match(r"[\p{L}\p{M}\p{N}]", last):
        return ""
    letters = r"[\p{L}\p{M}\p{N}]"
    return rf"(?!{letters})" if regex.match(f"[{UNSPACED}]", last) else rf"(?![{letters}--[{UNSPACED}]])"


def _plain(text: str) -> str:
    text = _ARABIC_DECIMALS.sub(r"\g<0>0", text.replace(_ARABIC_THOUSANDS, ""))
    return plain_measure(text.replace("\u066b", "."))


def _is_joined(between: str) -> bool:
    return bool(TO.fullmatch(between)) or between.strip() in ("/", "or", ",")


def _is_unit(word: str) -> bool:
    return bool(word) and word.casefold() not in NO_UNITS


def _is_next_part(larger: Unit, between: str) -> bool:
    """Whether a smaller unit's number may be part of the same measure: "5 ft, 6 in", or with feet 5'-6"."""
    return bool(_PARTS.fullmatch(between)) or (between == "-" and "'" in larger.spellings)


def _is_rounded(finer: _Stated, coarser: _Stated) -> bool:
    """Whether ``coarser`` is ``finer`` in another unit, rounded or truncated to the step of ``coarser``."""
    if finer.unit == coarser.unit:
        return False
    above = finer.number - coarser.number
    return -(coarser.step + finer.step) / 2 <= above < coarser.step + finer.step / 2
