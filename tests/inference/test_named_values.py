"""What a text says of an attribute."""

import pytest

import data_contracts
from moemoe.inference.named_values import NamedValues


@pytest.fixture(scope="module")
def named():
    return NamedValues(data_contracts.load("30pt"))


@pytest.mark.parametrize(
    ("text", "names", "another"),
    [
        ("A full-sleeve shirt", True, False),  # an alias
        ("LONG  SLEEVES", True, False),
        ("Sleeveless top", False, True),
        ("With long sleeves, or sleeveless", True, False),
        ("A shirt", False, False),
        ("", False, False),
    ],
)
def test_a_value_and_its_rivals(named, text, names, another):
    assert named.names("sleeve type", "Long Sleeves", text) is names
    assert named.names_another("sleeve type", "Long Sleeves", text) is another


def test_an_attribute_that_the_contract_does_not_have(named):
    assert named.names("scent", "Rose", "With a scent of rose")
    assert not named.names_another("scent", "Rose", "With a scent of lavender")


def test_another_number_may_be_that_of_something_else():
    named = NamedValues(data_contracts.load("sl"))
    assert named.names("heel height", "3 inch", "pumps with a 7.6 cm heel")
    assert not named.names("heel height", "3 inch", "a shaft of 12 inch")
    assert not named.names_another("heel height", "3 inch", "a shaft of 12 inch")
