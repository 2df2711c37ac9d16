"""The predictions table -> the evaluation table and headline metrics."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from moemoe.counts import counted
from moemoe.evaluation.calibration import expected_calibration_error
from moemoe.evaluation.cells import MIN_SUPPORT, Cell, CellPredictions, CellRows, Cells
from moemoe.evaluation.recall_at_precision import (
    PRECISION,
    guarded_threshold,
    least_support,
    precision_and_recall,
    recall_at_precision,
)
from moemoe.evaluation.uncertainty import REPLICATES, GroupBootstrap, Interval, interval
from moemoe.names import cell_name, escaped
from moemoe.schemas import AS_IS, EVALUATION, NOT_APPLICABLE, UNANSWERABLE

TOP = (5, 10, 15)
NAMED_TYPES = 10
PROMISE = PRECISION / 100


@dataclass(frozen=True)
class Evaluation:
    """The metrics of a predictions table.

    Args:
        table: EVALUATION, all product type x attribute cells of the test split.
        metrics: the headline figures by name; those with an interval also as ``NAME/low`` and ``NAME/high``.
        intervals: the headline figures that have a bootstrap interval.
        condition: the one that ``table`` is of, ``as is`` or ``withheld``.
        no_means: why there are no headline means (they are NaN), in words; empty if there are.
    """

    table: pa.Table
    metrics: dict[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)
    condition: str = AS_IS
    no_means: str = ""

    def thresholds(self) -> dict[Cell, float]:
        """Each cell's plain threshold; NaN: it abstains always."""
        return {(row["product_type"], row["attribute"]): row["threshold"] for row in self.table.to_pylist()}


def evaluate(
    cells: Cells,
    report_product_types: Sequence[str],
    with_majority: bool = False,
    min_support: int = MIN_SUPPORT,
    replicates: int = REPLICATES,
) -> Evaluation:
    """Measures every product type and attribute.

    Recall@90P has two readings: with the threshold swept on test (the paper's), and with the threshold chosen on
    validation, as deployed. Means are macro over the cells of ``report_product_types`` with at least
    ``min_support`` test products; top K ranks a product type's cells by support, fewer than K are averaged as they
    are and counted in ``.../topK_cells``. A mean over no cell is NaN. The first NAMED_TYPES report product types have
    metrics of their own; hundreds would slow MLflow's UI down.

    Args:
        cells: of PREDICTIONS with splits validation and test.
        with_majority: measure the baseline too; ``cells`` know each cell's most frequent training value.
        replicates: bootstrap samples for the intervals; 0: none.
    """
    main = cells.condition
    test, validation = cells.of("test"), cells.of("validation")
    rows = [_row(cell, scores, validation.get(cell)) for cell, scores in test.items()]
    table = pa.Table.from_pylist(rows, EVALUATION)
    headline = [row for row in rows if row["product_type"] in report_product_types and row["support"] >= min_support]
    shown = {(row["product_type"], row["attribute"]) for row in headline}
    metrics = _means(headline, report_product_types)
    intervals = {}
    if replicates and headline:
        drawn = _replicates(headline, test, GroupBootstrap(cells.groups, replicates))
        n = sum(row["support"] for row in headline)
        for name, values in _means(drawn, report_product_types).items():
            if isinstance(values, np.ndarray):
                intervals[name] = interval(metrics[name], values, n)
                metrics |= {f"{name}/low": intervals[name].low, f"{name}/high": intervals[name].high}
    metrics |= _promises(headline)
    if with_majority:
        metrics |= _majority([scores for cell, scores in test.items() if cell in shown])
    for condition in sorted(cells.conditions - {main, NOT_APPLICABLE, UNANSWERABLE}):
        found = cells.test(condition).items()
        own = [(scores.recall_at_90p, scores.accuracy) for cell, scores in found if cell in shown]
        del found  # before the next condition is read
        if own:
            name = condition.replace(" ", "_")
            metrics[f"{name}/recall_at_90p/mean"] = _mean(recall for recall, _ in own)
            metrics[f"{name}/accuracy/mean"] = _mean(accuracy for _, accuracy in own)
    if test:
        pooled = CellPredictions.concat(test.values())
        metrics["calibration/ece"] = expected_calibration_error(pooled.confidence, pooled.correct)
    metrics["canonical/share"] = cells.canonical
    no_means = "" if headline else _no_means(rows, report_product_types, min_support)
    return Evaluation(table, {name: float(value) for name, value in metrics.items()}, intervals, main, no_means)


def majority_values(counts: Mapping[Cell, Mapping[str, int]]) -> dict[Cell, str]:
    """Each cell's most frequent value; ties go to the first in the alphabet.

    Args:
        counts: of the training split, cell -> value -> products (``ShardedDataset.cell_value_counts``).
    """
    return {cell: min(values, key=lambda value: (-values[value], value)) for cell, values in counts.items()}


def _no_means(rows: Sequence[Mapping[str, Any]], report_product_types: Sequence[str], min_support: int) -> str:
    """Why no cell counts for the headline."""
    reported = [row for row in rows if row["product_type"] in report_product_types]
    if not rows:
        return "no test product has a label"
    if not reported:
        types = ", ".join(sorted({row["product_type"] for row in rows}))
        return f"no test product is of the report product types ({', '.join(report_product_types)}), but of {types}"
    most = max(reported, key=lambda row: row["support"])
    return (
        f"no product type and attribute has {min_support} test products with a label; the most are the "
        f"{most['support']} of {cell_name(most['product_type'], most['attribute'])}"
    )


