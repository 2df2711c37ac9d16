"""evaluate: predicts validation and test, measures Recall@90P per product type and attribute, chooses thresholds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import data_contracts
from data_contracts import ContractReport
from moemoe.evaluation.measure import Measurement, measure
from moemoe.inference.answering import ANSWERING, FREE
from moemoe.inference.answers import ModelPredictions, predict_and_calibrate
from moemoe.recipes import Recipe
from moemoe.registry.run_results import log_dataset, log_evaluation, log_training_events
from moemoe.registry.tracked_run import TrackedRun
from moemoe.reporting.document import Document
from moemoe.reporting.identity import Identity
from moemoe.reporting.plots import report_plots
from moemoe.schemas import PREDICTIONS
from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import join, write_bytes
from moemoe.table_parts import ListedParts
from moemoe.training.events import read_events
from stages.measured import Measured
from stages.options import Options
from stages.report import identity_of, write_report
from stages.workspace import Workspace


@dataclass(frozen=True)
class Evaluated:
    """The measurement of a model's predictions, and the report with its identity."""

    found: Measurement
    identity: Identity
    document: Document

    @property
    def measured(self) -> Measured:
        """The results that later steps need."""
        evaluation = self.found.evaluation
        asked = evaluation.table["product_type"][0].as_py() if evaluation.table else ""
        return Measured(evaluation.metrics, evaluation.no_means, asked)


def evaluate_model(
    space: Workspace,
    tracked: TrackedRun,
    manifest_uri: str,
    recipe: Mapping[str, Any],
    options: Options,
    settings: str,
) -> Evaluated:
    """Evaluates the model in the run folder, and brings the results of its training and evaluation to MLflow.

    Args:
        settings: the changes of the recipe, as the report shows them.

    Raises:
        CatalogError: the predictions break a critical expectation.
    """
    contract, folder = space.contract, space.folder
    dataset = ShardedDataset(manifest_uri, space.scratch, options.hidden(contract))
    model = space.local(folder.model)
    where = (ListedParts(space.path("answers"), PREDICTIONS), space.scratch)
    # a comparison may also have systems that generate no text and always choose among known values
    decoding = options.decoding if Recipe.from_dict(dict(recipe)).generates else FREE
    answers = predict_and_calibrate(model, dataset, contract, *where, decoding, recipe["training"])
    checked = _check(space, answers)  # before anything is kept: predictions that break a critical one are not a result
    answers.predictions.copy(folder.predictions)
    write_bytes(join(folder.model.uri, ANSWERING), answers.answering.to_json().encode())
    events = read_events(space.local(folder.events)) if folder.events.exists() else []
    found = measure(answers, contract.report_product_types, dataset.cell_value_counts("train"))
    plots = report_plots(found, events)
    _write(space, answers, found)
    log_dataset(tracked, dataset.manifest, manifest_uri, contract.path)
    files = [space.local(file) for file in (folder.predictions, folder.evaluation, folder.slices, folder.routing)]
    log_evaluation(tracked, found.evaluation, files, plots)
    log_training_events(tracked, events)  # after the headline: MLflow compares runs by what was logged first
    identity = identity_of(recipe, settings, options, dataset.manifest.rows, tracked)
    document = write_report(space, found, identity, dataset, checked, plots)
    return Evaluated(found, identity, document)


def _check(space: Workspace, answers: ModelPredictions) -> ContractReport:
    docs = space.path("prediction_docs")
    checked = data_contracts.check_predictions(answers.predictions, space.contract, docs)
    space.folder.prediction_docs.publish(docs)
    checked.raise_if_critical()
    print(checked.message())
    return checked


def _write(space: Workspace, answers: ModelPredictions, found: Measurement) -> None:
    folder = space.folder
    folder.evaluation_quarantine.write(answers.quarantine)
    folder.evaluation.write(found.evaluation.table)
    folder.slices.write(found.slices)
    folder.routing.write(found.routing)
