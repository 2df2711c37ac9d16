import pytest

import data_contracts
from moemoe.contract.contract import Attribute
from moemoe.contract.spellings import spellings, words_pattern

COLOR = Attribute("color", ("color",), {"Navy Blue": ("navy",), "Red": ("Crimson", "Maroon-Red"), "Gold": ()})


def found(text, value=None):
    return [match.group() for match in words_pattern(spellings(COLOR, value)).finditer(text)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RED shirt, covered in reddish print", ["RED"]),
        ("navy-blue Navy_Blue NAVYBLUE navy  blue", ["navy-blue", "Navy_Blue", "NAVYBLUE", "navy  blue"]),
        ("a navy shirt in maroon red.", ["navy", "maroon red"]),
        ("Marigold; gold, (Gold)/crimson", ["gold", "Gold", "crimson"]),
        ("Red2 2Red Reds", []),
        ("", []),
    ],
)
def test_whole_words_in_any_case_and_spelling(text, words):
    assert found(text) == words


def test_one_values_spellings_alone():
    assert found("red crimson navy", "Red") == ["red", "crimson"]
    assert found("red crimson navy", "no such value") == []


def test_the_s_after_an_apostrophe_is_no_size():
    size = Attribute("size", ("size",), {"S": (), "M": ()})
    assert [m.group() for m in words_pattern(spellings(size)).finditer("Men's, size S/M")] == ["S", "M"]


def test_text_made_to_be_slow_is_done():
    """Every colour of the shipped contract against long texts that almost match."""
    pattern = words_pattern(spellings(data_contracts.load("30pt").attributes["color"]))
    assert pattern.search("navy-navy_" * 20_000 + "x") is not None
    assert pattern.search("nav-" * 50_000) is None
