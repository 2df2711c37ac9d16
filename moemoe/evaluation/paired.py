"""The difference of two runs on the same test rows, both measured on the same draws of groups (see ``uncertainty``).

    paired_difference(predictions_a, predictions_b, contract.report_product_types).recall_at_90p.p_value

Of several runs each is drawn once, then any two are subtracted. Shapes: R replicates.
"""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from moemoe.evaluation.cells import MIN_SUPPORT, Cell, CellPredictions, EvaluationError
from moemoe.evaluation.parts import Predictions
from moemoe.evaluation.recall_at_precision import resampled_recall_at_precision
from moemoe.evaluation.shared_rows import SharedRows, TestRows, read_test_rows
from moemoe.evaluation.uncertainty import REPLICATES, GroupBootstrap, Interval, bounds, interval

#: Figures of all test rows, whichever product types are reported on: means over every type's cells, and shares of rows.
WHOLE = (
    RECALL_OF_ALL_TYPES,
    ACCURACY_OF_ALL_TYPES,
    ACCURACY_OF_LABELS,
    ACCURACY_OF_IMPLICIT,
) = ("recall_at_90p/all_types", "accuracy/all_types", "accuracy/labels", "accuracy/implicit")


@dataclass(frozen=True)
class Difference:
    """A figure of the first run minus that of the second, its 95 % interval, and the p-value of no difference."""

    value: float
    low: float
    high: float
    p_value: float

    def __neg__(self) -> "Difference":
        """The second run minus the first."""
        return Difference(-self.value, -self.high, -self.low, self.p_value)


@dataclass(frozen=True)
class PairedDifference:
    """The difference of two runs on the same test rows, in means over ``cells`` product type x attribute cells.

    Args:
        product_types: the same over the cells of each type alone.
        whole: the differences of WHOLE; empty unless both runs are of ``drawn_whole``.
    """

    recall_at_90p: Difference
    accuracy: Difference
    cells: int
    products: int
    product_types: Mapping[str, "PairedDifference"] = field(default_factory=dict)
    whole: Mapping[str, Difference] = field(default_factory=dict)


@dataclass(frozen=True)
class DrawnCell:
    """A cell's Recall@90P and accuracy, first as they are, then in each replicate, float [1 + R]."""

    recall_at_90p: np.ndarray
    accuracy: np.ndarray


@dataclass(frozen=True)
class DrawnRun:
    """A run's figures as they are and in each replicate; those of another run on the same rows can be subtracted.

    Args:
        cells: those with enough support.
        whole: the figures of WHOLE, float [1 + R] each, with the number of predictions behind them.
    """

    cells: Mapping[Cell, DrawnCell]
    whole: Mapping[str, tuple[np.ndarray, int]] = field(default_factory=dict)

    def intervals(self) -> dict[str, Interval]:
        """The figures of WHOLE with their intervals."""
        return {name: interval(float(drawn[0]), drawn[1:], n) for name, (drawn, n) in self.whole.items()}


def paired_difference(
    predictions_a: Predictions,
    predictions_b: Predictions,
    report_product_types: Sequence[str],
    replicates: int = REPLICATES,
) -> PairedDifference:
    """The first run's mean Recall@90P and accuracy minus the second's, on the same test rows.

    Means are those of ``evaluate``: over the cells of ``report_product_types`` with at least MIN_SUPPORT test
    products. Both runs are measured on the same draws of groups. The p-value is twice the smaller share of replicates,
    or of their mirror images, on one side of zero, at least 2 / (R + 1).

    Raises:
        EvaluationError: a table is not one of predictions, the runs' test rows (product, attribute, gold values,
            group) are not the same, or no cell has enough support.
    """
    first = read_test_rows(predictions_a)
    shared = SharedRows.of(first, read_test_rows(predictions_b, first.condition))
    return difference_on(shared, report_product_types, replicates=replicates)


def difference_on(
    shared: SharedRows,
    report_product_types: Sequence[str],
    min_support: int = MIN_SUPPORT,
    replicates: int = REPLICATES,
) -> PairedDifference:
    """``paired_difference`` on rows that two runs share.

    Raises:
        EvaluationError: no cell has enough support.
    """
    resamples = GroupBootstrap(shared.first.groups, replicates)
    drawn = []
    for rows in (shared.first, shared.second):
        cells = {c: s for c, s in rows.cells().items() if c[0] in report_product_types and s.support >= min_support}
        if not cells:
            raise EvaluationError(
                f"no cell of {', '.join(report_product_types)} has {min_support} test products; nothing can be compared"
            )
        drawn.append(DrawnRun(_drawn(cells, resamples)))
    first, second = drawn
    return difference_of(first, second, shared.first, report_product_types)


