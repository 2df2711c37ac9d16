"""How close confidences are to the share of right answers."""

import numpy as np

BINS = 15


def reliability(confidence: np.ndarray, correct: np.ndarray) -> list[tuple[float, float, int]]:
    """Mean confidence, share of right answers and count of each of BINS equally wide bins that is not empty.

    Args:
        confidence: float [N] in [0, 1].
        correct: bool [N].
    """
    place = np.minimum((confidence * BINS).astype(np.uint8), BINS - 1)
    return [
        (float(confidence[place == b].mean()), float(correct[place == b].mean()), int((place == b).sum()))
        for b in np.unique(place)
    ]


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """The mean distance of confidence and accuracy over BINS bins (Naeini et al. 2015)."""
    if not len(confidence):
        return float("nan")
    found = reliability(confidence, correct)
    return sum(abs(mean - right) * count for mean, right, count in found) / len(confidence)
