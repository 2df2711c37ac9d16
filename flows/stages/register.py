"""register: registers the model as challenger, and as champion if it passes the gate on the same test rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from moemoe.inference.predictions import predict_test
from moemoe.inference.predictor import Predictor
from moemoe.registry.gate import Rules
from moemoe.registry.register import Registration, RunOutputs, register
from moemoe.registry.tracked_run import TrackedRun
from moemoe.reporting.model_card import TrainingData
from moemoe.schemas import PREDICTIONS
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest
from moemoe.table_parts import ListedParts
from stages.measured import Measured
from stages.options import Options
from stages.workspace import Workspace


def register_model(
    space: Workspace,
    tracked: TrackedRun,
    name: str,
    promote_if: str,
    manifest_uri: str,
    recipe: Mapping[str, Any],
    options: Options,
    measured: Measured,
    broken: Sequence[str],
) -> Registration:
    """Registers the evaluated model of the run folder under ``name`` and lets the gate decide.

    Args:
        broken: expectations of the contract that do not hold, in words.
    """
    contract, folder, manifest = space.contract, space.folder, Manifest.read(manifest_uri)

    def champion_predictions(champion: Path) -> ListedParts:
        dataset = ShardedDataset(manifest_uri, space.scratch, options.hidden(contract))
        predictor = Predictor.load(champion, values=contract.canonical_values())
        predictions = ListedParts(space.path("champion-predictions"), PREDICTIONS)
        with predictions.writing() as writer:
            writer.write_all(predict_test(predictor, dataset, contract))
        return predictions

    hashes = (manifest.contract_hash, manifest.data_hash)
    trained = RunOutputs(
        model_dir=space.local(folder.model),
        contract_path=contract.path,
        data=TrainingData(options.dataset, manifest.rows, *hashes, options.is_sample, tuple(broken)),
        recipe=recipe,
        evaluation=folder.evaluation.read(),
        metrics=measured.metrics,
        predictions=folder.predictions,
        report_product_types=contract.report_product_types,
        no_means=measured.no_means,
    )
    return register(tracked, name, trained, Rules(promote_if), champion_predictions)
