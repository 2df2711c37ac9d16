"""Folds of a cross-validation by group."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.errors import ConfigError
from moemoe.labels.folds import check_folds, split_of_fold
from moemoe.schemas import LABELS


def labels(groups: list[str]) -> pa.Table:
    rows = [
        {
            "product_id": str(i),
            "product_type": "shirt",
            "group": group,
            "split": "train",
            "attribute": a,
            "values": ["x"],
        }
        for i, group in enumerate(groups)
        for a in ("color", "material")
    ]
    return pa.Table.from_pylist(rows, LABELS)


@given(st.lists(st.text(max_size=3), min_size=1, max_size=40), st.integers(2, 7))
def test_every_product_is_tested_once_and_groups_stay_together(groups, folds):
    tested, validated = Counter(), Counter()
    for fold in range(folds):
        table = split_of_fold(labels(groups), fold, folds)
        assert table.drop_columns("split") == labels(groups).drop_columns("split")
        of_group: dict[str, set] = {}
        for row in table.to_pylist():
            of_group.setdefault(row["group"], set()).add(row["split"])
            if row["attribute"] == "color":
                tested[row["product_id"]] += row["split"] == "test"
                validated[row["product_id"]] += row["split"] == "validation"
        assert all(len(splits) == 1 for splits in of_group.values())
    assert set(tested.values()) == {1}
    assert set(validated.values()) <= {0, 1}


def test_five_folds_train_on_seven_tenths():
    table = split_of_fold(labels([f"group {i}" for i in range(4000)]), 3, 5)
    counts = Counter(table["split"].to_pylist())
    assert counts["test"] / table.num_rows == pytest.approx(0.2, abs=0.02)
    assert counts["validation"] / table.num_rows == pytest.approx(0.1, abs=0.02)


def test_a_number_of_folds_that_is_not_allowed():
    check_folds(0)
    check_folds(5)
    for folds in (-1, 1, 21):
        with pytest.raises(
            ConfigError, match=rf"folds is {folds}; allowed is 0 \(the catalog's own split\) or 2 to 20"
        ):
            check_folds(folds)
