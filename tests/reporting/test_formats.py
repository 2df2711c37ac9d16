"""Formatting of values, the same everywhere."""

import math

import pytest

from moemoe.reporting.document import Badge, Bar, Difference, Estimate
from moemoe.reporting.formats import shown, sort_key


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (Estimate(0.8934, 0.88, 0.905), "89.3 [88.0, 90.5]"),
        (Estimate(0.8934), "89.3"),
        (Estimate(0.5, math.nan, math.nan), "50.0"),
        (Estimate(math.nan, math.nan, math.nan), "-"),
        (Bar(Estimate(0.5, 0.4, 0.6)), "50.0 [40.0, 60.0]"),
        (Difference(0.012, -0.003, 0.027), "+1.2 [-0.3, +2.7] (covers 0)"),
        (Difference(-0.1, -0.2, -0.05), "-10.0 [-20.0, -5.0]"),
        (1234567, "1,234,567"),
        (0.12345, "0.123"),
        (math.nan, "-"),
        (None, "-"),
        (Badge("ready"), "ready"),
    ],
)
def test_values_are_written_one_way(cell, text):
    assert shown(cell) == text


def test_columns_sort_by_what_is_measured_not_by_its_text():
    assert sort_key(Estimate(0.05)) < sort_key(Estimate(0.5)) < sort_key(Bar(Estimate(0.9)))
    assert sort_key(Badge("9 (few)", number=9)) < sort_key(100)
    assert sort_key(Estimate(math.nan)) == sort_key(None) == ""
