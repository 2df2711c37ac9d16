"""Paired differences of two runs, and metrics over all product types."""

import numpy as np
import pyarrow as pa
import pytest

from moemoe.evaluation.cells import EvaluationError
from moemoe.evaluation.paired import (
    ACCURACY_OF_ALL_TYPES,
    ACCURACY_OF_IMPLICIT,
    ACCURACY_OF_LABELS,
    RECALL_OF_ALL_TYPES,
    WHOLE,
    difference_of,
    drawn_whole,
    paired_difference,
)
from moemoe.evaluation.shared_rows import SharedRows, read_test_rows
from moemoe.schemas import PREDICTIONS
from tests.support.prediction_rows import rows, simulated, table


def test_equal_runs_do_not_differ():
    a = simulated(1, 60, 0.7)
    found = paired_difference(a, a, ["shirt"], replicates=200)
    assert (found.accuracy.value, found.accuracy.p_value, found.recall_at_90p.p_value) == (0.0, 1.0, 1.0)
    assert found.accuracy.low <= 0 <= found.accuracy.high
    assert (found.cells, found.products) == (2, 60)


def test_differences_of_a_product_type_are_those_of_its_cells_alone():
    """Both types' cells come from one table; the second run errs more on kurtas alone."""
    a = table(rows(60, 50), rows(60, 50, "kurta"))
    b = table(rows(60, 50), rows(60, 20, "kurta"))
    found = paired_difference(a, b, ["shirt", "kurta"], replicates=200)
    alone = {kind: paired_difference(a, b, [kind], replicates=200) for kind in ("shirt", "kurta")}
    assert found.product_types["shirt"].accuracy.value == 0
    assert found.product_types["kurta"].accuracy == alone["kurta"].accuracy
    assert found.accuracy.value == pytest.approx((alone["kurta"].accuracy.value + 0) / 2)


def test_the_difference_from_a_worse_run_is_significant():
    """The second run errs where the first does and on 10 % more: paired, 100 products are enough to see it."""
    a = simulated(2, 100, 0.8, ("color",))
    worse = [dict(r, prediction="Blue" if i < 20 else r["prediction"]) for i, r in enumerate(a.to_pylist())]
    found = paired_difference(a, pa.Table.from_pylist(worse, PREDICTIONS), ["shirt"])
    assert found.accuracy.low > 0
    assert found.accuracy.p_value < 0.05
    back = paired_difference(pa.Table.from_pylist(worse, PREDICTIONS), a, ["shirt"])
    assert back.accuracy.value == -found.accuracy.value
    assert back.accuracy.p_value == found.accuracy.p_value


def test_two_runs_that_are_equally_good_are_seldom_told_apart():
    """The p-value of no difference is below 5 % in about 5 % of cases."""
    runs = 100
    pairs = [(simulated(2 * s, 100, 0.8, ("color",)), simulated(2 * s + 1, 100, 0.8, ("color",))) for s in range(runs)]
    below = sum(paired_difference(a, b, ["shirt"], replicates=200).accuracy.p_value < 0.05 for a, b in pairs)
    assert below <= 0.05 * runs + 3 * (runs * 0.05 * 0.95) ** 0.5


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (table(rows(40, 40, "kurta")), "have no test rows in common: they have different datasets or splits"),
        (table(rows(39, 39)), "1 of the first run's 40 are not in the other's, e.g. product shirttest39, attribute co"),
        (table(rows(40, 40, gold="Pink")), "gold values differ in 40 test rows, e.g. of product shirttest0"),
        (table([dict(row, group="g") for row in rows(40, 40)]), "groups differ in 40 test rows"),
        (table(rows(40, 40, split="validation")), "the second run has no test predictions of condition 'as is'"),
    ],
)
def test_runs_of_different_datasets_or_test_rows_are_refused(other, reason):
    with pytest.raises(EvaluationError, match=reason):
        paired_difference(table(rows(40, 40)), other, ["shirt"])


def test_runs_with_too_little_to_compare_are_refused():
    few = table(rows(5, 5))
    with pytest.raises(EvaluationError, match="no cell of shirt has 30 test products"):
        paired_difference(few, few, ["shirt"])


@pytest.fixture
def mixed():
    """Colors of 100 shirts and 40 belts, 10 themes of belts, too few for a cell; every second is explicit."""

    def make(right: int) -> pa.Table:
        parts = [rows(100, 100), rows(40, right, "belt"), rows(10, 5, "belt", attribute="theme")]
        found = [{**row, "explicit": i % 2 == 0} for part in parts for i, row in enumerate(part)]
        without = rows(20, 20, "hat", attribute="fit")
        return table(found, [{**row, "gold": [], "explicit": None} for row in without])

    return make


def test_a_run_is_measured_on_all_product_types_and_on_all_labels(mixed):
    found = drawn_whole(read_test_rows(mixed(20)), replicates=50).intervals()
    assert tuple(found) == WHOLE
    assert found[RECALL_OF_ALL_TYPES].value == pytest.approx((1 + 20 / 40) / 2)
    assert found[ACCURACY_OF_ALL_TYPES].value == pytest.approx((1 + 0.5) / 2)
    assert found[ACCURACY_OF_LABELS].value == pytest.approx(125 / 150)
    assert found[ACCURACY_OF_IMPLICIT].value == pytest.approx((50 + 10 + 2) / 75)
    assert {name: each.n for name, each in found.items()} == dict(zip(WHOLE, (140, 140, 150, 75), strict=True))
    assert all(each.low < each.value < each.high for each in found.values())


def test_two_runs_drawn_whole_differ_by_what_is_measured(mixed):
    shared = SharedRows.of(*(read_test_rows(mixed(right)) for right in (30, 20)))
    first, second = (drawn_whole(one, replicates=50) for one in (shared.first, shared.second))
    found = difference_of(first, second, shared.first, ["shirt"])
    alone = paired_difference(mixed(30), mixed(20), ["shirt"], replicates=50)
    assert (found.recall_at_90p, found.accuracy, found.cells) == (alone.recall_at_90p, alone.accuracy, 1)
    assert alone.whole == {}
    assert found.whole[ACCURACY_OF_LABELS].value == pytest.approx(10 / 150)
    assert found.whole[ACCURACY_OF_IMPLICIT].value == pytest.approx(5 / 75)
    assert found.whole[ACCURACY_OF_ALL_TYPES].value == pytest.approx(0.25 / 2)
    assert found.whole[ACCURACY_OF_LABELS].low > 0
    back = difference_of(second, first, shared.first, ["shirt"]).whole[ACCURACY_OF_LABELS]
    assert -back == found.whole[ACCURACY_OF_LABELS]


def test_a_run_without_a_cell_that_is_large_enough_has_shares_of_labels_alone():
    few = read_test_rows(table([{**row, "explicit": None} for row in rows(5, 4)]))
    found = drawn_whole(few, replicates=50).intervals()
    assert {name: each.value for name, each in found.items()} == {ACCURACY_OF_LABELS: 0.8}
    assert not np.isnan(found[ACCURACY_OF_LABELS].low)


def test_draws_without_a_product_of_the_cell_do_not_count():
    """All shirts are of one group, which every third draw lacks: as if there were fewer draws."""
    shirts = [dict(row, group="one") for row in rows(30, 30)]
    hats = rows(2, 2, "hat")
    worse = [dict(row, prediction="Blue") if i < 5 else row for i, row in enumerate(shirts)]
    found = paired_difference(table(shirts, hats), table(worse, hats), ["shirt"], replicates=200)
    assert found.accuracy.p_value > 2 / 201
