"""All measurements of a run's predictions, in one place; ``moemoe.reporting`` shows it to people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa

from moemoe.evaluation.applicability import applicability, applicability_metrics
from moemoe.evaluation.calibration import expected_calibration_error
from moemoe.evaluation.cells import Cell, Cells
from moemoe.evaluation.evaluate import Evaluation, evaluate, majority_values
from moemoe.evaluation.out_of_context import out_of_context, out_of_context_metrics
from moemoe.evaluation.parts import Predictions
from moemoe.evaluation.routing import routing_metrics, routing_warnings
from moemoe.evaluation.slices import slice_metrics, slices
from moemoe.schemas import SLICES


@dataclass(frozen=True)
class Measurement:
    """An evaluation with all that belongs beside it.

    Args:
        cells: the predictions, cut once.
        evaluation: the table of cells; its metrics are all that the run logs (docs/report.md).
        slices: SLICES, those of questions out of context and of applicability among them.
        routing: ROUTING.
        warnings: sentences for people.
        report_product_types: what the means are over.
    """

    cells: Cells
    evaluation: Evaluation
    slices: pa.Table
    routing: pa.Table
    warnings: Sequence[str]
    report_product_types: Sequence[str]


class ModelPredictions(Protocol):
    """What is measured; ``moemoe.inference.answers.ModelPredictions`` is one. See there."""

    @property
    def predictions(self) -> Predictions: ...  # noqa: D102
    @property
    def probability(self) -> np.ndarray: ...  # noqa: D102
    @property
    def routing(self) -> pa.Table: ...  # noqa: D102
    @property
    def metrics(self) -> dict[str, float]: ...  # noqa: D102


def measure(
    answers: ModelPredictions, report_product_types: Sequence[str], training_values: Mapping[Cell, Mapping[str, int]]
) -> Measurement:
    """Evaluates predictions and their slices.

    Args:
        training_values: cell -> value -> training products, for the majority baseline.

    Raises:
        EvaluationError: the predictions cannot be evaluated.
    """
    cells, routing = Cells(answers.predictions, majority_values(training_values)), answers.routing
    evaluation = evaluate(cells, report_product_types, with_majority=True)
    cut = slices(cells, evaluation, report_product_types)
    asked = out_of_context(cells, evaluation)
    metrics = {**evaluation.metrics, **slice_metrics(cut), **out_of_context_metrics(asked), **routing_metrics(routing)}
    applies = applicability(cells)
    metrics |= {**applicability_metrics(applies), **answers.metrics}
    if test := list(cells.of("test").values()):
        before = np.concatenate([answers.probability[own.row] for own in test])
        correct = np.concatenate([own.correct for own in test])
        metrics["calibration/ece_before"] = expected_calibration_error(before, correct)
    return Measurement(
        cells,
        replace(evaluation, metrics=metrics),
        pa.concat_tables([SLICES.empty_table(), cut, asked, applies]),
        routing,
        routing_warnings(routing),
        report_product_types,
    )
