"""Names from users and catalogs, where another system allows few characters."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name, _validate_model_name

from moemoe.names import LONGEST, RESERVED, cell_name, cells_meant, did_you_mean, escaped, unescaped


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("age range description", "age range description"),
        ("Men's T-Shirts", "Men.27.s T-Shirts"),
        ("Colour (main)", "Colour .28.main.29."),
        ("tops/tees", "tops.2F.tees"),
        ("कुर्ता", "क.941.र.94D.त.93E."),
        ("mean", ".6D.ean"),
    ],
)
def test_names_are_escaped(name, part):
    assert escaped(name) == part
    assert unescaped(part) == name


@given(
    st.one_of(st.text(min_size=1), st.sampled_from([".", "..", "/", "a//b", *RESERVED]), st.text("./'( ", min_size=1))
)
def test_any_name_is_a_metric_and_comes_back(name):
    part = escaped(name)
    _validate_metric_name(f"recall_at_90p/{part}/top15_cells")
    _validate_metric_name(f"{part}/support")
    _validate_model_name(f"moemoe-{part}")
    assert len(part) <= LONGEST
    assert "/" not in part
    if len(part) < LONGEST - 20:
        assert unescaped(part) == name


def test_long_names_stay_apart():
    a, b = escaped("x" * 300), escaped("x" * 301)
    assert a != b


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_cell_is_meant_by_its_name(product_type, attribute):
    name = cell_name(product_type, attribute)
    assert name.count("/") == 1
    if product_type.strip() == product_type and attribute.strip() == attribute:
        assert (product_type, attribute) in cells_meant(name)


def test_a_cell_with_slashes_is_meant_as_it_stands():
    assert ("tops/tees", "color") in cells_meant("tops/tees/color")
    assert cells_meant("color") == []
    assert cells_meant("/color") == []


def test_did_you_mean():
    assert did_you_mean("Kurtas", ["shirt", "kurta"]) == "; did you mean 'kurta'? known are shirt, kurta"
    assert did_you_mean("sofa", ["shirt"]) == "; known are shirt"
    assert did_you_mean("sofa", []) == "; none is known"
