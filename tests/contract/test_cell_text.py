"""Converts a cell from any reader to text."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.contract.cell_text import (
    as_id,
    as_text,
    as_text_array,
    as_text_or_nothing,
    without_invisible,
    without_nothing,
)


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("Re\u200bd", "Red"),
        ("\u202bRed\u202c\u200e", "Red"),
        ("so\u00adft", "soft"),
        ("Olive\x00", "Olive"),
        ("\ufeffRed\u2060", "Red"),
        ("Red\u200d", "Red"),
        ("R\u200ced", "Red"),
        ("Red\ufe0f", "Red"),
        ("one\x0btwo", "one two"),
        ("one\ttwo\r\nthree", "one\ttwo\r\nthree"),
        ("Don\x92t \x80", "Don\u2019t €"),  # Windows-1252 read as Latin-1
        ("\ud55c\u3164\uae00", "\ud55c\uae00"),
        ("\u0915\u094d\u200d\u0937", "\u0915\u094d\u200d\u0937"),  # a half form in Devanagari
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\U0001f469\u200d\U0001f467", "\U0001f469\u200d\U0001f467"),  # one emoji of two
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
        ("\u845b\U000e0100", "\u845b\U000e0100"),  # an ideograph's variant
    ],
)
def test_invisible_characters_go_and_needed_joiners_stay(raw, seen):
    assert without_invisible(raw) == seen


@given(st.text())
def test_once_is_enough(text):
    once = without_invisible(text)
    assert without_invisible(once) == once


@pytest.mark.parametrize(
    "value", [None, float("nan"), float("inf"), np.float32("nan"), "nan", "NaN", " NaN ", "<NA>", "-nan", "NULL", "\\N"]
)
def test_what_is_missing(value):
    assert as_text(value) is None
    assert as_id(value) is None
    assert as_text("Nan") == "Nan"  # a bread


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2012, "2012"),
        (2012.0, "2012"),
        (1.5, "1.5"),
        (True, "true"),
        ("1.50", "1.50"),
        (Decimal("1.50"), "1.50"),
        (Decimal("38.00"), "38"),
        (Decimal("-0.0"), "0"),
    ],
)
def test_scalars(value, text):
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "product_id"),
    [
        (8900123450001.0, "8900123450001"),
        (np.float64(15000), "15000"),
        (np.int64(15000), "15000"),
        (2**60, str(2**60)),
        ("015000", "015000"),
        ("'015000", "015000"),  # as people keep a spreadsheet from taking it for a number
        ("'80s-shirt", "'80s-shirt"),
        ("15000.0", "15000"),
        ("8.900123450001e+12", "8900123450001"),
        ("15000 ", "15000"),
        ("\u00a015000\u200b\n", "15000"),
        ("12E5", "12E5"),
        ("1.5E3", "1.5E3"),
        ("8.900123450001E12", "8900123450001"),  # a double as Java writes it
        ("8.9E12", "8900000000000"),
        (Decimal("8900123450001.00"), "8900123450001"),
        ("9007199254740993.00", "9007199254740993"),
        (np.float32(16777215), "16777215"),
        ("N/A", None),
        ("None", None),
        ("A-1.0", "A-1.0"),
        (" ", None),
    ],
)
def test_ids_stay_what_they_were(value, product_id):
    assert as_id(value) == product_id


@pytest.mark.parametrize(
    "value",
    [
        float(2**53 + 2), float(2**53), -1e300, np.float32(2**24), np.float16(2**11),
        "8.90123E+12", "8,90123E+12", "9.1e+18", "9007199254740992.0", "9.007199254740993e+15", "9.1E18",
    ],
)  # fmt: skip
def test_an_id_that_has_lost_digits_is_refused(value):
    with pytest.raises(ValueError, match="write ids as text"):
        as_id(value)


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array(["Re\u200bd", None, "nan", "ok"]), ["Red", None, None, "ok"]),
        (pa.array(["ok", None], pa.string_view()), ["ok", None]),
        (pa.array([2012.0, float("nan"), None, 0.5]), ["2012", None, None, "0.5"]),
        (pa.array([12, None]), ["12", None]),
        (pa.array([1.1, None, 12], pa.float32()), ["1.1", None, "12"]),
    ],
)
def test_arrays(array, texts):
    assert as_text_array(array).to_pylist() == texts


@given(
    st.lists(
        st.none()
        | st.text()
        | st.sampled_from(["nan", "a\x01b", "a\x7fb", "soft\xadhyphen", "\ufeffa", "a\U0001bca1", "é’日"])
    ),
    st.integers(0, 3),
)
def test_an_array_is_what_each_of_its_texts_is(texts, start):
    array = pa.array(texts, pa.string()).slice(start)
    assert as_text_array(array).to_pylist() == [as_text(text) for text in texts[start:]]


@pytest.mark.parametrize("text", ["None", "N/A", "n/a", " null ", "#N/A"])
def test_a_text_that_says_that_nothing_is_there_is_missing_but_for_labels(text):
    assert as_text_or_nothing(text) is None
    assert without_nothing(pa.array([text, None, "Nonesuch"])).to_pylist() == [None, None, "Nonesuch"]
    assert as_text("None") == "None"  # "Closure: None" may be a value
