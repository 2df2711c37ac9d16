"""Training on two machines: a torchrun and a scratch folder on each, gloo over TCP, a shared root."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from safetensors.torch import load_file

from moemoe.training.events import NewEvents, read_events
from moemoe.training.job import TrainingJob
from tests.support.planned_faults import HERE
from tests.support.ports import free_port
from tests.support.small_shards import small_shards
from tests.support.small_training import assert_same, run, small_recipe
from tests.support.warm_python import warm_python

RECIPE = small_recipe(training=replace(small_recipe().training, epochs=3))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> str:
    return small_shards(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def one_machine(manifest, tmp_path_factory):
    """The same training by two processes of one machine."""
    return run(manifest, tmp_path_factory.mktemp("one"), 2, RECIPE)


def start_machines(manifest: str, folder: Path, python: str) -> list[subprocess.Popen]:
    """A torchrun a machine, each in a process group of its own and with an empty disk, as on a cluster's nodes."""
    port, machines = free_port(), []
    for number in range(2):
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=f"machine-{number}-"))
        job = TrainingJob(manifest, str(folder / "run"), str(scratch), RECIPE.to_dict(), 1, checkpoint_seconds=0)
        (scratch / "job.json").write_text(json.dumps(asdict(job)))
        command = [python, "-m", "torch.distributed.run", "--nnodes=2", f"--node-rank={number}"]
        command += ["--master-addr=127.0.0.1", f"--master-port={port}", "--nproc-per-node=1", "--max-restarts=0"]
        command += [f"--log-dir={scratch / 'torchrun'}", "-m", "moemoe.training.run", str(scratch / "job.json")]
        with open(scratch / "train.log", "wb") as log:
            machines.append(subprocess.Popen(command, cwd=HERE, stdout=log, stderr=log, start_new_session=True))
    return machines


def trained(manifest: str, folder: Path):
    """Weights and events of a training by two machines."""
    machines = start_machines(manifest, folder, warm_python())
    ended = [machine.wait() for machine in machines]
    assert ended == [0, 0], "\n".join(log.read_text() for log in folder.glob("machine-*/train.log"))
    return load_file(folder / "run" / "model" / "model.safetensors"), read_events(folder / "run" / "events.jsonl")


def test_two_machines_train_what_two_processes_of_one_do(manifest, tmp_path, one_machine):
    assert_same(trained(manifest, tmp_path), one_machine)


@pytest.mark.faults
def test_a_machine_that_goes_away_ends_the_training_and_a_resume_goes_on(manifest, tmp_path, one_machine):
    machines = start_machines(manifest, tmp_path, sys.executable)
    events, seen = NewEvents(tmp_path / "run" / "events.jsonl"), []
    while machines[1].poll() is None and not any(event["total_step"] >= 10 for event in seen):
        seen += events.read()
    for process in Path("/proc").glob("[0-9]*"):  # torchrun's processes are in groups of their own
        if parent_of(process) == machines[1].pid:
            os.kill(int(process.name), signal.SIGKILL)
    machines[1].kill()
    assert machines[0].wait() != 0
    assert machines[1].wait() == -signal.SIGKILL
    assert not (tmp_path / "run" / "model").exists()
    result = trained(manifest, tmp_path)
    assert_same(result, one_machine)
    [before] = [event for event in seen if event["event"] == "step" and event["total_step"] == 10]
    assert before in result[1]  # its speed too: the step was not done again


def parent_of(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None
