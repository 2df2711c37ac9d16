"""Objects with repeated keys: no value is lost, and they are counted."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.catalog.formats.repeated_keys import REPEATED, RowDecoder, object_of
from tests.support.catalog_files import REQUIRED, read_as, rows_of

ROW = json.dumps({**REQUIRED, "attributes": {"fit": "slim"}})


@pytest.mark.parametrize(
    ("pairs", "found"),
    [
        ([("a", "x"), ("a", "y")], {"a": ["x", "y"]}),
        ([("a", "x"), ("a", "x")], {"a": "x"}),
        ([("a", ["x", "y"]), ("b", ["z"]), ("a", "z")], {"a": ["x", "y", "z"], "b": ["z"]}),
        ([("a", "x"), ("a", None), ("a", ""), ("a", [])], {"a": "x"}),
        ([("a", ""), ("a", {"b": "x"})], {"a": {"b": "x"}}),
        ([("a", None), ("a", "")], {"a": None}),
    ],
)
def test_the_object(pairs, found):
    assert object_of(pairs) == found


@given(st.dictionaries(st.text(max_size=3), st.recursive(st.none() | st.text(max_size=3), st.lists, max_leaves=4)))
def test_without_such_a_key_it_is_what_json_has(row):
    counts = Counter()
    assert RowDecoder(counts).decode(json.dumps(row)) == row
    assert counts == {}


@pytest.mark.parametrize("whole", ["{0}\n{1}\n", "[{0}, {1}]", "[{0},\n\n{1}]", "{0},\n{1},\n"])
def test_rows_that_have_one_are_counted(tmp_path, whole):
    again = ROW.replace('{"fit": "slim"}', '{"fit": "slim", "fit": "loose", "neck": "round", "neck": "round"}')
    path = tmp_path / "a.json"
    path.write_text(whole.format(ROW, again))
    assert [dict(row["attributes"]) for row in rows_of(path)] == [
        {"fit": "slim"},
        {"fit": "slim, loose", "neck": "round"},
    ]
    assert read_as(path).counts[REPEATED] == 1


def test_two_titles_are_not_one(tmp_path):
    """The row is quarantined: which of the two it has is not for us to say."""
    path = tmp_path / "a.jsonl"
    path.write_text(ROW + "\n" + ROW[:-1] + ', "title": "Another"}\n')
    problems = []
    assert len([row for row in rows_of(path, quarantine=lambda *found: problems.append(found)) if row["title"]]) == 1
    assert [problem[2] for problem in problems] == ["title is not a text"]
