"""Recall at 90 % precision, and thresholds for deployment.

Over products that have a gold value: accept where confidence >= threshold; recall = correct among the accepted /
all products with a gold value (what is not accepted is an abstention, hence a miss). Thresholds are swept at tie
boundaries only, and precision is compared in whole numbers, so that 9 of 10 is 90 %.
"""

import math
from functools import cache

import numpy as np

PRECISION = 90  # per cent, a whole number
CONFIDENCE_OF_GUARD = 0.95
GUARD_STEPS = 20
SAMPLES_AT_ONCE = 64  # a block that stays in the cache


def recall_at_precision(confidence: np.ndarray, correct: np.ndarray) -> tuple[float, float]:
    """The largest recall with at least PRECISION per cent, and its threshold; 0 and NaN if none reaches it.

    Args:
        confidence: float [N].
        correct: bool [N], whether the prediction is among the gold values.
    """
    thresholds, accepted, right = sweep(confidence, correct)
    enough = right * 100 >= PRECISION * accepted
    if not enough.any() or not len(thresholds):
        return 0.0, math.nan
    best = int(np.flatnonzero(enough)[np.argmax(right[enough])])
    return float(right[best]) / len(correct), float(thresholds[best])


def resampled_recall_at_precision(confidence: np.ndarray, correct: np.ndarray, weight_NR: np.ndarray) -> np.ndarray:
    """``recall_at_precision`` of R samples at once, [R]; NaN for a sample without any product.

    Args:
        weight_NR: how often each product is in each sample, whole numbers [N, R].
    """
    N, R = weight_NR.shape
    order = np.argsort(-confidence, kind="stable")
    falling, right_N = confidence[order], correct[order].astype(np.int32)
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if N else np.array([], dtype=int)
    recall_R = np.zeros(R)
    for start in range(0, R, SAMPLES_AT_ONCE):
        weight = weight_NR[order, start : start + SAMPLES_AT_ONCE]
        margin = np.cumsum(weight * (100 * right_N - PRECISION)[:, None], axis=0, dtype=np.int32)[last]
        right = np.cumsum(weight * right_N[:, None], axis=0, dtype=np.int32)[last]
        recall_R[start : start + SAMPLES_AT_ONCE] = np.where(margin >= 0, right, 0).max(axis=0, initial=0)
    total_R = weight_NR.sum(axis=0, dtype=np.int64)
    return np.where(total_R > 0, recall_R / np.maximum(total_R, 1), np.nan)


def precision_and_recall(confidence: np.ndarray, correct: np.ndarray, threshold: float) -> tuple[float, float]:
    """What ``threshold`` achieves: precision (NaN if nothing is accepted) and recall; NaN threshold abstains."""
    accepted = confidence >= threshold if not math.isnan(threshold) else np.zeros(len(confidence), dtype=bool)
    right = int((correct & accepted).sum())
    return (right / int(accepted.sum()) if accepted.any() else math.nan), right / len(correct) if len(correct) else 0.0


def guarded_threshold(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The lowest threshold whose precision is at least PRECISION with 95 % confidence; NaN (abstain) if none.

    Fixed-sequence testing (Angelopoulos et al. 2021, "Learn then Test"): the candidates are the n most confident
    products for n on a grid that confidences and their number alone decide, the smallest n that could pass first; each
    is tested by the exact binomial, and the first failure ends the sequence, so that searching costs no confidence.
    Where there are enough products a second sequence starts in the middle of the grid, and both are tested at half of
    the 5 %: two wrong labels among the most confident 46 of 700 then cost a little and not everything. The products
    must be independent: one per group.
    """
    thresholds, accepted, right = sweep(confidence, correct)
    count = len(correct)
    starts = 2 if count >= 2 * least_support(starts=2) else 1
    least, level = least_support(starts), (1 - CONFIDENCE_OF_GUARD) / starts
    sizes = np.unique(np.linspace(least, count, GUARD_STEPS).astype(int)) if count >= least else np.empty(0, int)
    chosen = [math.nan]
    for start in range(starts):
        for size in sizes[start * len(sizes) // starts :]:
            place = int(np.searchsorted(accepted, size))  # with its ties
            if binomial_tail(int(right[place]), int(accepted[place]), PRECISION / 100) > level:
                break
            chosen.append(float(thresholds[place]))
    return float(np.fmin.reduce(chosen))


@cache
def least_support(starts: int = 1) -> int:
    """The fewest products that can give a guarded promise, 46 at 90 %: with all but one right they pass the test.

    Args:
        starts: the sequences of tests that share the 5 %.
    """
    n = 1
    while binomial_tail(n - 1, n, PRECISION / 100) > (1 - CONFIDENCE_OF_GUARD) / starts:
        n += 1
    return n


def binomial_tail(successes: int, trials: int, probability: float) -> float:
    """P(X >= successes) for X binomial: small where true precision <= ``probability`` would hardly give so many."""
    logs = [
        math.lgamma(trials + 1) - math.lgamma(i + 1) - math.lgamma(trials - i + 1)
        + i * math.log(probability) + (trials - i) * math.log1p(-probability)
        for i in range(successes, trials + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(math.exp(value) for value in logs))


def sweep(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct confidences, falling, with how many products each accepts and how many of them are correct."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.array([], dtype=int)
    return falling[last], last + 1, np.cumsum(correct[order].astype(np.int64))[last] if len(last) else last
