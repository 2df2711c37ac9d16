"""Training processes that die, receive SIGTERM, or lose the process that started them."""

import os
import re
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from moemoe.errors import MoEMoEError, TerminatedError
from moemoe.training.checkpoints import Checkpoint
from moemoe.training.launch import RESTARTS
from tests.support.planned_faults import HERE
from tests.support.small_shards import small_shards
from tests.support.small_training import assert_same, run, small_recipe, workers_of

RECIPE = small_recipe(training=replace(small_recipe().training, epochs=3))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    return small_shards(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def unbroken(manifest, tmp_path_factory):
    return run(manifest, tmp_path_factory.mktemp("unbroken"), 2, RECIPE)


def checkpoint(folder: Path) -> Checkpoint:
    return Checkpoint.find(str(folder / "run"), RECIPE.to_dict(), "")


@pytest.mark.faults
def test_one_of_two_dies_and_both_go_on_from_the_last_checkpoint(manifest, tmp_path, unbroken):
    seen, killed = [], []

    def kill_one(events):
        seen.extend(events)
        if not killed and any(event["total_step"] >= 10 for event in events):
            killed.extend(workers_of(os.getpid()))
            os.kill(killed[1], signal.SIGKILL)

    result = run(manifest, tmp_path, 2, RECIPE, kill_one, every=0, restarts=RESTARTS, is_plain=True)
    assert len(killed) == 2
    assert_same(result, unbroken)
    [before] = [event for event in seen if event["event"] == "step" and event["total_step"] == 10]
    assert before in result[1]  # its speed too: the step was not done again, as from the start it would have been


def test_sigterm_writes_a_checkpoint_and_ends_and_a_resume_goes_on_from_there(manifest, tmp_path, unbroken):
    """What a spot instance's notice does, to the process that started the training."""
    told = []

    def tell(events):
        if not told and any(event["total_step"] >= 10 for event in events):
            told.append(True)
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(TerminatedError, match=r"received SIGTERM.*a resume goes on") as error:
        run(manifest, tmp_path, 2, RECIPE, tell, every=3600, restarts=RESTARTS)
    assert signal.getsignal(signal.SIGTERM) is before
    step = int(re.search(r"after step (\d+)", str(error.value))[1])
    assert step >= 10
    assert checkpoint(tmp_path).place.total_step == step
    assert not (tmp_path / "run" / "model").exists()
    assert_same(run(manifest, tmp_path, 2, RECIPE), unbroken)


LAUNCHER = """
import os, signal, sys
from dataclasses import replace
from pathlib import Path
from tests.support.small_training import run, small_recipe, workers_of

def die(events):
    print(*workers_of(os.getpid()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

recipe = small_recipe(training=replace(small_recipe().training, epochs=3))
run(sys.argv[1], Path(sys.argv[2]), 2, recipe, die, every=0, is_plain=True)
"""


@pytest.mark.faults
def test_processes_whose_launcher_is_killed_end_too(manifest, tmp_path, unbroken):
    """Else they would train on beside those of the run that goes on, on the same GPU and to the same checkpoint."""
    command = [sys.executable, "-c", LAUNCHER, manifest, str(tmp_path)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE / "flows")])}
    launcher = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    assert launcher.returncode == -signal.SIGKILL
    workers = [int(pid) for pid in launcher.stdout.split()]
    assert len(workers) == 2
    for pid in workers:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue  # it has ended already
        ended, _, _ = select.select([descriptor], [], [], 60)
        os.close(descriptor)
        assert ended, f"process {pid} trains on"
    assert not (tmp_path / "run" / "model").exists()
    assert_same(run(manifest, tmp_path, 2, RECIPE), unbroken)


def test_what_a_person_has_to_mend_is_said_once_and_not_tried_again(manifest, tmp_path):
    wild = small_recipe(training=replace(RECIPE.training, learning_rate=1e30, warmup_steps=0, max_grad_norm=1e30))
    with pytest.raises(MoEMoEError, match=r"not finite at step \d+ \(products p\d+"):
        run(manifest, tmp_path, recipe=wild, restarts=RESTARTS)
    log = (tmp_path / "scratch" / "train.log").read_text()
    assert log.count("moemoe: ") == 1
