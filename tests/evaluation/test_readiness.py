"""Which attributes are ready; the sentences about them are in tests/reporting/test_report.py."""

import numpy as np
import pytest

from moemoe.evaluation.cells import Cells
from moemoe.evaluation.evaluate import evaluate
from moemoe.evaluation.readiness import readiness
from moemoe.evaluation.uncertainty import GroupBootstrap, interval
from tests.support.prediction_rows import rows, table

PRODUCTS = 1000


def test_the_intervals_have_enough_replicates():
    """On the mean, a bound is off by 4 % of its interval's width with 500 replicates, 6 % with 200, 11 % with 20."""
    rng, parts, accepted = np.random.default_rng(3), [], {}
    for tenths in range(1, 10):
        name = f"answers {tenths} of 10"
        accepted[name] = rng.random(PRODUCTS) < tenths / 10
        asked = zip(rows(PRODUCTS, PRODUCTS, attribute=name), accepted[name], strict=True)
        parts.append([row | {"confidence": 1.0 if sure else 0.1} for row, sure in asked])
        parts.append(rows(60, 60, attribute=name, split="validation"))
    cells = Cells(table(*parts))
    _, attributes = readiness(cells, evaluate(cells, ["shirt"], replicates=0))
    groups, off = np.arange(PRODUCTS), []
    drawn = GroupBootstrap(PRODUCTS, 4000).shares([(accepted[each.attribute], groups) for each in attributes])
    for each, drawn_R in zip(attributes, drawn, strict=True):
        found, exact = each.coverage, interval(each.coverage.value, drawn_R, PRODUCTS)
        assert found.value == pytest.approx(accepted[each.attribute].mean())
        width = exact.high - exact.low
        off += [abs(found.low - exact.low) / width, abs(found.high - exact.high) / width]
    assert np.mean(off) < 0.05
