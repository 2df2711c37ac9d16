"""Recall at 90 % precision, and thresholds that one can deploy.

Over products that have a gold value: accept where confidence >= threshold; recall = correct among the accepted /
all products with a gold value (what is not accepted is an abstention, hence a miss). Thresholds are swept at tie
boundaries only, and precision is compared in whole numbers, so that 9 of 10 is 90 %.
"""

import math

import numpy as np

PRECISION = 90  # per cent, a whole number
CONFIDENCE_OF_GUARD = 0.95
GUARD_STEPS = 20
ELEMENTS = 2**20  # of a block of samples, so that it stays in the cache


def recall_at_precision(confidence: np.ndarray, correct: np.ndarray, precision: int = PRECISION) -> tuple[float, float]:
    """The largest recall with at least ``precision`` per cent, and its threshold; 0 and NaN where none reaches it.

    Args:
        confidence: float [N].
        correct: bool [N], whether the prediction is among the gold values.
    """
    thresholds, accepted, right = _sweep(confidence, correct)
    enough = right * 100 >= precision * accepted
    if not enough.any() or not len(thresholds):
        return 0.0, math.nan
    best = int(np.flatnonzero(enough)[np.argmax(right[enough])])
    return float(right[best]) / len(correct), float(thresholds[best])


def resampled_recall_at_precision(
    confidence: np.ndarray, correct: np.ndarray, weight_RN: np.ndarray, precision: int = PRECISION
) -> np.ndarray:
    """``recall_at_precision`` of R samples at once, [R]; NaN for a sample without any product.

    Along falling confidence the number of right answers only grows, so the best threshold is the last one with enough
    precision: where 100 * right - precision * accepted is not negative.

    Args:
        weight_RN: how often each product stands in each sample, whole numbers [R, N].
    """
    R, N = weight_RN.shape
    order = np.argsort(-confidence, kind="stable")
    falling, right = confidence[order], correct[order].astype(np.int32)
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if N else np.array([], dtype=int)
    recall_R = np.zeros(R)
    for start in range(0, R, step := max(1, ELEMENTS // max(N, 1))):
        weight = weight_RN[start : start + step, order]
        margin = np.cumsum(weight * (100 * right - precision), axis=1, dtype=np.int64)[:, last]
        found = np.cumsum(weight * right, axis=1, dtype=np.int64)[:, last]
        recall_R[start : start + step] = np.where(margin >= 0, found, 0).max(axis=1, initial=0)
    total_R = weight_RN.sum(axis=1, dtype=np.int64)
    return np.where(total_R > 0, recall_R / np.maximum(total_R, 1), np.nan)


def precision_and_recall(confidence: np.ndarray, correct: np.ndarray, threshold: float) -> tuple[float, float]:
    """What ``threshold`` realises: precision (NaN where nothing is accepted) and recall; NaN threshold abstains."""
    accepted = confidence >= threshold if not math.isnan(threshold) else np.zeros(len(confidence), dtype=bool)
    right = int((correct & accepted).sum())
    return (right / int(accepted.sum()) if accepted.any() else math.nan), right / len(correct) if len(correct) else 0.0


def guarded_threshold(confidence: np.ndarray, correct: np.ndarray, precision: int = PRECISION) -> float:
    """The lowest threshold whose precision is at least ``precision`` with 95 % confidence; NaN (abstain) if none.

    Fixed-sequence testing: the candidates are the n most confident products for n on a grid that confidences and N
    alone decide, the smallest n that could pass first; each is tested by the exact binomial at 5 %, and the first
    failure ends the sequence, so that searching costs no confidence.
    """
    thresholds, accepted, right = _sweep(confidence, correct)
    least = _smallest_sample(precision / 100)
    chosen = math.nan
    for size in np.unique(np.linspace(least, len(correct), GUARD_STEPS).astype(int)) if len(correct) >= least else ():
        place = int(np.searchsorted(accepted, size))
        if place == len(accepted):
            break
        if binomial_tail(int(right[place]), int(accepted[place]), precision / 100) > 1 - CONFIDENCE_OF_GUARD:
            break
        chosen = float(thresholds[place])
    return chosen


def binomial_tail(successes: int, trials: int, probability: float) -> float:
    """P(X >= successes) for X binomial: small where true precision <= ``probability`` would hardly give so many."""
    logs = [
        math.lgamma(trials + 1) - math.lgamma(i + 1) - math.lgamma(trials - i + 1)
        + i * math.log(probability) + (trials - i) * math.log1p(-probability)
        for i in range(successes, trials + 1)
    ]  # fmt: skip
    return min(1.0, math.fsum(math.exp(value) for value in logs))


def _smallest_sample(probability: float) -> int:
    """The smallest n whose n correct answers out of n show more than ``probability`` - with room for one mistake."""
    n = 1
    while binomial_tail(n - 1, n, probability) > 1 - CONFIDENCE_OF_GUARD:
        n += 1
    return n


def _sweep(confidence: np.ndarray, correct: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distinct confidences, falling, with how many products each accepts and how many of them are correct."""
    order = np.argsort(-confidence, kind="stable")
    falling = confidence[order]
    last = np.flatnonzero(np.append(falling[1:] != falling[:-1], True)) if len(falling) else np.array([], dtype=int)
    return falling[last], last + 1, np.cumsum(correct[order].astype(np.int64))[last] if len(last) else last
