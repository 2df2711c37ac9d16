"""Several systems on the same test rows: the metrics of each, their differences, and the systems that failed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from moemoe.evaluation.cells import Cells, EvaluationError
from moemoe.evaluation.evaluate import Evaluation, evaluate
from moemoe.evaluation.paired import DrawnRun, PairedDifference, difference_of, drawn_whole
from moemoe.evaluation.paper import PaperSystem
from moemoe.evaluation.parts import Predictions, all_parts, in_parts
from moemoe.evaluation.shared_rows import SharedRows, TestRows, read_test_rows
from moemoe.evaluation.uncertainty import REPLICATES, Interval
from moemoe.schemas import PREDICTIONS
from moemoe.storage import join
from moemoe.table_parts import ListedParts


@dataclass(frozen=True)
class Candidate:
    """One system before it is measured: its predictions, or why there are none.

    Args:
        name: its name in tables, unique.
        system: recipe and settings, which the paper's tables name.
        minutes: of training; NaN where unknown.
        baselines: metrics ``baseline/...``, which need the training labels and so come with the predictions.
        folds: of a cross-validation whose predictions these are; 0: there was none.
    """

    name: str
    system: PaperSystem
    predictions: Predictions | None = None
    minutes: float = math.nan
    baselines: Mapping[str, float] = field(default_factory=dict)
    failure: str = ""
    folds: int = 0


def pooled(folds: Sequence[Candidate], folder: str) -> Candidate:
    """One system's folds of a cross-validation as one candidate; a single one stays as it is.

    Every product is tested in one fold, so the predictions of all, written under ``folder``, are those of one test
    split as large as the catalog; their confidences come from as many models. Minutes are those of all folds,
    baselines their means. If a fold failed, so has the system.
    """
    failed = [fold for fold in folds if fold.failure]
    if failed or len(folds) == 1:
        return (failed or folds)[0]
    predictions = ListedParts(join(folder, "predictions"), PREDICTIONS)
    with predictions.writing() as writer:
        for fold in folds:
            writer.write_all(all_parts(in_parts(fold.predictions)))
    names = folds[0].baselines
    return replace(
        folds[0],
        predictions=predictions,
        minutes=sum(fold.minutes for fold in folds),
        baselines={name: sum(fold.baselines[name] for fold in folds) / len(folds) for name in names},
        folds=len(folds),
    )


@dataclass(frozen=True)
class Result:
    """One system of a comparison, measured. ``name``, ``system`` and ``minutes`` are the candidate's.

    Args:
        whole: figures of all product types (``paired.WHOLE``).
    """

    name: str
    system: PaperSystem
    cells: Cells
    evaluation: Evaluation
    minutes: float = math.nan
    whole: Mapping[str, Interval] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Results on the same test rows.

    Args:
        results: in the order of the tables; the first is what the others are measured against.
        failures: name -> reason, of the systems that gave no result.
        differences: two names -> the first minus the second, for every result and each before it; empty if no cell has
            enough support.
        report_product_types: the means are over their cells.
        sample_catalog: whether the products are synthetic.
        folds: of the cross-validation that the results are of; 0: there was none.
    """

    dataset: str
    results: Sequence[Result]
    failures: Mapping[str, str]
    report_product_types: Sequence[str]
    sample_catalog: bool = False
    differences: Mapping[tuple[str, str], PairedDifference] = field(default_factory=dict)
    folds: int = 0

    @property
    def cells(self) -> int:
        """Product type x attribute cells that the headline means are over."""
        return int(self.results[0].evaluation.metrics["recall_at_90p/cells"])


def compare(
    dataset: str,
    candidates: Sequence[Candidate],
    report_product_types: Sequence[str],
    sample_catalog: bool = False,
    replicates: int = REPLICATES,
) -> Comparison:
    """Measures the candidates that have predictions and their differences, on the same draws of groups.

    Raises:
        EvaluationError: no candidate has predictions, a table is not one of predictions, or two are of different
            datasets or splits; the message says why.
    """
    failures = {candidate.name: candidate.failure for candidate in candidates if candidate.failure}
    results: list[Result] = []
    drawn: dict[str, DrawnRun] = {}
    differences = {}
    first: TestRows | None = None
    for candidate in candidates:
        if candidate.failure:
            continue
        cells = Cells(candidate.predictions)
        evaluation = evaluate(cells, report_product_types, replicates=replicates)
        evaluation.metrics.update(candidate.baselines)
        cells.release()  # of many systems not all fit into memory
        result = Result(candidate.name, candidate.system, cells, evaluation, candidate.minutes)
        rows = read_test_rows(cells.predictions) if first is None else _shared(results[0].name, first, result)
        first = rows if first is None else first
        if replicates and first.labels().support:
            own = drawn_whole(rows, replicates=replicates)
            result = replace(result, whole=own.intervals())
            for name, other in drawn.items() if evaluation.metrics["recall_at_90p/cells"] else ():
                differences[result.name, name] = difference_of(own, other, first, report_product_types)
            drawn[result.name] = own
        results.append(result)
    if not results:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failures.items())
        raise EvaluationError(f"no system gave a result, so there is nothing to compare ({reasons})")
    folds = max(candidate.folds for candidate in candidates)
    return Comparison(dataset, results, failures, report_product_types, sample_catalog, differences, folds)


def _shared(name: str, first: TestRows, result: Result) -> TestRows:
    """A result's answers on the test rows that it shares with the first one.

    Args:
        name: of the first result.

    Raises:
        EvaluationError: they are not of the same test rows; with both names and the reason.
    """
    other = result.cells.condition
    if first.condition != other:
        raise EvaluationError(
            f"{name} and {result.name} cannot be compared: one is measured {first.condition}, the other {other}"
        )
    try:
        return SharedRows.of(first, read_test_rows(result.cells.predictions, other)).second
    except EvaluationError as error:
        raise EvaluationError(f"{name} (first) and {result.name} (second) cannot be compared: {error}") from None
