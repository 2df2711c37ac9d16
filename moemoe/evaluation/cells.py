"""The predictions table, checked and cut into product type x attribute cells, once for all that is measured of it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.errors import MoEMoEError
from moemoe.schemas import AS_IS, PREDICTIONS, WITHHELD

MIN_SUPPORT = 30

Cell = tuple[str, str]
"""Product type and attribute."""


class EvaluationError(MoEMoEError):
    """A predictions table that cannot be evaluated."""


@dataclass(frozen=True)
class CellPredictions:
    """One cell's products that have a gold value.

    Args:
        confidence: float [N].
        correct: bool [N], whether the prediction is among the gold values.
        rows: int [N], their rows in the predictions table.
    """

    confidence: np.ndarray
    correct: np.ndarray
    rows: np.ndarray

    @property
    def support(self) -> int:
        """Products with a gold value."""
        return len(self.correct)

    @property
    def accuracy(self) -> float:
        """Share of right predictions."""
        return float(self.correct.mean()) if self.support else math.nan

    def of(self, chosen: np.ndarray) -> "CellPredictions":
        """Those of its products that ``chosen`` (bool, one per row of the predictions table) names."""
        mine = chosen[self.rows]
        return CellPredictions(self.confidence[mine], self.correct[mine], self.rows[mine])


def check_predictions(predictions: pa.Table) -> None:
    """Raises EvaluationError where the table is not one of predictions."""
    missing = [name for name in PREDICTIONS.names if name not in predictions.column_names]
    if missing:
        raise EvaluationError(f"predictions lack the columns {', '.join(missing)}")
    confidence = predictions["confidence"]
    bad = pc.sum(pc.or_kleene(pc.is_null(confidence, nan_is_null=True), False)).as_py()
    if bad:
        raise EvaluationError(f"{bad} predictions have no confidence (null or NaN); each needs one in [0, 1]")
    outside = pc.sum(pc.or_(pc.less(confidence, 0), pc.greater(confidence, 1))).as_py()
    if outside:
        raise EvaluationError(f"{outside} predictions have a confidence outside [0, 1]")
    keys = predictions.select(["product_id", "attribute", "split", "condition"])
    groups = keys.append_column("n", pa.array(np.ones(len(keys), dtype=np.int64))).group_by(keys.column_names)
    twice = groups.aggregate([("n", "sum")]).filter(pc.field("n_sum") > 1)
    if twice.num_rows:
        first = twice.to_pylist()[0]
        raise EvaluationError(
            f"{twice.num_rows} duplicate predictions, first product {first['product_id']}, attribute "
            f"{first['attribute']}, condition {first['condition']}"
        )


def main_condition(predictions: pa.Table) -> str:
    """The condition that a table's headline is of: ``as is``, or ``withheld`` where it has no row as is."""
    conditions = predictions["condition"].unique().to_pylist()
    return WITHHELD if WITHHELD in conditions and AS_IS not in conditions else AS_IS


class Cells:
    """A predictions table, cut into the products of each product type and attribute; rows without gold are left out.

    Args:
        predictions: PREDICTIONS.

    Raises:
        EvaluationError: as ``check_predictions``.
    """

    def __init__(self, predictions: pa.Table):
        check_predictions(predictions)
        self.predictions = predictions
        self.condition = main_condition(predictions)
        self.conditions = set(predictions["condition"].unique().to_pylist())
        self._found = _cut(predictions)

    def of(self, split: str, condition: str | None = None) -> Mapping[Cell, CellPredictions]:
        """The cells of a split in a condition, the main one by default, sorted by product type and attribute."""
        return self._found.get((split, condition or self.condition), {})


def _cut(predictions: pa.Table) -> dict[tuple[str, str], dict[Cell, CellPredictions]]:
    """(split, condition) -> cell -> its products."""
    rows = np.flatnonzero(pc.greater(pc.list_value_length(predictions["gold"]), 0).to_numpy(zero_copy_only=False))
    names = ["split", "condition", "product_type", "attribute", "gold", "prediction", "confidence"]
    columns = predictions.select(names).take(pa.array(rows))
    answers = zip(columns["prediction"].to_pylist(), columns["gold"].to_pylist(), strict=True)
    correct = np.array([answer in gold for answer, gold in answers], dtype=bool)
    confidence = columns["confidence"].to_numpy()
    indices: dict[tuple[str, str], dict[Cell, list[int]]] = {}
    keys = zip(*(columns[name].to_pylist() for name in names[:4]), strict=True)
    for index, (split, condition, product_type, attribute) in enumerate(keys):
        indices.setdefault((split, condition), {}).setdefault((product_type, attribute), []).append(index)
    return {
        shown: {cell: CellPredictions(confidence[i], correct[i], rows[i]) for cell, i in sorted(own.items())}
        for shown, own in indices.items()
    }
