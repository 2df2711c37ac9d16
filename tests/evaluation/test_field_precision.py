import math

import pyarrow as pa
import pytest

from moemoe.evaluation.field_precision import (
    KEEP,
    RAISE,
    SWITCH_OFF,
    TOO_FEW,
    field_precision,
    overall_precision,
)  # fmt: skip
from moemoe.schemas import AUDIT


def audit(**cells):
    """attribute=[(confidence, verdict), ...]"""
    rows = [
        {"product_type": "shirt", "attribute": name, "confidence": c, "verdict": v, "filled": 1000}
        for name, judged in cells.items()
        for c, v in judged
    ]
    return pa.Table.from_pylist(rows, AUDIT)


def test_the_action_for_a_cell():
    sure = [(0.99, "right")] * 12
    cells = field_precision(
        audit(
            good=[(0.8, "right")] * 18 + [(0.8, "wrong")] * 2,
            raised=sure + [(0.8, "wrong")] * 6 + [(0.8, None), (0.8, "unclear")],
            off=[(0.8, "right")] * 10 + [(0.9, "wrong")] * 10,
            few=[(0.8, "wrong")] * 9,
            none=[(0.8, None)] * 30,
        )
    )
    found = {cell.attribute: cell for cell in cells}
    assert {name: cell.action for name, cell in found.items()} == {
        "good": KEEP, "raised": RAISE, "off": SWITCH_OFF, "few": TOO_FEW, "none": TOO_FEW,
    }  # fmt: skip
    assert found["raised"].threshold == 0.99
    assert (found["raised"].judged, found["raised"].right) == (18, 12)
    assert found["off"].threshold is None
    assert math.isnan(found["none"].precision)


def test_a_threshold_that_few_verdicts_reach_is_not_chosen():
    [cell] = field_precision(audit(color=[(0.99, "right")] * 9 + [(0.8, "wrong")] * 9))
    assert cell.action == SWITCH_OFF


def test_all_together_each_cell_weighs_what_it_filled_in():
    table = audit(large=[(0.9, "right")] * 20, small=[(0.9, "wrong")] * 20).to_pylist()
    for row in table:
        row["filled"] = 9000 if row["attribute"] == "large" else 1000
    value, low, high = overall_precision(field_precision(pa.Table.from_pylist(table, AUDIT)))
    assert value == pytest.approx(0.9)
    assert low < 0.9 < high
    assert math.isnan(overall_precision(field_precision(audit(none=[(0.9, None)])))[0])
