"""kill -9 in every step of the flow and in its training processes, at moments drawn by a seed."""

import os
import select

import pytest

from tests.support.planned_faults import kills
from tests.support.small_flow import STEPS, SmallFlow
from tests.support.whole_runs import assert_same, assert_whole

pytestmark = pytest.mark.faults
KILLS = {**dict.fromkeys(STEPS, 3), "worker-0": 3, "torchrun": 1}
SEED = 6


def test_a_flow_that_is_killed_everywhere_ends_as_if_nothing_had_happened(unbroken_flow, unbroken, tmp_path):
    """Each attempt dies once, of its own hand or with the whole process group, until every moment has been used."""
    flow = SmallFlow(tmp_path)
    for process, number in KILLS.items():
        flow.faults.plan(process, kills(unbroken_flow.faults, process, number, SEED))
    attempts = flow.until_through(sum(KILLS.values()))
    struck = flow.faults.struck()
    assert {line.split()[0] for line in struck} == set(KILLS)
    assert len(struck) >= 30, struck
    assert len(attempts) > 20
    for process in STEPS:  # what is done is not done again, however often a resumed run is resumed
        with_torchrun = KILLS["torchrun"] if process == "train" else 0
        assert flow.faults.starts(process) <= KILLS[process] + with_torchrun + 1, process
    assert_same(flow.result(), unbroken)
    assert_whole(flow)


def test_a_flow_whose_own_process_is_killed_takes_its_training_along(unbroken, tmp_path):
    """kill -9 of this one process: training would go on beside that of the resume, at the same checkpoint."""
    flow = SmallFlow(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    flow.faults.plan("worker-0", [f"pause {tmp_path / 'pipe'}"])
    with open(os.open(tmp_path / "pipe", os.O_RDWR)) as pipe, flow.begin() as running:
        assert select.select([pipe], [], [], 300)[0]
        training = os.pidfd_open(int(pipe.readline()))
        running.kill()
        running.communicate()
    assert select.select([training], [], [], 60)[0]
    os.close(training)
    status, said = flow.resume()
    assert status == 0, said[-5000:]
    assert_same(flow.result(), unbroken)
    assert_whole(flow)
