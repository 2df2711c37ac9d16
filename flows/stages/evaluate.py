"""evaluate: predicts validation and test, measures Recall@90P per product type and attribute, chooses thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

import data_contracts
from data_contracts import ContractReport
from moemoe.evaluation.report import Report, make_report
from moemoe.inference.answering import ANSWERING
from moemoe.inference.answers import Answers, answer_everything
from moemoe.registry.run_results import log_dataset, log_evaluation, log_training_events
from moemoe.registry.tracked_run import TrackedRun
from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import join, write_bytes
from moemoe.training.events import read_events
from stages.options import FromFlow, Options
from stages.workspace import Workspace


@dataclass(frozen=True)
class Measured(FromFlow):
    """The figures of an evaluation that later steps need.

    Args:
        metrics, no_means: of ``Evaluation``.
        asked_type: a product type that the model answers, for an example; empty if nothing could be measured.
    """

    metrics: dict[str, float]
    no_means: str
    asked_type: str


@dataclass(frozen=True)
class Evaluated:
    """A model's predictions, the report on them, the shards that they are of, and what the contract says of them."""

    predictions: pa.Table
    report: Report
    dataset: ShardedDataset
    checked: ContractReport

    @property
    def measured(self) -> Measured:
        """What later steps need."""
        evaluation = self.report.evaluation
        asked = evaluation.table["product_type"][0].as_py() if evaluation.table else ""
        return Measured(evaluation.metrics, evaluation.no_means, asked)


def evaluate_model(
    space: Workspace, tracked: TrackedRun, manifest_uri: str, recipe: Mapping[str, Any], options: Options
) -> Evaluated:
    """Evaluates the model in the run folder, and brings the results of its training and evaluation to MLflow.

    Raises:
        CatalogError: the predictions break a critical expectation.
    """
    contract, folder = space.contract, space.folder
    dataset = ShardedDataset(manifest_uri, space.scratch, options.hidden(contract))
    model = space.local(folder.model)
    answers = answer_everything(model, dataset, contract, options.decoding, recipe["training"])
    write_bytes(join(folder.model.uri, ANSWERING), answers.answering.to_json().encode())
    checked = _check(space, answers)
    events = read_events(space.local(folder.events)) if folder.events.exists() else []
    report = make_report(answers, contract.report_product_types, dataset.cell_value_counts("train"), events)
    _write(space, answers, report)
    log_dataset(tracked, dataset.manifest, manifest_uri, contract.path)
    files = [space.local(file) for file in (folder.predictions, folder.evaluation, folder.slices, folder.routing)]
    log_evaluation(tracked, report.evaluation, files, report.figures)
    log_training_events(tracked, events)  # after the headline: MLflow compares runs by what was logged first
    return Evaluated(answers.predictions, report, dataset, checked)


def _check(space: Workspace, answers: Answers) -> ContractReport:
    docs = space.path("prediction_docs")
    checked = data_contracts.check_predictions(answers.predictions, space.contract, docs)
    space.folder.prediction_docs.publish(docs)
    print(checked.message())
    checked.raise_if_critical()
    return checked


def _write(space: Workspace, answers: Answers, report: Report) -> None:
    folder = space.folder
    folder.evaluation_quarantine.write(answers.quarantine)
    folder.predictions.write(answers.predictions)
    folder.evaluation.write(report.evaluation.table)
    folder.slices.write(report.slices)
    folder.routing.write(report.routing)
