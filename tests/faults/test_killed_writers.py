"""Writers killed before each change on disk and amid a file: what has a name is whole, a rerun completes it."""

from itertools import count
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from safetensors.torch import load_file

from moemoe.atomic_files import remove_leftovers
from moemoe.model.moemoe import MoEMoE
from moemoe.schemas import PREDICTIONS
from moemoe.shards import write
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import Manifest
from moemoe.storage import exists, publish, read_table, write_table, writing_table
from moemoe.training.checkpoints import Checkpoint, TrainingPosition, save_checkpoint
from moemoe.training.optimizers import Optimizers
from tests.support.forked import killed_at, killed_in_a_file
from tests.support.small_model import random_batch, tiny_config
from tests.support.small_registry import predictions
from tests.support.small_shards import small_products, small_shards

RECIPE = {"name": "small"}
PREDICTED = predictions(0.7, products=4000)
BYTES = (1, 100, 4000, 9000, 20_000, 60_000)


def kills(work, folder: Path):
    """Yields after each kill: in the middle of a file, then before each change, until ``work`` gets through."""
    for byte in BYTES:
        if killed_in_a_file(byte, work):
            yield f"byte {byte}"
    for change in count(1):
        if not killed_at(change, work, folder):
            break
        yield f"change {change}"
    assert change >= 3  # the file and its name at least


def test_shards_and_their_manifest(tmp_path, monkeypatch):
    """A reader finds the manifest of whole shards or none; the rerun leaves nothing half-written behind."""
    monkeypatch.setattr(write, "SHARD_ROWS", 20)
    root = tmp_path / "store"
    for _ in kills(lambda: small_shards(root, 60), tmp_path):
        for path in root.glob("*/*.arrow"):
            assert pa.ipc.open_file(path.read_bytes()).read_all().num_rows
        for path in root.glob("shards/*/manifest.json"):
            dataset = ShardedDataset(str(path), root)
            assert [dataset[row].image for row in range(60)] == small_products(60)["image"].to_pylist()
    [manifest] = root.glob("shards/*/manifest.json")
    assert small_shards(root, 60) == str(manifest)
    assert Manifest.read(str(manifest)).rows == 60
    assert not [path for path in root.rglob(".*") if path.is_file()]


def test_a_checkpoint_is_the_old_one_or_the_new_one(tmp_path):
    """Each try writes the next one; whatever is there after it can be gone on from."""
    torch.manual_seed(0)
    model = MoEMoE.create(tiny_config())
    optimizer = Optimizers(torch.optim.Adam(model.parameters(), lr=0.1, fused=True))
    model(random_batch()).cross_entropy.backward()
    optimizer.step(1e9)
    run = str(tmp_path / "store" / "run")
    loader = {"epoch": 0, "step": 1}

    def save(step: int) -> None:
        with torch.no_grad():
            next(model.parameters()).fill_(step)
        save_checkpoint(run, TrainingPosition(step=step, total_step=step), loader, RECIPE, model, optimizer)

    save(1)
    for step in kills(lambda: save(2), tmp_path):
        found = Checkpoint.find(run, RECIPE, "")
        assert found is not None, step
        again = MoEMoE.create(tiny_config())
        found.restore(again, Optimizers(torch.optim.Adam(again.parameters(), lr=0.1, fused=True)))
        assert (next(again.parameters()) == found.place.step).all()
        assert found.place.step == 1
    assert Checkpoint.find(run, RECIPE, "").place.step == 2
    assert [path.name for path in Path(run).iterdir()] == ["checkpoint.safetensors"]  # no leftovers of the dead


def in_memory(uri: str) -> None:
    write_table(PREDICTED, uri)


def in_parts(uri: str) -> None:
    with writing_table(uri, PREDICTIONS) as writer:
        writer.write_table(PREDICTED)


@pytest.mark.parametrize("how", [in_memory, in_parts])
def test_predictions(tmp_path, how):
    uri = str(tmp_path / "store" / "run" / "predictions.parquet")
    for _ in kills(lambda: how(uri), tmp_path):
        assert not exists(uri)
    assert read_table(uri).equals(PREDICTED)


def test_a_model_folder(tmp_path):
    """Each file of it is whole; the folder is only used by who was told that it is complete."""
    source, target = tmp_path / "source", tmp_path / "store" / "run" / "model"
    MoEMoE.create(tiny_config()).save_pretrained(source)
    whole = {path.name: path.read_bytes() for path in source.iterdir()}
    for _ in kills(lambda: publish(source, str(target)), tmp_path):
        found = {path.name: path.read_bytes() for path in target.glob("[!.]*")} if target.exists() else {}
        assert found.items() <= whole.items()
    assert load_file(target / "model.safetensors").keys() == load_file(source / "model.safetensors").keys()
    remove_leftovers(str(target))
    assert {path.name for path in target.iterdir()} == set(whole)
