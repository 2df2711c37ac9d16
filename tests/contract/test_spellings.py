import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

import data_contracts
from moemoe.contract.contract import Attribute
from moemoe.contract.spellings import _BETWEEN, spellings, words_pattern
from moemoe.words import whole, with_one_i

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


@pytest.mark.parametrize("text", ["KIRMIZI elbise", "kırmızı elbise", "İPEK", "ipek", "i\u0307pek", "IPEK"])
def test_a_turkish_word_in_any_case(text):
    turkish = Attribute("renk", ("renk",), {"Kırmızı": (), "İpek": ()})
    assert words_pattern(spellings(turkish)).search(with_one_i(text))
    assert not words_pattern(spellings(turkish)).search(with_one_i("kırmızımsı ipekli"))


def test_text_made_to_be_slow_is_done():
    """Every colour of the shipped contract against long texts that almost match."""
    pattern = words_pattern(spellings(data_contracts.load("30pt").attributes["color"]))
    assert pattern.search("navy-navy_" * 20_000 + "x") is not None
    assert pattern.search("nav-" * 50_000) is None


PIECES = st.sampled_from(["red", "re", "navy", "blue", "लाल", "रंग", "赤", "紺色", "ネイビー", "ブルー", "2", "s", "_"])
WRITTEN = PIECES | PIECES.map(str.upper)
JOINED = st.lists(st.tuples(WRITTEN, st.sampled_from(["", " ", "-", "'", ", "])), max_size=8)


@given(st.lists(st.lists(PIECES, min_size=1, max_size=2).map(" ".join), min_size=1, max_size=8, unique=True), JOINED)
def test_what_is_alike_is_searched_together_and_found_as_one_by_one(sought, pieces):
    text = "".join(word + between for word, between in pieces)
    longest_first = sorted(sought, key=lambda each: (-len(each), each))
    one_by_one = "|".join(whole(each, _BETWEEN.join(map(regex.escape, each.split(" ")))) for each in longest_first)
    slow = regex.compile(one_by_one, regex.IGNORECASE | regex.VERSION1)
    assert [m.span() for m in words_pattern(sought).finditer(text)] == [m.span() for m in slow.finditer(text)]
