"""The values of an attribute named in a text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import data_contracts
from moemoe.inference.named_values import NamedValues


@pytest.fixture(scope="module")
def named():
    return NamedValues(data_contracts.load("30pt"))


LONG, NONE = "Long Sleeves", "Sleeveless"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("A full-sleeve shirt", {LONG}),  # an alias
        ("LONG  SLEEVES", {LONG}),
        ("longsleeves", {LONG}),
        ("Sleeveless top", {NONE}),
        ("With long sleeves, or sleeveless", {LONG, NONE}),
        ("A shirt", set()),
        ("", set()),
    ],
)
def test_what_a_text_names(named, text, values):
    assert named.named("sleeve type", text) == values
    assert named.names("sleeve type", LONG, text) is (LONG in values)


def test_the_longest_spelling_counts(named):
    assert named.named("color", "a navy blue shirt") == {"Navy Blue"}
    assert named.named("color", "a navy blue shirt, or a blue one") == {"Navy Blue", "Blue"}


def test_the_letters_i_of_turkish_are_one(named):
    for text in ("silk", "sılk", "SİLK", "SILK"):
        assert named.named("material", text) == {"Silk"}
        assert named.names("material", "Silk", text)


@given(st.lists(st.sampled_from(["blue", "navy", "Navy-Blue", "red", "off white", "shirt", "and"]), max_size=8))
def test_what_is_named_is_named_alone_as_well(named, words):
    text = ", ".join(words)
    for value in named.named("color", text):
        assert named.names("color", value, text)


def test_an_attribute_that_the_contract_does_not_have(named):
    assert named.names("scent", "Rose", "With a scent of rose")
    assert named.named("scent", "With a scent of lavender") == set()


def test_another_number_may_be_that_of_something_else():
    named = NamedValues(data_contracts.load("sl"))
    assert named.names("heel height", "3 inch", "pumps with a 7.6 cm heel")
    assert not named.names("heel height", "3 inch", "a shaft of 12 inch")
    assert named.named("heel height", "a shaft of 12 inch") == set()
