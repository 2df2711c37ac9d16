"""register: registers the model as challenger, and as champion if it passes the gate on the same test rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from moemoe.inference.predictions import predict_test
from moemoe.inference.predictor import Predictor
from moemoe.registry.gate import Rules
from moemoe.registry.register import Registration, Trained, register
from moemoe.registry.tracked_run import TrackedRun
from moemoe.reporting.model_card import Data
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest
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

    def champion_predictions(champion: Path) -> pa.Table:
        dataset = ShardedDataset(manifest_uri, space.scratch, options.hidden(contract))
        return predict_test(Predictor.load(champion, values=contract.canonical_values()), dataset, contract)

    hashes = (manifest.contract_hash, manifest.data_hash)
    trained = Trained(
        model_dir=space.local(folder.model),
        contract_path=contract.path,
        data=Data(options.dataset, manifest.rows, *hashes, options.is_sample, tuple(broken)),
        recipe=recipe,
        evaluation=folder.evaluation.read(),
        metrics=measured.metrics,
        predictions=folder.predictions.read(),
        report_product_types=contract.report_product_types,
        no_means=measured.no_means,
    )
    return register(tracked, name, trained, Rules(promote_if), champion_predictions)
