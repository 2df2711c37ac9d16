"""Turns a cell of a catalog or of a request into text: finds missing values, restores ids, drops invisible characters.

Every reader, serving included, uses these functions, so that a value means the same wherever it comes from.
"""

import math
import numbers
import re
import unicodedata
from datetime import datetime, time
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

#: What pandas, Polars, C, JavaScript, databases and spreadsheets write for a missing value. The whole cell must be
#: spelled exactly so ("Nan" is a bread).
MISSING_TEXTS = frozenset(
    (
        *("nan", "NaN", "-nan", "-NaN", "NaT", "<NA>", "1.#QNAN", "-1.#IND", "NULL", "null", "\\N"),
        *("(null)", "[NULL]", "undefined"),
        *("#N/A", "#NULL!", "#VALUE!", "#REF!", "#NAME?", "#DIV/0!", "#NUM!"),
    )
)
#: Also missing, in any letter case, unless the cell is a label: there the contract decides ("Closure: None").
NOTHING_TEXTS = frozenset({"none", "null", "n/a", "#n/a"})
#: A double holds every integer below this; from here on, different ids can become equal.
EXACT_BELOW = 2**53

#: Control characters and those that Unicode calls default-ignorable. White space among them is replaced by a blank.
_INVISIBLE_RANGES = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_INVISIBLE = re.compile(f"[{_INVISIBLE_RANGES}]")
_FIRST_BYTES = {
    byte
    for first, last in re.findall("(.)(?:-(.))?", _INVISIBLE_RANGES, re.DOTALL)
    for byte in range(first.encode()[0], (last or first).encode()[0] + 1)
}
#: UTF-8 bytes that begin none of these characters; 0x80 to 0xBF begin no character at all.
_OF_OTHERS = bytes(byte for byte in range(256) if byte not in _FIRST_BYTES or 0x80 <= byte < 0xC0)
_BLANKS = frozenset("\x0b\x0c\x1c\x1d\x1e\x1f\x85")
#: Windows-1252 text that was read as Latin-1: the quotes and dashes that its characters stand for.
_WINDOWS = {chr(code): bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
#: Scripts that use joiners: Arabic, the Indic ones and their neighbours.
_JOINED = re.compile("[\u0600-\u0dff\u1000-\u109f\u1780-\u18af\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U00011fff]")
_JOINERS = "\u200c\u200d"

_WHOLE_DOUBLE = re.compile(r"(\d+)\.0+")
#: Prefixes that make a spreadsheet treat digits as text.
_APOSTROPHE = re.compile(r"'(\d+)")
_SCIENTIFIC = re.compile(r"(\d)(?:[.,](\d+))?[eE]\+(\d{1,3})")
#: How Java and Spark write doubles from 10^7 on, with all digits: 8.900123450001E12.
_JAVA_DOUBLE = re.compile(r"\d\.\d+E(?:[7-9]|\d\d)")


def without_invisible(text: str) -> str:
    """``text`` without invisible characters: zero-width ones, bidirectional marks, soft hyphens, controls.

    Joiners (ZWJ, ZWNJ) are kept between letters of scripts that need them and inside emoji, variation selectors after
    symbols and ideographs.
    """
    return _INVISIBLE.sub(_visible, text) if _INVISIBLE.search(text) else text


def _visible(found: re.Match[str]) -> str:
    character, text = found[0], found.string
    before = text[found.start() - 1] if found.start() else ""
    after = text[found.end()] if found.end() < len(text) else ""
    if character in _BLANKS and character not in _WINDOWS:
        return " "
    if character in _WINDOWS:
        meant = _WINDOWS[character]
        return "" if meant == "\ufffd" else meant
    if character in _JOINERS:
        between_letters = _is_joined(before) and _is_joined(after)
        in_emoji = character == "\u200d" and (_is_symbol(before) or before == "\ufe0f") and _is_symbol(after)
        return character if between_letters or in_emoji else ""
    if "\ufe00" <= character <= "\ufe0f" or character >= "\U000e0100":
        return character if before and unicodedata.category(before) in ("So", "Lo") else ""
    return ""


def _is_joined(character: str) -> bool:
    return bool(_JOINED.match(character)) and unicodedata.category(character)[0] in "LM"


def _is_symbol(character: str) -> bool:
    return bool(character) and unicodedata.category(character) in ("So", "Sk")


def as_text(value: Any) -> str | None:
    """A scalar as clean text; None if it is missing: None, NaN, or a text that stands for a missing value.

    Raises:
        UnicodeEncodeError: the text is not valid Unicode (lone surrogates).
    """
    if value is None:
        return None
    if isinstance(value, str):  # the most frequent case
        return _clean(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if _is_double(value):
        if not math.isfinite(value):
            return None
        # a column of doubles holds 2012 as 2012.0
        return str(int(value)) if value == int(value) and abs(value) <= EXACT_BELOW else str(value)
    if isinstance(value, Decimal) and value.is_finite() and value == int(value):  # also beside values like 38.50
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time.min:  # a date, from a table that has only timestamps
        value = value.date()
    return _clean(value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value))


def _clean(text: str) -> str | None:
    if not text.isascii():
        text.encode()
    text = without_invisible(text)
    return None if text.strip() in MISSING_TEXTS else text


def as_text_or_nothing(value: Any) -> str | None:
    """``as_text`` of a cell that is not a label: None also for a text such as "None" or "N/A"."""
    text = as_text(value)
    return None if text is None or text.strip().casefold() in NOTHING_TEXTS else text


def _is_double(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, numbers.Integral)


def as_id(value: Any) -> str | None:
    """A product id as text, without surrounding blanks; an integer stored as a double becomes its digits again.

    Leading zeros are kept; only text can have them. None if the id is missing.

    Raises:
        UnicodeEncodeError: the text is not valid Unicode.
        ValueError: the id has lost digits: a double from 2^53 on (float32: 2^24), or a text that a spreadsheet has
            rounded ("8.90123E+12").
    """
    if _is_double(value) and math.isfinite(value):
        bits = np.finfo(value.dtype).nmant + 1 if isinstance(value, np.floating) else 53
        _check_exact(abs(value), bits, float(value))
    text = (as_text_or_nothing(value) or "").strip()
    if whole := _WHOLE_DOUBLE.fullmatch(text):
        if text.endswith(f"{whole[1]}.0"):  # with more zeros it is a decimal number, which is exact
            _check_exact(int(whole[1]), 53, text)
        text = whole[1]
    if kept := _APOSTROPHE.fullmatch(text):
        text = kept[1]
    if rounded := _SCIENTIFIC.fullmatch(text):
        digits, exponent = rounded[1] + (rounded[2] or ""), int(rounded[3])
        if len(digits) != exponent + 1:
            raise ValueError(f"{text!r} is a number that a spreadsheet has rounded; write ids as text")
        _check_exact(int(digits), 53, text)
        text = digits
    if _JAVA_DOUBLE.fullmatch(text):
        number = Decimal(text)
        _check_exact(number, 53, text)
        text = f"{number:f}" if number % 1 else str(int(number))
    return text or None


def _check_exact(number: Any, bits: int, shown: Any) -> None:
    if number >= 2**bits:
        raise ValueError(
            f"{shown!r} is a floating-point number beyond 2^{bits}, which has lost digits; write ids as text"
        )


def as_text_array(array: pa.Array) -> pa.Array:
    """An array of texts, numbers or other scalars as clean strings (``as_text`` of each).

    Raises:
        pa.ArrowException: the values cannot be read as text.
    """
    if pa.types.is_floating(array.type):  # as NumPy prints them: a float32 of 1.1 is 1.100000023841858 in Python
        return pa.array([as_text(value) for value in array.to_numpy(zero_copy_only=False)], pa.string())
    if pa.types.is_decimal(array.type):
        return pa.array([as_text(value) for value in array.to_pylist()], pa.string())
    texts = array.cast(pa.string())
    strange = pc.is_in(texts, _missing())
    if bytes(bytes_and_ends(texts)[0]).translate(None, _OF_OTHERS):  # ten times as fast as the regular expression
        strange = pc.or_(strange, pc.fill_null(pc.match_substring_regex(texts, f"[{_ARROW_RANGES}]"), False))
    if not pc.any(strange).as_py():
        return texts
    clean = [as_text(text) for text in texts.filter(strange).to_pylist()]
    return pc.replace_with_mask(texts, strange, pa.array(clean, pa.string()))


def bytes_and_ends(texts: pa.Array) -> tuple[memoryview, np.ndarray]:
    """The concatenated bytes of an array of strings, and the end of each string."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return memoryview(b""), np.zeros(len(texts), np.int64)
    whole_numbers = np.int32 if pa.types.is_string(texts.type) else np.int64
    ends = np.frombuffer(offsets, whole_numbers)[texts.offset : texts.offset + len(texts) + 1]
    return memoryview(data)[ends[0] : ends[-1]], ends[1:] - ends[0]


def without_nothing(texts: pa.Array) -> pa.Array:
    """Texts of ``as_text_array`` that are not labels, also "None" or "N/A" as null (see ``as_text_or_nothing``)."""
    nothing = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(texts)), pa.array(sorted(NOTHING_TEXTS)))
    return pc.if_else(nothing, None, texts)


# RE2 needs code points written out
_ARROW_RANGES = "".join(c if c == "-" else f"\\x{{{ord(c):x}}}" for c in _INVISIBLE_RANGES)


@cache
def _missing() -> pa.Array:
    return pa.array(sorted(MISSING_TEXTS))  # lazy: pyarrow imports pandas here, which is slow
