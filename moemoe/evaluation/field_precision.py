"""People's verdicts on filled values -> their measured precision, and the thresholds that it requires."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from moemoe.evaluation.cells import Cell
from moemoe.evaluation.recall_at_precision import PRECISION, recall_at_precision
from moemoe.evaluation.uncertainty import Z, wilson
from moemoe.schemas import RIGHT, WRONG

#: A cell with fewer verdicts is not judged.
LEAST_VERDICTS = 10

KEEP, RAISE, SWITCH_OFF, TOO_FEW = "keep", "raise", "switch off", "too few verdicts"


@dataclass(frozen=True)
class FieldPrecision:
    """People's verdicts on one product type and attribute.

    Args:
        filled: values filled in, in all; ``judged`` of them, ``right`` of those. Unclear ones are left out.
        low, high: Wilson's 95 % interval of the precision.
        action: keep, raise (to ``threshold``), switch off, or too few verdicts.
    """

    product_type: str
    attribute: str
    filled: int
    judged: int
    right: int
    low: float
    high: float
    action: str
    threshold: float | None = None

    @property
    def precision(self) -> float:
        """Share of the judged values that are right; NaN without verdicts."""
        return self.right / self.judged if self.judged else math.nan


def field_precision(audit: pa.Table) -> list[FieldPrecision]:
    """Per product type and attribute of an AUDIT with verdicts, those that filled most first.

    A cell breaks its promise if under 90 % of at least LEAST_VERDICTS verdicts are right. Its threshold is then chosen
    anew on the verdicts, as it was on validation: the lowest with 90 % precision, which at least LEAST_VERDICTS of them
    reach. If there is none, the cell is switched off.
    """
    found: dict[Cell, list[dict]] = {}
    for row in audit.select(["product_type", "attribute", "confidence", "filled", "verdict"]).to_pylist():
        found.setdefault((row["product_type"], row["attribute"]), []).append(row)
    cells = [_cell(cell, rows) for cell, rows in found.items()]
    return sorted(cells, key=lambda cell: (-cell.filled, cell.product_type, cell.attribute))


def overall_precision(cells: Sequence[FieldPrecision]) -> tuple[float, float, float]:
    """Precision over all cells with verdicts, weighted by their filled values, with a normal 95 % interval.

    The sample is drawn cell by cell (a stratified sample): a plain share of right verdicts would be wrong.
    """
    judged = [cell for cell in cells if cell.judged]
    total = sum(cell.filled for cell in judged)
    if not total:
        return math.nan, math.nan, math.nan
    value = sum(cell.filled * cell.precision for cell in judged) / total
    variance = 0.0
    for cell in judged:
        share = (cell.right + 1) / (cell.judged + 2)  # never 0 or 1, so that a few verdicts are never certain
        left = 1 - min(cell.judged / cell.filled, 1)
        variance += (cell.filled / total) ** 2 * share * (1 - share) / cell.judged * left
    half = Z * math.sqrt(variance)
    return value, max(0.0, value - half), min(1.0, value + half)


def _cell(cell: Cell, rows: Sequence[dict]) -> FieldPrecision:
    judged = [row for row in rows if row["verdict"] in (RIGHT, WRONG)]
    confidence = np.array([row["confidence"] for row in judged], dtype=float)
    correct = np.array([row["verdict"] == RIGHT for row in judged], dtype=bool)
    right = int(correct.sum())
    action, threshold = KEEP, None
    if len(judged) < LEAST_VERDICTS:
        action = TOO_FEW
    elif right * 100 < PRECISION * len(judged):
        _, threshold = recall_at_precision(confidence, correct)
        enough = not math.isnan(threshold) and int((confidence >= threshold).sum()) >= LEAST_VERDICTS
        action, threshold = (RAISE, threshold) if enough else (SWITCH_OFF, None)
    return FieldPrecision(*cell, rows[0]["filled"], len(judged), right, *wilson(right, len(judged)), action, threshold)
