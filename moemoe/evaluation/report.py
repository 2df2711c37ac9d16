"""Everything that is said about a run's predictions, in one place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from moemoe.evaluation.applicability import applicability, applicability_metrics
from moemoe.evaluation.calibration import expected_calibration_error
from moemoe.evaluation.cells import Cell, cells
from moemoe.evaluation.evaluate import Evaluation, evaluate, majority_values
from moemoe.evaluation.out_of_context import out_of_context, out_of_context_metrics
from moemoe.evaluation.plots import expert_load, report_figures
from moemoe.evaluation.routing import routing_metrics, routing_warnings
from moemoe.evaluation.slices import slice_metrics, slices
from moemoe.schemas import SLICES


@dataclass(frozen=True)
class Report:
    """An evaluation with all that belongs beside it.

    Args:
        evaluation: the table of cells; its metrics are those of the whole report (README, "Read the report").
        slices: SLICES, those of questions out of context and of applicability among them.
        routing: ROUTING.
        warnings: sentences for people.
        figures: matplotlib figures by name.
    """

    evaluation: Evaluation
    slices: pa.Table
    routing: pa.Table
    warnings: Sequence[str]
    figures: dict[str, Any]


class Answers(Protocol):
    """What is reported on; ``moemoe.inference.answers.Answers`` is one. See there."""

    @property
    def predictions(self) -> pa.Table: ...  # noqa: D102
    @property
    def probability(self) -> np.ndarray: ...  # noqa: D102
    @property
    def routing(self) -> pa.Table: ...  # noqa: D102
    @property
    def metrics(self) -> dict[str, float]: ...  # noqa: D102


def make_report(
    answers: Answers,
    report_product_types: Sequence[str],
    training_values: Mapping[Cell, Mapping[str, int]],
    events: Sequence[Mapping[str, Any]] = (),
) -> Report:
    """Evaluates predictions, slices them, and draws.

    Args:
        training_values: cell -> value -> training products, for the majority baseline.
        events: of training, for the load per expert.

    Raises:
        EvaluationError: as ``evaluate``.
    """
    predictions, routing = answers.predictions, answers.routing
    evaluation = evaluate(predictions, report_product_types, majority_values(training_values))
    cut = slices(predictions, evaluation, report_product_types)
    asked = out_of_context(predictions, evaluation)
    metrics = {**evaluation.metrics, **slice_metrics(cut), **out_of_context_metrics(asked), **routing_metrics(routing)}
    applies = applicability(predictions, evaluation.condition)
    metrics |= {**applicability_metrics(applies), **answers.metrics}
    test = list(cells(predictions, "test", evaluation.condition).values())
    if test:
        before = np.concatenate([answers.probability[scores.rows] for scores in test])
        correct = np.concatenate([scores.correct for scores in test])
        metrics["calibration/ece_before"] = expected_calibration_error(before, correct)
    figures = report_figures(predictions, evaluation, report_product_types, routing)
    if (load := expert_load(events)) is not None:
        figures["experts-load"] = load
    return Report(
        replace(evaluation, metrics=metrics),
        pa.concat_tables([SLICES.empty_table(), cut, asked, applies]),
        routing,
        routing_warnings(routing),
        figures,
    )
