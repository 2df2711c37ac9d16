"""Attributes written in a text."""

import pytest

from moemoe.catalog.formats.written_pairs import written_pairs


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ("color=Red&fit=Slim", [("color", "Red"), ("fit", "Slim")]),
        ("?color=Dark+Red&sizes=S%2CM&neck=", [("color", "Dark Red"), ("sizes", "S,M"), ("neck", "")]),
    ],
)
def test_a_query_string(given, pairs):
    assert written_pairs(given) == pairs


@pytest.mark.parametrize("given", ["brand=H&M", "brand=A & B=C", "brand=H&M, fit=Slim", "brand=M&S;fit=Slim"])
def test_other_texts_with_an_ampersand(given):
    assert all(found in ("brand", "fit") for found, _ in written_pairs(given))
