import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from moemoe.evaluation.recall_at_precision import (
    binomial_tail,
    guarded_threshold,
    least_support,
    precision_and_recall,
    recall_at_precision,
)

answers = st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9, 0.95]), st.booleans()), min_size=1, max_size=40)


def arrays(pairs):
    return np.array([c for c, _ in pairs]), np.array([ok for _, ok in pairs], dtype=bool)


def brute_force(confidence, correct):
    best = 0.0
    for threshold in set(confidence):
        accepted = [ok for c, ok in zip(confidence, correct, strict=True) if c >= threshold]
        if sum(accepted) * 10 >= 9 * len(accepted):
            best = max(best, sum(accepted) / len(correct))
    return best


@given(answers)
def test_equals_brute_force_and_its_threshold_realises_it(pairs):
    confidence, correct = arrays(pairs)
    recall, threshold = recall_at_precision(confidence, correct)
    assert recall == pytest.approx(brute_force(confidence, correct))
    if recall:
        precision, realised = precision_and_recall(confidence, correct, threshold)
        assert realised == pytest.approx(recall)
        assert precision >= 0.9
    elif not math.isnan(threshold):
        assert precision_and_recall(confidence, correct, threshold)[1] == 0


@given(answers, st.randoms())
def test_the_order_of_products_does_not_matter(pairs, random):
    shuffled = pairs[:]
    random.shuffle(shuffled)
    assert recall_at_precision(*arrays(pairs))[0] == recall_at_precision(*arrays(shuffled))[0]


def test_nine_of_ten_is_ninety_per_cent():
    confidence = np.linspace(1, 0.1, 10)
    correct = np.array([True] * 9 + [False])
    recall, threshold = recall_at_precision(confidence, correct)
    assert recall == 0.9
    assert threshold == pytest.approx(0.2)  # the wrong one need not be accepted


def test_recall_counts_all_products_with_a_gold_value():
    # three correct above the threshold, four correct below two wrong ones: 3 of 9, not 3 of 7
    confidence = np.array([0.9, 0.9, 0.9, 0.5, 0.5, 0.4, 0.4, 0.4, 0.4])
    correct = np.array([True, True, True, False, False, True, True, True, True])
    assert recall_at_precision(confidence, correct)[0] == pytest.approx(3 / 9)


def test_tied_confidences_are_accepted_together():
    confidence = np.array([0.9] * 8 + [0.9, 0.9])
    correct = np.array([True] * 8 + [False, False])
    recall, threshold = recall_at_precision(confidence, correct)
    assert recall == 0.0
    assert math.isnan(threshold)


def test_a_threshold_further_down_may_be_the_better_one():
    confidence = np.array([0.99, *np.linspace(0.9, 0.1, 19)])
    correct = np.array([False] + [True] * 19)
    assert recall_at_precision(confidence, correct)[0] == pytest.approx(0.95)


def test_nothing_accepted():
    precision, recall = precision_and_recall(np.array([0.5]), np.array([True]), math.nan)
    assert math.isnan(precision)
    assert recall == 0


def test_the_binomial_tail_by_hand():
    assert binomial_tail(2, 2, 0.9) == pytest.approx(0.81)
    assert binomial_tail(1, 2, 0.9) == pytest.approx(0.99)
    assert binomial_tail(0, 5, 0.9) == pytest.approx(1.0)


def test_too_little_data_abstains():
    assert least_support() == 46  # 0.9^46 + 46 * 0.1 * 0.9^45 = 0.048, and 0.052 for 45
    assert math.isnan(guarded_threshold(np.linspace(1, 0, 45), np.ones(45, dtype=bool)))
    assert not math.isnan(guarded_threshold(np.linspace(1, 0, 46), np.ones(46, dtype=bool)))


def naive_guard(confidence, correct):
    """In up to 20 even steps to all, while the exact binomial is convinced: from the most confident 46 on; of 108 and
    more from the most confident 54 on and from the middle, at half the level."""
    n, chosen = len(correct), math.nan
    starts, first = ((0, 10), 54) if n >= 108 else ((0,), 46)
    ranked = sorted(confidence, reverse=True)
    for start in starts:
        for step in range(start, 20):
            size = int(first + step * (n - first) / 19)
            threshold = ranked[size - 1]
            accepted = [ok for c, ok in zip(confidence, correct, strict=True) if c >= threshold]
            if stats.binom.sf(sum(accepted) - 1, len(accepted), 0.9) > 0.05 / len(starts):
                break
            chosen = min(threshold, chosen) if chosen == chosen else threshold
    return chosen


@given(st.integers(65, 300), st.integers(0, 2**32 - 1), st.sampled_from([4, 20, 1000]), st.floats(0.85, 1.0))
def test_the_guard_equals_a_loop_over_candidates(count, seed, levels, accuracy):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, levels, count) / levels
    correct = rng.random(count) < accuracy
    assert guarded_threshold(confidence, correct) == pytest.approx(naive_guard(confidence, correct), nan_ok=True)


def test_a_failure_ends_the_search_even_where_more_products_would_pass():
    """The 46 most confident are 10 errors and 36 right ones; all 100 are 90 % right."""
    correct = np.ones(100, dtype=bool)
    correct[:10] = False
    assert math.isnan(guarded_threshold(np.linspace(1, 0, 100), correct))


def test_wrong_labels_among_the_most_confident_do_not_cost_everything():
    """97 % of 700 are right, but not the two most confident nor a third: more than the first 54 may have wrong."""
    correct = np.arange(700) % 34 != 1
    correct[:2] = False
    confidence = np.linspace(1, 0, 700)
    assert least_support(starts=2) == 54
    assert guarded_threshold(confidence, correct) == 0  # all are accepted
    assert math.isnan(guarded_threshold(confidence[:92], correct[:92]))  # there is one sequence, which ends at once


def test_equal_confidences_are_one_candidate():
    assert guarded_threshold(np.full(100, 0.4), np.ones(100, dtype=bool)) == 0.4


def test_the_guarded_promise_holds_at_its_rate():
    """True precision falls with confidence; the threshold chosen on 300 products promises 90 % on all others."""
    rng = np.random.default_rng(0)
    broken = {"plain": 0, "guarded": 0}
    runs = 400
    for _ in range(runs):
        confidence = rng.random(300)
        correct = rng.random(300) < 0.6 + 0.4 * confidence
        for name, threshold in (
            ("plain", recall_at_precision(confidence, correct)[1]),
            ("guarded", guarded_threshold(confidence, correct)),
        ):
            if not math.isnan(threshold):
                true_precision = 0.6 + 0.4 * (1 + threshold) / 2
                broken[name] += true_precision < 0.9
    assert broken["guarded"] <= 0.05 * runs + 3 * math.sqrt(0.05 * 0.95 * runs)
    assert broken["plain"] > 2 * broken["guarded"]  # what the guard is for


def test_the_guarded_promise_holds_where_confidence_says_nothing():
    """The hardest case: every threshold has a true precision of 89.9 %, so any promise is a broken one."""
    rng = np.random.default_rng(1)
    runs, broken = 1000, {"plain": 0, "guarded": 0}
    for _ in range(runs):
        confidence, correct = rng.random(200), rng.random(200) < 0.899
        broken["guarded"] += not math.isnan(guarded_threshold(confidence, correct))
        broken["plain"] += not math.isnan(recall_at_precision(confidence, correct)[1])
    assert broken["guarded"] <= 0.05 * runs + 3 * math.sqrt(0.05 * 0.95 * runs)
    assert broken["guarded"] > 0.01 * runs  # not a guard that never promises
    assert broken["plain"] > 0.9 * runs
