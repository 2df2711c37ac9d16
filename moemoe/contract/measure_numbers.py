"""Numbers as sellers write them ("1.234,5", "12 1/2"): their value, their precision, and the decimal sign they show.

A comma groups thousands if the last group has three digits and there are several groups or a point ("1,200.50",
"1,00,000"); otherwise it is a decimal comma. The same holds for a point. "1.200" and "1,200" are ambiguous: the
contract's ``decimal_sign`` decides.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from math import gcd

#: A number with more digits is not a measurement.
MOST_DIGITS = 30

#: Letters of scripts without blanks between words (see ``moemoe.words``); a number or a unit may adjoin them.
UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
NUMBER = re.compile(
    rf"""(?=[-+.\d])(?<![^\W{UNSPACED}])(?:(?<![.,])|(?<=[^\W\d_]\.))(?P<sign>(?<![\w"')])[-+])?(?:
        (?:(?P<whole>\d+)(?:\ |-|\ and\ |\ ?&\ ?))?
        (?P<numerator>\d{{1,2}})/(?P<denominator>2|3|4|5|8|10|16|32|64)(?![\d/])
        |(?P<decimal>\d[\d.,]*\d|\d|\.\d+))""",
    re.VERBOSE,
)
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d+)?")
_GROUPED_BY_POINTS = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+|\.\d{3})")
#: Thousands or decimals, depending on the contract's ``decimal_sign``.
_EITHER = re.compile(r"[1-9]\d{0,2}[.,]\d{3}")
_PLAIN = re.compile(r"\d*\.?\d+|\d+,\d+")
#: Fractions that are used with any unit; inches and pounds have more.
_USUAL_FRACTIONS = frozenset({(1, 2), (1, 3), (1, 4), (3, 4)})

#: A decimal sign is accepted if at least this many labels show a sign, and at least this share of them the same one.
LEAST_SHOWING, CLEAR = 3, 0.95


@dataclass(frozen=True)
class Number:
    """A number found in a text.

    Args:
        value: without its sign; None if it cannot be read.
        step: the smallest difference that the notation can express: 0.1 for "17.6", 1/4 for "2 3/4".
        problem: why it cannot be read.
    """

    value: Fraction | None
    step: Fraction = Fraction(1)
    problem: str = ""


def number_of(match: re.Match[str], decimal_sign: str | None, is_halved: bool) -> Number:
    """The number in a match of NUMBER.

    Args:
        decimal_sign: of the contract; None if "1.200" is ambiguous.
        is_halved: whether its unit is written with fractions down to 64ths, as inches are.
    """
    text = match[0].lstrip("+-")
    if len(match[0]) > MOST_DIGITS:
        return Number(None, problem=f"the number {text!r} cannot be read")
    if match["numerator"]:
        return _fraction(match, text, is_halved)
    digits = match["decimal"]
    if _EITHER.fullmatch(digits):
        if decimal_sign is None:
            return Number(None, problem=_may_be_either(digits))
        if decimal_sign in digits:
            return _plain(digits.replace(",", "."))
        return Number(Fraction(re.sub("[.,]", "", digits)))
    if _GROUPED.fullmatch(digits):
        return _plain(digits.replace(",", ""))
    if _GROUPED_BY_POINTS.fullmatch(digits):
        return _plain(digits.replace(".", "").replace(",", "."))
    if _PLAIN.fullmatch(digits):
        return _plain(digits.replace(",", "."))
    return Number(None, problem=f"the number {text!r} cannot be read")


def _may_be_either(digits: str) -> str:
    whole, part = re.split("[.,]", digits)
    decimal, grouped = (".", ",") if "." in digits else (",", ".")
    return (
        f"{digits!r} may be {(small := float(f'{whole}.{part}')):g} or {whole}{part}, and no other labels show which; "
        f"write decimal_sign: '{decimal}' ({small:g}) or '{grouped}' ({whole}{part}) under measurement in the contract"
    )


def _plain(digits: str) -> Number:
    return Number(Fraction(digits), Fraction(1, 10 ** len(digits.partition(".")[2])))


def _fraction(match: re.Match[str], text: str, is_halved: bool) -> Number:
    numerator, denominator = int(match["numerator"]), int(match["denominator"])
    if not 0 < numerator < denominator:
        return Number(None, problem=f"the number {text!r} cannot be read")
    if not match["whole"]:  # "30/32 cm", "4/5 cm"
        usual = gcd(numerator, denominator) == 1 if is_halved else (numerator, denominator) in _USUAL_FRACTIONS
        if not usual:
            return Number(None, problem=f"{text!r} may be a fraction or two numbers")
    return Number(int(match["whole"] or 0) + Fraction(numerator, denominator), Fraction(1, denominator))


def doubt_about(text: str) -> str | None:
    """Why a number in a text is ambiguous without a decimal sign, such as "1.200"; None if none is."""
    digits = (match["decimal"] or "" for match in NUMBER.finditer(text))
    return next((_may_be_either(number) for number in digits if _EITHER.fullmatch(number)), None)


def sign_shown(labels: Iterable[tuple[str, int]]) -> str | None:
    """The decimal sign that labels show: "12,5" and "1.234,50" have a comma, "12.5" and "1,200,000" a point.

    Args:
        labels: texts normalized by ``plain_measure``, and how often each occurs.

    Returns:
        "." or ","; None if too few labels show one, or both are shown.
    """
    shown = _signs(labels)
    most = max(shown, key=lambda sign: shown[sign])
    total = sum(shown.values())
    return most if total >= LEAST_SHOWING and shown[most] >= CLEAR * total else None


def shows_both(labels: Iterable[tuple[str, int]]) -> bool:
    """Whether labels show both signs, so that neither can be chosen."""
    shown = _signs(labels)
    return min(shown.values()) > (1 - CLEAR) * sum(shown.values())


def _signs(labels: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Decimal sign -> labels that show it."""
    shown = {".": 0, ",": 0}
    for text, count in labels:
        for sign in {sign for match in NUMBER.finditer(text) if (sign := _shown(match["decimal"] or ""))}:
            shown[sign] += count
    return shown


def _shown(digits: str) -> str | None:
    if _EITHER.fullmatch(digits) or not (match := re.search(r"[.,](?=\d*$)", digits)):
        return None
    last = match[0]
    if _GROUPED.fullmatch(digits) and "." not in digits:
        return "."
    if _GROUPED_BY_POINTS.fullmatch(digits) and "," not in digits:
        return ","
    if _PLAIN.fullmatch(digits) or _GROUPED.fullmatch(digits) or _GROUPED_BY_POINTS.fullmatch(digits):
        return last
    return None
