import re
import unicodedata

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from moemoe.words import whole, with_one_i, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("men's Kurta, 100% cotton_blend 2.5", ["men", "s", "Kurta", "100", "cotton_blend", "2", "5"]),
        ("लाल सूती कुर्ता।", ["लाल", "सूती", "कुर्ता"]),  # Hindi: vowel signs and virama are marks
        ("பருத்தி சட்டை", ["பருத்தி", "சட்டை"]),  # Tamil
        ("قميص قطني أحمر، مُريح", ["قميص", "قطني", "أحمر", "مُريح"]),  # Arabic, one word with a vowel mark
        ("می\u200cخواهم", ["می\u200cخواهم"]),  # Persian: a joiner inside of a word
        ("赤いコットンのTシャツ", ["赤", "い", "コットン", "の", "T", "シャツ"]),  # Japanese: no blanks
        ("สีแดง", ["สี", "แ", "ด", "ง"]),  # Thai
        ("", []),
    ],
)
def test_words_of_every_script(text, expected):
    assert words(text) == expected


@given(st.text(st.characters(codec="latin-1")))
def test_latin_text_is_cut_as_ever(text):
    assert words(text) == re.findall(r"\w+", text)


@pytest.mark.parametrize("text", ["kırmızı ipek", "KIRMIZI İPEK", "Kırmızı i\u0307pek", "KİRMİZİ IPEK"])
def test_the_four_letters_i_of_turkish(text):
    assert with_one_i(text).lower() == with_one_i(text.lower()) == "kirmizi ipek"


@given(st.text())
def test_nothing_but_gaps_is_lost(text):
    lost = text
    for word in words(text):
        before, lost = lost.split(word, 1)
        assert not any(unicodedata.category(c)[0] == "L" for c in before)
    assert not any(unicodedata.category(c)[0] == "L" for c in lost)


@pytest.mark.parametrize(
    ("word", "text", "stands"),
    [
        ("red", "a red-blue one", True),
        ("red", "reddish", False),
        ("s", "men's", False),
        ("लाल", "लाल कुर्ता", True),
        ("लाल", "लाला का कुर्ता", False),  # a vowel sign makes it another word
        ("सूत", "सूती", False),
        ("赤", "鮮やかな赤いシャツ", True),  # nothing stands between words
        ("コットン", "綿とコットンの混紡", True),
        ("コット", "コットン", False),
        ("xl", "xlサイズ", True),
        ("أحمر", "قميص أحمر", True),
    ],
)
def test_whole_words_of_every_script(word, text, stands):
    pattern = regex.compile(whole(word, regex.escape(word)), regex.VERSION1)
    assert bool(pattern.search(text)) is stands
