"""A measurement of a few predictions, for reports and plots."""

from collections.abc import Sequence

import pyarrow as pa

from moemoe.evaluation.measure import Measurement, measure
from moemoe.schemas import ROUTING


class Answers:
    """What ``measure`` takes; every confidence is its probability."""

    def __init__(self, predictions: pa.Table):
        self.predictions = predictions
        self.probability = predictions["confidence"].to_numpy()
        self.routing = ROUTING.empty_table()
        self.metrics = {"calibration/temperature": 1.0}


def measured(predictions: pa.Table, product_types: Sequence[str] = ("shirt", "kurta")) -> Measurement:
    return measure(Answers(predictions), product_types, {})
