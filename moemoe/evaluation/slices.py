"""Where the answers are right: metrics on subsets of the test split, each with its count and interval.

A slice takes predictions of the headline cells. Accuracy, and precision and recall at the thresholds chosen on
validation, are over the slice's predictions pooled; Recall@90P is the mean over the cells that have at least
MIN_SUPPORT predictions in the slice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from moemoe.evaluation.cells import MIN_SUPPORT, Cell, CellPredictions, CellRows, Cells
from moemoe.evaluation.evaluate import Evaluation
from moemoe.evaluation.uncertainty import DETAIL_REPLICATES, GroupBootstrap, Interval, interval, slice_row
from moemoe.schemas import IMAGE_BLANKED, SLICES, TEXT_BLANKED, TITLE_ONLY

MARKETPLACES = 10
ACCURACY, RECALL_AT_90P = "accuracy", "recall_at_90p"
PRECISION, RECALL = "precision_at_threshold", "recall_at_threshold"

#: Slices whose accuracy and Recall@90P are metrics of the run.
IN_METRICS = ("explicit", "implicit", "never seen in training", "rare")


def slices(
    cells: Cells,
    evaluation: Evaluation,
    report_product_types: Sequence[str],
    replicates: int = DETAIL_REPLICATES,
) -> pa.Table:
    """SLICES of the predictions that ``evaluation`` was made from."""
    thresholds = evaluation.thresholds()
    test = {
        cell: scores
        for cell, scores in cells.of("test").items()
        if cell[0] in report_product_types and cell in thresholds and scores.support >= MIN_SUPPORT
    }
    resamples = GroupBootstrap(cells.groups, replicates)
    rows = []
    for slice_by, name, chosen in _chosen(cells):
        found: dict[Cell, CellPredictions] = {c: scores.where(chosen(scores)) for c, scores in test.items()}
        rows += _figures(slice_by, name, found, thresholds, resamples)
    for condition in (IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY):
        found = {c: scores for c, scores in cells.test(condition).items() if c in test}
        rows += _figures("shown to the model", condition, found, thresholds, resamples)
        del found  # before the next condition is read
    return pa.Table.from_pylist(rows, SLICES)


def slice_metrics(table: pa.Table) -> dict[str, float]:
    """What of SLICES is a metric of the run: ``slices/SLICE/METRIC`` with ``/low``, ``/high`` and ``/n``."""
    metrics: dict[str, float] = {}
    for row in table.to_pylist():
        if row["slice"] in IN_METRICS and row["metric"] in (ACCURACY, RECALL_AT_90P):
            name = f"slices/{row['slice'].replace(' ', '_')}/{row['metric']}"
            metrics |= {name: row["value"], f"{name}/low": row["low"], f"{name}/high": row["high"]}
            metrics[f"{name}/n"] = float(row["n"])
    return metrics


def _chosen(cells: Cells) -> Iterator[tuple[str, str, Callable[[CellRows], np.ndarray]]]:
    """What slices differ in, each slice's name, and which products of a cell are in it (bool [N])."""
    yield "all", cells.condition, lambda scores: np.ones(scores.support, dtype=bool)
    for slice_by, trait, yes, no in (
        ("value in the context", "explicit", "explicit", "implicit"),
        ("value in training", "unseen", "never seen in training", "seen in training"),
        ("value's frequency", "rare", "rare", "frequent"),
        ("image", "has_image", "with image", "without image"),
    ):
        yield slice_by, yes, partial(_with_trait, trait, True)
        yield slice_by, no, partial(_with_trait, trait, False)
    numbers = {name: number for number, name in enumerate(cells.marketplaces)}
    largest = sorted(cells.marketplaces.items(), key=lambda entry: (-entry[1], entry[0]))[:MARKETPLACES]
    for name, _ in largest:
        yield "marketplace", name, partial(_of_marketplace, numbers[name])


def _with_trait(trait: str, wanted: bool, scores: CellRows) -> np.ndarray:
    return scores.has(trait) == wanted


def _of_marketplace(number: int, scores: CellRows) -> np.ndarray:
    return scores.marketplace == number


def _figures(
    slice_by: str,
    name: str,
    found: Mapping[Cell, CellPredictions],
    thresholds: Mapping[Cell, float],
    resamples: GroupBootstrap,
) -> list[dict]:
    found = {cell: scores for cell, scores in found.items() if scores.support}
    if not found:
        return []
    pooled = CellPredictions.concat(found.values())
    accepted = np.concatenate([s.confidence >= thresholds[cell] for cell, s in found.items()])  # NaN accepts nothing
    enough = [scores for scores in found.values() if scores.support >= MIN_SUPPORT]
    shares = {
        ACCURACY: (pooled.correct, pooled.group),
        PRECISION: (pooled.correct[accepted], pooled.group[accepted]),
        RECALL: (pooled.correct & accepted, pooled.group),
    }
    shares = {metric: counted for metric, counted in shares.items() if len(counted[0])}
    figures: list[tuple[str, Interval, int]] = []
    for (metric, (yes, _)), replicates in zip(shares.items(), resamples.shares(list(shares.values())), strict=True):
        figures.append((metric, interval(float(yes.mean()), replicates, len(yes)), len(found)))
    if enough:
        recalls = [s.recall_at_90p for s in enough]
        replicates = np.nanmean(resamples.recalls_at_90p(enough), axis=0)
        n = sum(s.support for s in enough)
        figures.append((RECALL_AT_90P, interval(sum(recalls) / len(recalls), replicates, n), len(enough)))
    return [slice_row(slice_by, name, metric, figure, cells) for metric, figure, cells in figures]
