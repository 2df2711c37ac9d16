"""Events on disk: written by training, read by its observers."""

import json

from hypothesis import given
from hypothesis import strategies as st

from moemoe.training.events import EventLog, NewEvents, read_events


def steps(events):
    return [event["total_step"] for event in events]


def test_each_look_gives_what_is_new_and_leaves_a_line_that_is_still_written(tmp_path):
    path = tmp_path / "run" / "events.jsonl"
    new = NewEvents(path)
    assert new.read() == []
    log = EventLog(path)
    log.append("step", total_step=10)
    log.append("step", total_step=20)
    assert steps(new.read()) == [10, 20]
    with open(path, "a") as file:
        file.write('{"event": "step", "total')
    assert new.read() == []
    with open(path, "a") as file:
        file.write('_step": 30}\n')
    assert new.read() == [{"event": "step", "total_step": 30}]
    assert steps(read_events(path)) == [10, 20, 30]


@given(before=st.integers(1, 12), checkpoint=st.integers(0, 12), looked=st.booleans())
def test_after_a_restart_the_steps_that_are_done_again_are_told(tmp_path_factory, before, checkpoint, looked):
    """Also where the shortened file has grown before anybody looks: no half line, no error."""
    path = tmp_path_factory.mktemp("events") / "events.jsonl"
    log, new = EventLog(path), NewEvents(path)
    for step in range(before):
        log.append("step", total_step=step)
    new.read()
    log = EventLog(path, checkpoint)
    if looked:
        assert new.read() == []
    for step in range(checkpoint + 1, checkpoint + 4):
        log.append("step", total_step=step)
        told = new.read()
        assert steps(told) == [step] or not looked
    log.append("step", total_step=99)
    assert steps(new.read())[-1:] == [99]
    assert json.loads(path.read_text().splitlines()[-1])["total_step"] == 99
