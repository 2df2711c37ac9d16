"""The card of a training, and the lines that the step prints."""

import json
from types import SimpleNamespace

import pytest

from tests.support.flows import FLOW


class Components(list):
    """A card as Metaflow hands it to a step, without a step."""

    def refresh(self) -> None:
        pass


@pytest.fixture
def card(monkeypatch):
    monkeypatch.syspath_prepend(str(FLOW.parent))
    import cards
    from cards import training

    for module in (cards, training):
        monkeypatch.setattr(module, "current", SimpleNamespace(card=Components()))
    return training.TrainingCard(is_sample=False)


def step(number: int) -> dict:
    return {
        "event": "step", "phase": "dense", "epoch": 0, "total_step": number, "steps": 40, "loss": 1.0,
        "cross_entropy": 1.0, "examples_per_second": 100.0, "seconds_left": 61.0,
    }  # fmt: skip


def test_a_line_for_each_part_of_the_way(card, capsys):
    preparation = {"event": "preparation", "total_step": 0, "what": "image features", "of": 40, "seconds_left": 75.0}
    for done in (1, 2, 3, 4):
        card.update([{**preparation, "done": done}])
    for number in (1, 2, 3, 4):
        card.update([step(number)])
    assert capsys.readouterr().out.splitlines() == [
        "image features: 1 of 40 shards, 1:15 left",
        "image features: 2 of 40 shards, 1:15 left",
        "image features: 4 of 40 shards, 1:15 left",
        "dense phase, epoch 1, step 1 of 40: loss 1.000, 100 examples/s, 1:01 left",
        "dense phase, epoch 1, step 2 of 40: loss 1.000, 100 examples/s, 1:01 left",
        "dense phase, epoch 1, step 4 of 40: loss 1.000, 100 examples/s, 1:01 left",
    ]


def test_a_validation_that_comes_after_the_last_step_is_shown(card, capsys):
    card.update([step(36)])  # not every step is an event
    card.update([{"event": "epoch", "phase": "dense", "epoch": 0, "total_step": 40, "validation_cross_entropy": 0.625}])
    assert "0.625" in json.dumps(card.losses.render())
    assert card.now.render()["source"].strip() == "dense phase, epoch 1 done, step 40: validation cross entropy 0.625"
    assert card.bar.render()["value"] == 100
    assert len(capsys.readouterr().out.splitlines()) == 1
