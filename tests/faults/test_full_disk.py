"""A disk that is full: one clear sentence, nothing half-written, and what was there before stays usable.

The shards' part of it is in tests/shards/test_writers.py, the flow's in test_broken_flow.py.
"""

import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from moemoe.errors import MoEMoEError, StorageError
from moemoe.model.moemoe import MoEMoE
from moemoe.schemas import PREDICTIONS
from moemoe.storage import no_space_left, read_table, write_table, writing_table
from moemoe.table_parts import ListedParts
from moemoe.training.checkpoints import Checkpoint, TrainingPosition, save_checkpoint
from moemoe.training.optimizers import Optimizers
from tests.support.small_model import random_batch, tiny_config
from tests.support.small_registry import predictions
from tests.support.small_shards import small_shards
from tests.support.small_training import assert_same, run, small_recipe

RECIPE = {"name": "small"}


@contextmanager
def small_disk(most: int) -> Iterator[None]:
    """No file of this process, and of those that it starts, may grow beyond ``most`` bytes: as after ulimit -f."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def mounted(tmp_path) -> Iterator[Path]:
    """A file system of 4 MiB; where none can be mounted, the tests with ``small_disk`` still run."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("this machine mounts no tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def trained():
    model = MoEMoE.create(tiny_config())
    optimizer = Optimizers(torch.optim.Adam(model.parameters(), lr=0.1, fused=True))
    model(random_batch()).cross_entropy.backward()
    optimizer.step(1e9)
    return model, optimizer


def save(folder: Path, step: int, trained) -> None:
    save_checkpoint(str(folder), TrainingPosition(step=step), {"step": step}, RECIPE, *trained)


def test_the_earlier_checkpoint_stays(tmp_path, trained):
    save(tmp_path, 1, trained)
    with (
        small_disk(20_000),
        pytest.raises(StorageError, match=r"^cannot write .*checkpoint\.safetensors: File too large$"),
    ):
        save(tmp_path, 2, trained)
    assert os.listdir(tmp_path) == ["checkpoint.safetensors"]
    found = Checkpoint.find(str(tmp_path), RECIPE, "")
    found.restore(*trained)
    assert found.place.step == 1


def test_no_space_left_for_a_second_checkpoint(mounted, trained):
    """Both must fit for a moment: the old one goes only when the new one is whole."""
    save(mounted, 1, trained)
    (mounted / "something-else").write_bytes(bytes(os.statvfs(mounted).f_bavail * os.statvfs(mounted).f_bsize - 8192))
    with pytest.raises(StorageError, match=r"^cannot write .*checkpoint\.safetensors: No space left on device$"):
        save(mounted, 2, trained)
    assert sorted(os.listdir(mounted)) == ["checkpoint.safetensors", "something-else"]
    assert Checkpoint.find(str(mounted), RECIPE, "").place.step == 1


def test_a_model_that_does_not_fit_is_said_whichever_library_meets_it(mounted, trained):
    (mounted / "something-else").write_bytes(bytes(os.statvfs(mounted).f_bavail * os.statvfs(mounted).f_bsize - 65536))
    with pytest.raises(Exception) as error:  # noqa: PT011 - safetensors' own
        trained[0].save_pretrained(mounted)
    assert str(no_space_left(error.value)) == "cannot write a file: No space left on device"


def in_memory(uri: str) -> None:
    write_table(predictions(0.7, products=20_000), uri)


def in_parts(uri: str) -> None:
    with writing_table(uri, PREDICTIONS) as writer:
        writer.write_table(predictions(0.7, products=20_000))


@pytest.mark.parametrize("how", [in_memory, in_parts])
def test_predictions(tmp_path, how):
    uri = str(tmp_path / "run" / "predictions.parquet")
    with small_disk(10_000), pytest.raises(StorageError, match=r"^cannot write .*: File too large$"):
        how(uri)
    assert not (tmp_path / "run").exists() or not os.listdir(tmp_path / "run")
    how(uri)
    assert read_table(uri).num_rows == 40_000


def test_predictions_in_parts_of_which_the_second_does_not_fit(tmp_path):
    """Those of the run folder, and the validation answers that lie in the scratch folder meanwhile."""
    kept = ListedParts(str(tmp_path / "predictions"), PREDICTIONS)
    parts = [predictions(0.7, products=10), predictions(0.7, products=20_000)]
    with small_disk(10_000), pytest.raises(StorageError, match=r"^cannot write .*00001\.parquet: File too large$"):
        write_parts(kept, parts)
    assert not kept.exists()
    assert os.listdir(tmp_path / "predictions") == ["00000.parquet"]


def write_parts(kept: ListedParts, parts: list) -> None:
    with kept.writing() as writer:
        writer.write_all(parts)


@pytest.mark.faults
def test_training_stops_with_one_sentence_and_goes_on_from_the_earlier_checkpoint(tmp_path):
    recipe = small_recipe(training=replace(small_recipe().training, epochs=8))  # not over before it is told to end
    manifest = small_shards(tmp_path / "store")
    unbroken = run(manifest, tmp_path / "unbroken", recipe=recipe)

    def end(events):
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(MoEMoEError, match="received SIGTERM"):
        run(manifest, tmp_path, recipe=recipe, on_events=end)
    earlier = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    with (
        small_disk(100_000),
        pytest.raises(MoEMoEError, match=r"^cannot write .*checkpoint\.safetensors: File too large$"),
    ):
        run(manifest, tmp_path, recipe=recipe, every=0, restarts=3, is_plain=True)
    assert [path.read_bytes() == earlier for path in (tmp_path / "run").glob("*checkpoint*")] == [True]
    assert_same(run(manifest, tmp_path, recipe=recipe), unbroken)