def _row(cell: Cell, test: CellPredictions, validation: CellPredictions | None) -> dict[str, Any]:
    threshold = guarded = math.nan
    independent = accepted = accepted_guarded = 0
    if validation is not None:
        _, threshold = recall_at_precision(validation.confidence, validation.correct)
        _, one_each = np.unique(validation.group, return_index=True)  # products of a group err together
        guarded = guarded_threshold(validation.confidence[one_each], validation.correct[one_each])
        independent = len(one_each)
        accepted = int((validation.confidence >= threshold).sum())  # NaN accepts nothing
        accepted_guarded = int((validation.confidence[one_each] >= guarded).sum())
    precision, recall = precision_and_recall(test.confidence, test.correct, threshold)
    guarded_precision, guarded_recall = precision_and_recall(test.confidence, test.correct, guarded)
    return {
        "product_type": cell[0],
        "attribute": cell[1],
        "support": test.support,
        "accuracy": test.accuracy,
        "recall_at_90p": test.recall_at_90p,
        "threshold": threshold,
        "precision_at_threshold": precision,
        "recall_at_threshold": recall,
        "threshold_guarded": guarded,
        "precision_at_threshold_guarded": guarded_precision,
        "recall_at_threshold_guarded": guarded_recall,
        "validation_support": validation.support if validation is not None else 0,
        "validation_accepted": accepted,
        "validation_accepted_guarded": accepted_guarded,
        "guarded_status": _guard(guarded, independent),
    }


def _guard(threshold: float, independent: int) -> str:
    """Whether the cell has a guarded promise; if not, why it abstains."""
    if not math.isnan(threshold):
        return "promise"
    if independent < least_support():
        return f"abstains: too little data, {counted(independent, 'validation group')} of at least {least_support()}"
    return "abstains: the most confident validation answers are not surely 90 % right"


def _replicates(
    headline: list[dict[str, Any]], test: Mapping[Cell, CellPredictions], resamples: GroupBootstrap
) -> list[dict]:
    """The headline's rows with arrays [R] in place of figures: ``_means`` of them are the means' replicates."""
    own = [test[row["product_type"], row["attribute"]] for row in headline]
    drawn = {"recall_at_90p": resamples.recalls_at_90p(own)}
    drawn["accuracy"] = resamples.shares([(scores.correct, scores.group) for scores in own])
    for kind in ("", "_guarded"):
        least = [row["threshold" + kind] for row in headline]  # NaN accepts nothing
        right = [(s.correct & (s.confidence >= at), s.group) for s, at in zip(own, least, strict=True)]
        drawn["recall_at_threshold" + kind] = resamples.shares(right)
    return [{**row, **{name: values[i] for name, values in drawn.items()}} for i, row in enumerate(headline)]


def _means(headline: list[dict[str, Any]], report_product_types: Sequence[str]) -> dict[str, Any]:
    """The headline means of figures, or of their replicates."""
    metrics = {
        "recall_at_90p/mean": _mean(row["recall_at_90p"] for row in headline),
        "recall_at_90p/cells": len(headline),
        "accuracy/mean": _mean(row["accuracy"] for row in headline),
        "plain/recall/mean": _mean(row["recall_at_threshold"] for row in headline),
        "guarded/recall/mean": _mean(row["recall_at_threshold_guarded"] for row in headline),
    }
    for product_type in report_product_types[:NAMED_TYPES]:
        mine = sorted((row for row in headline if row["product_type"] == product_type), key=lambda row: -row["support"])
        part = escaped(product_type)
        metrics[f"accuracy/{part}"] = _mean(row["accuracy"] for row in mine)
        for k in TOP:
            metrics[f"recall_at_90p/{part}/top{k}"] = _mean(row["recall_at_90p"] for row in mine[:k])
            metrics[f"recall_at_90p/{part}/top{k}_cells"] = len(mine[:k])
    return metrics


def _promises(headline: list[dict[str, Any]]) -> dict[str, float]:
    """In how many cells the threshold chosen on validation accepts anything on test, and keeps 90 % precision there."""
    metrics: dict[str, float] = {}
    for name, kind in (("plain", ""), ("guarded", "_guarded")):
        realised = [row["precision_at_threshold" + kind] for row in headline]
        accepting = [precision for precision in realised if not math.isnan(precision)]
        kept = sum(precision >= PROMISE for precision in accepting)
        if kind:
            too_little = sum("too little data" in row["guarded_status"] for row in headline)
            metrics[f"{name}/cells_with_too_little_data"] = too_little
        metrics[f"{name}/cells_accepting"] = len(accepting)
        metrics[f"{name}/cells_abstaining"] = len(headline) - len(accepting)
        metrics[f"{name}/cells_kept"] = kept
        metrics[f"{name}/promise_kept"] = kept / len(accepting) if accepting else math.nan
    return metrics


def _majority(test: Sequence[CellRows]) -> dict[str, float]:
    """The baseline that always answers a cell's most frequent training value, with constant confidence."""
    return {
        "baseline/majority_accuracy": _mean(scores.majority.mean() for scores in test),
        "baseline/majority_recall_at_90p": _mean(
            recall_at_precision(np.ones(scores.support), scores.majority)[0] for scores in test
        ),
    }


def _mean(values: Iterable[Any]) -> Any:
    found = list(values)
    return sum(found) / len(found) if found else math.nan
