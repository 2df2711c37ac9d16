import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from moemoe.evaluation.cells import Cells, EvaluationError
from moemoe.evaluation.evaluate import evaluate
from moemoe.evaluation.recall_at_precision import recall_at_precision, resampled_recall_at_precision
from moemoe.evaluation.uncertainty import GroupBootstrap, interval, paired_difference, wilson
from moemoe.schemas import PREDICTIONS
from tests.support.prediction_rows import rows, table


@given(
    st.lists(
        st.tuples(st.sampled_from([0.1, 0.5, 0.7, 0.9]), st.booleans(), st.integers(0, 3)), min_size=1, max_size=30
    )
)
@settings(max_examples=200)
def test_a_weighted_sample_equals_the_same_sample_written_out(answers):
    confidence, correct, weight = (np.array(column) for column in zip(*answers, strict=True))
    both = np.stack([weight, np.ones_like(weight)], axis=1)
    [weighted, once] = resampled_recall_at_precision(confidence, correct, both)
    assert once == pytest.approx(recall_at_precision(confidence, correct)[0])
    if weight.sum():
        written_out = recall_at_precision(np.repeat(confidence, weight), np.repeat(correct, weight))[0]
        assert weighted == pytest.approx(written_out)
    else:
        assert np.isnan(weighted)


def simulated(seed: int, products: int, accuracy: float, attributes=("color", "material")) -> pa.Table:
    """Two products to a group, both right or both wrong; confidence says nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for attribute in attributes:
        right = np.repeat(rng.random(products // 2) < accuracy, 2)
        found += [
            {
                **row,
                "prediction": "Red" if ok else "Blue",
                "confidence": float(c),
                "group": str(i // 2),
            }
            for i, (row, ok, c) in enumerate(
                zip(rows(products, 0, attribute=attribute), right, rng.random(products), strict=True)
            )
        ]
    return pa.Table.from_pylist(found, PREDICTIONS)


def test_groups_are_drawn_whole_and_for_all_attributes_at_once():
    cells = Cells(simulated(0, 40, 0.5))
    drawn_GR = np.concatenate([drawn for _, drawn in GroupBootstrap(cells.groups, 50).draws()], axis=1)
    found = [cells.of("test")["shirt", attribute] for attribute in ("color", "material")]
    weight = np.concatenate([drawn_GR[cell.group] for cell in found])
    assert (weight[0:40:2] == weight[1:40:2]).all()
    assert (weight[:40] == weight[40:]).all()
    assert weight.shape == (80, 50)
    assert weight[:40].sum() == pytest.approx(40 * 50, rel=0.05)


def test_test_products_alone_are_drawn():
    cells = Cells(table(rows(30, 30, split="validation"), rows(20, 20)))
    assert cells.groups == 20
    [(_, drawn_GR)] = GroupBootstrap(cells.groups, 10).draws()
    assert (drawn_GR[cells.of("test")["shirt", "color"].group].sum(axis=0) == 20).all()


def test_the_interval_covers_the_true_accuracy_at_its_rate():
    """80 % of groups are right; an interval that ignored groups would cover in about 83 % of cases, not 95 %."""
    covered, runs = 0, 150
    for seed in range(runs):
        found = evaluate(Cells(simulated(seed, 200, 0.8, ("color",))), ["shirt"], replicates=300).intervals[
            "accuracy/mean"
        ]
        covered += found.low <= 0.8 <= found.high
        assert found.n == 200
    assert covered >= 0.95 * runs - 3 * (runs * 0.95 * 0.05) ** 0.5


def unsure(rng: np.random.Generator, products: int) -> tuple[np.ndarray, np.ndarray]:
    """A cell whose precision hardly reaches 90 %: even the most confident answers are right in 95 of 100."""
    confidence = rng.beta(1.5, 1.5, products)
    return confidence, rng.random(products) < 0.2 + 0.75 * confidence


def test_the_interval_of_recall_covers_the_truth_where_recall_is_low():
    """Each draw sweeps its threshold anew: of the percentile interval alone, about 80 % cover it."""
    rng = np.random.default_rng(0)
    truth = recall_at_precision(*unsure(rng, 1_000_000))[0]
    assert 0.03 < truth < 0.08
    covered, runs = 0, 150
    for _ in range(runs):
        confidence, correct = unsure(rng, 150)
        weight = rng.multinomial(150, np.full(150, 1 / 150), size=300).T.astype(np.uint8)
        draws = resampled_recall_at_precision(confidence, correct, weight)
        found = interval(recall_at_precision(confidence, correct)[0], draws, 150)
        covered += found.low <= truth <= found.high
    assert covered > 0.86 * runs


@pytest.mark.parametrize(("right", "judged"), [(0, 1), (1, 1), (9, 10), (27, 30), (0, 12), (400, 401)])
def test_wilson_is_scipys(right, judged):
    expected = binomtest(right, judged).proportion_ci(method="wilson")
    assert wilson(right, judged) == pytest.approx((expected.low, expected.high), abs=1e-6)


@pytest.mark.parametrize(("value", "n", "low", "high"), [(1.0, 3, 0.438, 1), (1.0, 400, 0.990, 1), (0.0, 3, 0, 0.562)])
def test_where_all_answers_are_alike_their_number_still_counts(value, n, low, high):
    """Every draw of three right answers has three right answers, which does not make the figure sure."""
    found = interval(value, np.full(100, value), n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


@given(st.floats(0, 1), st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_an_interval_holds_its_own_estimate(value, draws):
    found = interval(value, np.array(draws), 1)
    assert 0 <= found.low <= value <= found.high <= 1


def test_every_headline_mean_has_an_interval_around_it():
    found = evaluate(
        Cells(table(rows(100, 95), rows(60, 50, "kurta"), rows(80, 80, split="validation"))), ["shirt", "kurta"]
    )
    names = {"recall_at_90p/mean", "accuracy/mean", "plain/recall/mean", "guarded/recall/mean"}
    names |= {f"recall_at_90p/{t}/top{k}" for t in ("shirt", "kurta") for k in (5, 10, 15)}
    names |= {"accuracy/shirt", "accuracy/kurta"}
    assert set(found.intervals) == names
    for name, bounds in found.intervals.items():
        assert bounds.low <= bounds.value <= bounds.high, name
        assert found.metrics[f"{name}/low"] == bounds.low
    assert evaluate(Cells(table(rows(100, 95))), ["shirt"], replicates=0).intervals == {}


def test_equal_runs_do_not_differ():
    a = simulated(1, 60, 0.7)
    found = paired_difference(a, a, ["shirt"], replicates=200)
    assert (found.accuracy.value, found.accuracy.p_value, found.recall_at_90p.p_value) == (0.0, 1.0, 1.0)
    assert found.accuracy.covers_zero
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


def test_a_better_run_is_told_from_one_that_is_not():
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
        (table(rows(40, 40, "kurta")), "share no test row: they are of different datasets or splits"),
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
