"""The predictions table -> the evaluation table and headline metrics."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.errors import MoEMoEError
from moemoe.evaluation.recall_at_precision import guarded_threshold, precision_and_recall, recall_at_precision
from moemoe.schemas import AS_IS, EVALUATION, PREDICTIONS

TOP = (5, 10, 15)
NAMED_TYPES = 10
MIN_SUPPORT = 30

Cell = tuple[str, str]
"""Product type and attribute."""


class EvaluationError(MoEMoEError):
    """A predictions table that cannot be evaluated."""


@dataclass(frozen=True)
class Evaluation:
    """EVALUATION (all product type x attribute cells of the test split, as is) and the headline metrics."""

    table: pa.Table
    metrics: dict[str, float]


@dataclass(frozen=True)
class Scores:
    """One cell's products that have a gold value: confidence and whether the prediction is right."""

    confidence: np.ndarray
    correct: np.ndarray

    @property
    def support(self) -> int:
        """Products with a gold value."""
        return len(self.correct)

    @property
    def accuracy(self) -> float:
        """Share of right predictions."""
        return float(self.correct.mean()) if self.support else math.nan


def evaluate(
    predictions: pa.Table,
    report_product_types: Sequence[str],
    majority: Mapping[Cell, str] | None = None,
    min_support: int = MIN_SUPPORT,
) -> Evaluation:
    """Measures every product type and attribute.

    Recall@90P in two readings: the threshold swept on test (the paper's), and chosen on validation (what one can
    deploy) with what it realises on test. Means are macro over the cells of ``report_product_types`` with at least
    ``min_support`` test products; top K ranks a product type's cells by support, fewer than K are averaged as they
    are and counted in ``.../topK_cells``. A mean over no cell is NaN. The first NAMED_TYPES report product types have
    metrics of their own; MLflow's UI does not bear hundreds.

    Args:
        predictions: PREDICTIONS with splits validation and test.
        majority: each cell's most frequent training value (``majority_values``), the baseline.

    Raises:
        EvaluationError: columns are missing, a confidence is no number, or rows stand twice.
    """
    check_predictions(predictions)
    test = cells(predictions, "test", AS_IS)
    validation = cells(predictions, "validation", AS_IS)
    rows = [_row(cell, scores, validation.get(cell)) for cell, scores in sorted(test.items())]
    table = pa.Table.from_pylist(rows, EVALUATION)
    headline = [row for row in rows if row["product_type"] in report_product_types and row["support"] >= min_support]
    metrics = _means(headline, report_product_types)
    if majority is not None:
        metrics |= _majority(predictions, majority, {(row["product_type"], row["attribute"]) for row in headline})
    for condition in sorted(set(predictions["condition"].to_pylist()) - {AS_IS}):
        other = cells(predictions, "test", condition)
        shown = [other[c] for c in ((row["product_type"], row["attribute"]) for row in headline) if c in other]
        name = condition.replace(" ", "_")
        metrics[f"{name}/recall_at_90p/mean"] = _mean(recall_at_precision(s.confidence, s.correct)[0] for s in shown)
        metrics[f"{name}/accuracy/mean"] = _mean(s.accuracy for s in shown)
    answered = predictions.filter(
        pc.and_(pc.equal(predictions["split"], "test"), pc.equal(predictions["condition"], AS_IS))
    )
    metrics["canonical/share"] = pc.mean(answered["canonical"]).as_py() if answered.num_rows else math.nan
    return Evaluation(table, {name: float(value) for name, value in metrics.items()})


def check_predictions(predictions: pa.Table) -> None:
    """Raises EvaluationError where the table is not one of predictions."""
    missing = [name for name in PREDICTIONS.names if name not in predictions.column_names]
    if missing:
        raise EvaluationError(f"predictions lack the columns {', '.join(missing)}")
    bad = pc.sum(pc.or_kleene(pc.is_null(predictions["confidence"], nan_is_null=True), False)).as_py()
    if bad:
        raise EvaluationError(f"{bad} predictions have no confidence (null or NaN); each needs one in [0, 1]")
    keys = predictions.select(["product_id", "attribute", "split", "condition"])
    groups = keys.append_column("n", pa.array(np.ones(len(keys), dtype=np.int64))).group_by(keys.column_names)
    twice = groups.aggregate([("n", "sum")]).filter(pc.field("n_sum") > 1)
    if twice.num_rows:
        first = twice.to_pylist()[0]
        raise EvaluationError(
            f"{twice.num_rows} predictions stand more than once, first product {first['product_id']}, attribute "
            f"{first['attribute']}, condition {first['condition']}"
        )


