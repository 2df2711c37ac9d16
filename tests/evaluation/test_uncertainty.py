import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from moemoe.evaluation.cells import Cells
from moemoe.evaluation.evaluate import evaluate
from moemoe.evaluation.recall_at_precision import recall_at_precision, resampled_recall_at_precision
from moemoe.evaluation.uncertainty import GroupBootstrap, interval, wilson
from tests.support.prediction_rows import rows, simulated, table


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


@pytest.mark.parametrize(
    ("value", "n", "low", "high"),
    [(1.0, 3, 0.438, 1), (1.0, 400, 0.990, 1), (0.0, 3, 0, 0.562), (0.75, 40, 0.598, 0.858)],
)
def test_where_all_draws_are_alike_the_number_of_answers_still_counts(value, n, low, high):
    """Every draw of three right answers has three right answers, every draw of one group its share of them."""
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