def drawn_whole(rows: TestRows, replicates: int) -> DrawnRun:
    """A run with the cells of every product type, and the figures of WHOLE."""
    resamples = GroupBootstrap(rows.groups, replicates)
    large = {cell: scores for cell, scores in rows.cells().items() if scores.support >= MIN_SUPPORT}
    cells, whole = _drawn(large, resamples), {}
    if cells:
        n = sum(scores.support for scores in large.values())
        whole[RECALL_OF_ALL_TYPES] = (_mean([cell.recall_at_90p for cell in cells.values()]), n)
        whole[ACCURACY_OF_ALL_TYPES] = (_mean([cell.accuracy for cell in cells.values()]), n)
    for name, scores in ((ACCURACY_OF_LABELS, rows.labels()), (ACCURACY_OF_IMPLICIT, rows.labels(rows.implicit))):
        if scores.support:
            [share_R] = resamples.shares([(scores.correct, scores.group)])
            whole[name] = (np.append(scores.accuracy, share_R), scores.support)
    return DrawnRun(cells, whole)


def difference_of(
    first: DrawnRun, second: DrawnRun, rows: TestRows, report_product_types: Collection[str]
) -> PairedDifference:
    """The first run minus the second, both drawn on ``rows``; means are over the cells of these product types."""
    runs = [
        {cell: each for cell, each in run.cells.items() if cell[0] in report_product_types} for run in (first, second)
    ]
    own = {}
    for kind in report_product_types:
        of_type = [{cell: each for cell, each in run.items() if cell[0] == kind} for run in runs]
        if of_type[0]:
            own[kind] = _paired(of_type, rows.products(kind))
    whole = {name: _difference(drawn, second.whole[name][0]) for name, (drawn, _) in first.whole.items()}
    return replace(_paired(runs, rows.products()), product_types=own, whole=whole)


def _drawn(cells: Mapping[Cell, CellPredictions], resamples: GroupBootstrap) -> dict[Cell, DrawnCell]:
    recalls = resamples.recalls_at_90p(list(cells.values()))
    shares = resamples.shares([(scores.correct, scores.group) for scores in cells.values()])
    return {
        cell: DrawnCell(np.append(_recall(scores), recall), np.append(scores.accuracy, share))
        for (cell, scores), recall, share in zip(cells.items(), recalls, shares, strict=True)
    }


def _recall(scores: CellPredictions) -> float:
    """Recall@90P of the products as they are."""
    return resampled_recall_at_precision(scores.confidence, scores.correct, np.ones((scores.support, 1), np.uint8))[0]


def _paired(runs: Sequence[Mapping[Cell, DrawnCell]], products: int) -> PairedDifference:
    return PairedDifference(
        _difference(*(_mean([cell.recall_at_90p for cell in run.values()]) for run in runs)),
        _difference(*(_mean([cell.accuracy for cell in run.values()]) for run in runs)),
        cells=len(runs[0]),
        products=products,
    )


def _mean(cells: Sequence[np.ndarray]) -> np.ndarray:
    """Of cells' figures, each first as it is and then in the replicates, [1 + R]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a draw without a product of any cell
        return np.nanmean(cells, axis=0)


def _difference(first: np.ndarray, second: np.ndarray) -> Difference:
    """Of two runs' figures, each first as it is and then in the replicates, [1 + R]."""
    value, differences = float(first[0] - second[0]), (first - second)[1:]
    low, high = bounds(value, differences)
    differences = differences[~np.isnan(differences)]  # without draws that have no product of any cell
    beyond = max(_beyond_zero(differences), _beyond_zero(2 * value - differences))
    p_value = min(1.0, 2 * (1 + beyond) / (1 + len(differences)))
    return Difference(value, low, high, p_value)


def _beyond_zero(differences: np.ndarray) -> int:
    return int(min((differences <= 0).sum(), (differences >= 0).sum()))
