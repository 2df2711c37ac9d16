from collections import Counter

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from moemoe.labels.rare_values import find_rare_values
from moemoe.schemas import LABELS, RARE_VALUES
from tests.support.whole_labels import in_parts, remove_rare_values


def make_labels(*values, attribute="color"):
    rows = [
        {"product_id": f"p{i}", "product_type": "shirt", "attribute": attribute, "values": v}
        for i, v in enumerate(values)
    ]
    return pa.Table.from_pylist(rows, LABELS)


def test_values_go_from_the_rarest_on_while_they_fit_the_share():
    labels = make_labels(*[["Red"]] * 197, ["Rust"], ["Red", "Rose"], ["Rust"])
    kept, removed = remove_rare_values(labels, 0.01)  # two of 200 may go: Rose, and not Rust with its two
    assert removed.to_pylist() == [{"attribute": "color", "value": "Rose", "labels": 1}]
    assert kept.num_rows == 200
    assert kept["values"][198].as_py() == ["Red"]
    kept, removed = remove_rare_values(labels, 0.015)
    assert removed["value"].to_pylist() == ["Rust", "Rose"]
    assert kept["product_id"].to_pylist() == [f"p{i}" for i in range(200) if i not in (197, 199)]
    assert (kept.schema, removed.schema) == (LABELS, RARE_VALUES)


def test_of_equally_frequent_values_the_alphabetically_last_goes():
    labels = make_labels(*[["Red"]] * 98, ["Rose"], ["Rust"])
    assert remove_rare_values(labels, 0.01)[1]["value"].to_pylist() == ["Rust"]
    assert remove_rare_values(labels.take(list(range(99, -1, -1))), 0.01)[1]["value"].to_pylist() == ["Rust"]


def test_each_attribute_has_its_own_share_and_nothing_is_no_fault():
    labels = pa.concat_tables(
        [make_labels(*[["Red"]] * 99, ["Rose"]), make_labels(["Rose"], ["Red"], attribute="theme")]
    )
    kept, removed = remove_rare_values(labels, 0.01)
    assert removed.to_pylist() == [{"attribute": "color", "value": "Rose", "labels": 1}]
    assert kept.num_rows == 101
    assert remove_rare_values(LABELS.empty_table(), 0.01)[0].num_rows == 0


@given(
    st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=3, unique=True), min_size=1, max_size=60),
    st.floats(0, 0.5),
)
def test_what_goes_is_rare_and_counted(values, share):
    labels = make_labels(*values)
    kept, removed = remove_rare_values(labels, share)
    assert find_rare_values(in_parts(labels, 3), share) == removed
    counts = Counter(v for row in values for v in row)
    gone = {row["value"]: row["labels"] for row in removed.to_pylist()}
    assert sum(gone.values()) <= share * len(values)
    assert all(counts[value] == count for value, count in gone.items())
    assert max(gone.values(), default=0) <= min((n for v, n in counts.items() if v not in gone), default=10**9)
    survivors = [[v for v in row if v not in gone] for row in values]
    assert kept["values"].to_pylist() == [row for row in survivors if row]
