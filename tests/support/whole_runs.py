"""Checks that an interrupted run gave the same results as an undisturbed one."""

import hashlib
from pathlib import Path

import mlflow
import torch

from moemoe.registry import tracking
from moemoe.registry.versions import CHALLENGER, CHAMPION
from moemoe.shards.dataset import ShardedDataset
from tests.support.small_flow import NAME, SmallFlow


def assert_same(result, unbroken):
    """Bit by bit."""
    assert result.metrics == unbroken.metrics
    assert result.curves == unbroken.curves
    assert result.events == unbroken.events
    assert result.predictions.equals(unbroken.predictions)
    assert repr(result.evaluation.to_pylist()) == repr(unbroken.evaluation.to_pylist())  # NaN is as good as NaN
    assert result.weights.keys() == unbroken.weights.keys()
    for name, weight in unbroken.weights.items():
        assert torch.equal(result.weights[name], weight), name


def assert_whole(flow: SmallFlow) -> None:
    """Nothing half-written lies under the root or in the registry."""
    half = [path for path in flow.root.rglob("*") if path.is_file() and path.name.startswith(".")]
    assert not half
    for path in flow.root.glob("*/*"):
        if path.parent.name in ("payload", "labels", "splits"):  # their names are their content's
            assert hashlib.sha256(path.read_bytes()).hexdigest().startswith(path.stem), path
    manifests = list(flow.root.glob("shards/*/manifest.json"))
    assert len(manifests) == 1
    dataset = ShardedDataset(str(manifests[0]), flow.folder / "tmp")
    assert all(dataset[row].product_id for row in range(dataset.manifest.rows))

    client = tracking.client(flow.tracking_uri)
    [version] = client.search_model_versions(f"name = '{NAME}'")
    assert {CHALLENGER, CHAMPION} == set(client.get_registered_model(NAME).aliases)
    assert not [m.name for m in client.search_registered_models() if m.name.endswith(".lock")]
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version.version}"))
    held = {path.name for path in (folder / "artifacts" / "model").iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "contract.yaml", "thresholds.json"} <= held
    assert version.tags["promoted"] == "true"
