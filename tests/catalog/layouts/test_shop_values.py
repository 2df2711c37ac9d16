"""Lists in cells, category paths and labels of several rows."""

import pytest

from moemoe.catalog.layouts.named_columns import found_columns
from moemoe.catalog.layouts.shop_values import Labels, deepest_path, last_of_path, split_list, split_urls


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        ("Blue, Green , Red", ["Blue", "Green", "Red"]),
        (r"red\, blue, white", ["red, blue", "white"]),
        ('"Powered up, not tested.", New', ["Powered up, not tested.", "New"]),
        ('15" wide, "half open', ['15" wide', '"half open']),
        ('"a ""b"" c"', ['a "b" c']),
        (r"C:\x", [r"C:\x"]),
        (", ,", []),
        (None, []),
    ],
)
def test_lists_in_a_cell(cell, items):
    assert split_list(cell) == items


def test_a_measure_of_a_million_digits_is_read_in_linear_time():
    labels = Labels()
    labels.add_measure("weight", "0" * 1_000_000 + "g")
    labels.add_measure("width", "00.00")
    assert list(labels.pairs()) == ["weight"]


def test_urls_keep_their_commas():
    assert split_urls("https://a.test/1,w_2.jpg, https://a.test/2.jpg") == [
        "https://a.test/1,w_2.jpg", "https://a.test/2.jpg",
    ]  # fmt: skip
    assert split_urls("m/1.jpg,m/2.jpg") == ["m/1.jpg", "m/2.jpg"]


@pytest.mark.parametrize("between", [",", "|", " | ", ";", "; ", "\n"])
def test_what_stands_between_urls(between):
    urls = ["https://a.test/1;v=2.jpg", "//b.test/2|3.jpg", "http://a.test/3.jpg"]
    assert split_urls(between.join(urls)) == urls


def test_measures():
    labels = Labels()
    for key, number in {"weight": "1,5", "width": 0, "height": "0.0000", "depth": "", "length": None}.items():
        labels.add_measure(key, number, "cm")
    assert labels.pairs() == {"weight": "1,5 cm"}


def test_category_paths():
    assert last_of_path("Home > Men > Shirts > ") == "Shirts"
    assert last_of_path("Shirts") == "Shirts"
    assert last_of_path(" > ") is None
    assert last_of_path("Women > Tops &amp; Tees") == "Tops & Tees"
    assert deepest_path(["Sale", "Men > Shirts", "Men > Summer"]) == "Men > Shirts"
    assert deepest_path(["Sale", "Men &gt; Shirts"]) == "Men &gt; Shirts"


def test_labels_of_a_key_are_all_kept_once():
    labels = Labels()
    for key, label in (
        ("Size", "S"),
        ("Size", "M"),
        ("Size", "S"),
        ("Fit", " Slim "),
        ("Fit", ""),
        ("", "x"),
        ("N", 2.0),
    ):
        labels.add(key, label)
    assert labels.pairs() == {"Size": ["S", "M"], "Fit": "Slim", "N": "2"}


def test_columns_are_found_in_any_case():
    assert found_columns([" title", "HANDLE"], ["Handle", "Title", "Vendor"]) == {"Handle": "HANDLE", "Title": " title"}


def test_a_text_that_stands_for_nothing_is_none():
    labels = Labels()
    for label in ("nan", "NULL", "(null)", "undefined", "None"):  # of the last the contract says what it means
        labels.add("Closure", label)
    assert labels.pairs() == {"Closure": "None"}


def test_a_separator_behind_a_backslash_is_part_of_a_category():
    assert last_of_path(r"Shop/Books\/Media", "/") == "Books/Media"
    assert deepest_path(["Shop/Men/Shirts", r"A\/B\/C\/D"], "/") == "Shop/Men/Shirts"


@pytest.mark.parametrize(
    "cell", ["http://a.test/1,2.jpg,,http://a.test/3.jpg", "http://a.test/1,2.jpg | http://a.test/3.jpg;"]
)
def test_no_separator_is_left_at_a_url(cell):
    assert split_urls(cell) == ["http://a.test/1,2.jpg", "http://a.test/3.jpg"]