def cells(predictions: pa.Table, split: str, condition: str) -> dict[Cell, Scores]:
    """Confidence and correctness per product type and attribute; rows without gold are left out."""
    chosen = predictions.filter(
        pc.and_(pc.equal(predictions["split"], split), pc.equal(predictions["condition"], condition))
    ).select(["product_type", "attribute", "gold", "prediction", "confidence"])
    found: dict[Cell, list[tuple[float, bool]]] = defaultdict(list)
    for row in chosen.to_pylist():
        if row["gold"]:
            cell = (row["product_type"], row["attribute"])
            found[cell].append((row["confidence"], row["prediction"] in row["gold"]))
    return {
        cell: Scores(np.array([c for c, _ in pairs]), np.array([ok for _, ok in pairs], dtype=bool))
        for cell, pairs in found.items()
    }


def majority_values(labels: pa.Table) -> dict[Cell, str]:
    """Each cell's most frequent value in the training split of LABELS; ties go to the first in the alphabet."""
    train = labels.filter(pc.equal(labels["split"], "train")).select(["product_type", "attribute", "values"])
    counts: dict[Cell, Counter[str]] = defaultdict(Counter)
    for row in train.to_pylist():
        counts[row["product_type"], row["attribute"]].update(row["values"])
    return {cell: min(counter, key=lambda value: (-counter[value], value)) for cell, counter in counts.items()}


def _row(cell: Cell, test: Scores, validation: Scores | None) -> dict[str, Any]:
    threshold = guarded = math.nan
    if validation is not None:
        _, threshold = recall_at_precision(validation.confidence, validation.correct)
        guarded = guarded_threshold(validation.confidence, validation.correct)
    precision, recall = precision_and_recall(test.confidence, test.correct, threshold)
    guarded_precision, guarded_recall = precision_and_recall(test.confidence, test.correct, guarded)
    return {
        "product_type": cell[0],
        "attribute": cell[1],
        "support": test.support,
        "accuracy": test.accuracy,
        "recall_at_90p": recall_at_precision(test.confidence, test.correct)[0],
        "threshold": threshold,
        "precision_at_threshold": precision,
        "recall_at_threshold": recall,
        "threshold_guarded": guarded,
        "precision_at_threshold_guarded": guarded_precision,
        "recall_at_threshold_guarded": guarded_recall,
    }


def _means(headline: list[dict[str, Any]], report_product_types: Sequence[str]) -> dict[str, float]:
    metrics = {
        "recall_at_90p/mean": _mean(row["recall_at_90p"] for row in headline),
        "recall_at_90p/cells": len(headline),
        "accuracy/mean": _mean(row["accuracy"] for row in headline),
        "deployed/recall/mean": _mean(row["recall_at_threshold"] for row in headline),
        "deployed/promise_kept": _kept(row["precision_at_threshold"] for row in headline),
        "guarded/recall/mean": _mean(row["recall_at_threshold_guarded"] for row in headline),
        "guarded/promise_kept": _kept(row["precision_at_threshold_guarded"] for row in headline),
    }
    for product_type in report_product_types[:NAMED_TYPES]:
        mine = sorted((row for row in headline if row["product_type"] == product_type), key=lambda row: -row["support"])
        metrics[f"accuracy/{product_type}"] = _mean(row["accuracy"] for row in mine)
        for k in TOP:
            metrics[f"recall_at_90p/{product_type}/top{k}"] = _mean(row["recall_at_90p"] for row in mine[:k])
            metrics[f"recall_at_90p/{product_type}/top{k}_cells"] = len(mine[:k])
    return metrics


def _majority(predictions: pa.Table, majority: Mapping[Cell, str], headline: set[Cell]) -> dict[str, float]:
    """The baseline that always answers a cell's most frequent training value, with constant confidence."""
    right: dict[Cell, list[bool]] = defaultdict(list)
    test = predictions.filter(
        pc.and_(pc.equal(predictions["split"], "test"), pc.equal(predictions["condition"], AS_IS))
    ).select(["product_type", "attribute", "gold"])
    for row in test.to_pylist():
        cell = (row["product_type"], row["attribute"])
        if cell in headline and row["gold"]:
            right[cell].append(majority.get(cell) in row["gold"])
    recalls = (recall_at_precision(np.ones(len(r)), np.array(r, dtype=bool))[0] for r in right.values())
    return {
        "baseline/majority_accuracy": _mean(sum(r) / len(r) for r in right.values()),
        "baseline/majority_recall_at_90p": _mean(recalls),
    }


def _mean(values: Any) -> float:
    found = list(values)
    return sum(found) / len(found) if found else math.nan


def _kept(precisions: Any) -> float:
    """Of the cells where the threshold accepts anything, the share whose test precision is at least 90 %."""
    accepting = [precision for precision in precisions if not math.isnan(precision)]
    return _mean(precision >= 0.9 for precision in accepting)
