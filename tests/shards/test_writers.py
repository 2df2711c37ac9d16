"""Concurrent or killed writers and a full disk: a shard is complete or absent, and a rerun repairs it."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from moemoe import atomic_files
from moemoe.errors import StorageError
from moemoe.shards.dataset import ShardedDataset
from tests.support.small_shards import small_products, small_shards

HERE = Path(__file__).parents[2]
WRITE = "import sys; from tests.support.small_shards import small_shards; print(small_shards(sys.argv[1], 60))"
KILLED = """
import os, sys, signal
from tests.support.small_shards import small_shards
fsync = os.fsync
def killed(descriptor):
    if "payload" in os.readlink(f"/proc/self/fd/{descriptor}"):
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(descriptor)
os.fsync = killed
small_shards(sys.argv[1], 60)
"""


def start(code: str, root: Path, **settings) -> subprocess.Popen:
    command = [sys.executable, "-c", code, str(root)]
    return subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)


def check(root: Path, uri: str) -> None:
    dataset = ShardedDataset(uri, root)
    assert [dataset[row].image for row in range(60)] == small_products(60)["image"].to_pylist()
    assert not [path for path in (root / "payload").iterdir() if path.name.startswith(".")]


def test_two_that_write_the_same_shards_at_once(tmp_path):
    writers = [start(WRITE, tmp_path) for _ in range(2)]
    results = [writer.communicate(timeout=120) for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], results
    assert results[0][0] == results[1][0]
    check(tmp_path, results[0][0].strip())


def test_a_killed_writer_leaves_no_half_shard_and_a_rerun_cleans_up(tmp_path):
    writer = start(KILLED, tmp_path)
    writer.communicate(timeout=120)
    assert writer.returncode == -signal.SIGKILL
    left = list((tmp_path / "payload").iterdir())
    assert len(left) == 1
    assert left[0].name.startswith(".")  # half-written, and not under the shard's name
    check(tmp_path, small_shards(tmp_path))


def test_what_is_still_being_written_is_not_cleaned_up(tmp_path):
    with atomic_files.replacing(tmp_path / "shard.arrow") as temporary:
        atomic_files.remove_leftovers(str(tmp_path))
        assert Path(temporary).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["shard.arrow"]


def test_a_full_disk_is_one_clear_error_and_a_rerun_completes(tmp_path):
    limit = 20_000  # bytes a file, smaller than a shard

    def small_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    writer = start(WRITE, tmp_path, preexec_fn=small_disk)
    error = writer.communicate(timeout=120)[1]
    assert writer.returncode == 1
    assert error.strip().splitlines()[-1].startswith("moemoe.errors.StorageError: cannot write ")
    assert "payload/" in error
    assert error.strip().endswith("File too large")
    assert not list((tmp_path / "payload").iterdir())
    check(tmp_path, small_shards(tmp_path))


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_no_space_left_on_the_device(tmp_path):
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True)
    if done.returncode:
        pytest.skip("this machine mounts no tmpfs")
    try:
        with pytest.raises(StorageError, match=r"cannot write .*payload/\w+\.arrow: No space left on device"):
            small_shards(tmp_path, 300)
        assert not list((tmp_path / "payload").iterdir())
        subprocess.run(["mount", "-o", "remount,size=8m", str(tmp_path)], check=True)
        ShardedDataset(small_shards(tmp_path, 300), tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)
