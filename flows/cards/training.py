"""The progress card of a training."""

import math
from typing import Any

from metaflow import current
from metaflow.cards import Markdown, ProgressBar, VegaChart

import cards
from moemoe.reporting.catalog_documents import document


class TrainingCard:
    """train: loss curves, examples per second and time left, refreshed while the step runs."""

    def __init__(self, is_sample: bool):
        cards.show(document("Training", [], is_sample))
        self.events: list[dict[str, Any]] = []
        self.bar = ProgressBar(max=100, label="% of the steps")
        self.now = Markdown("starting ...")
        self.losses = VegaChart(_loss_chart([]))
        self._printed = "", 0
        for component in (self.bar, self.now, self.losses):
            current.card.append(component)

    def update(self, events: list[dict[str, Any]]) -> None:
        """Takes new events; also prints a line for every 5 % of the preparation and of the steps."""
        self.events += events
        last = next((event for event in reversed(self.events) if event["event"] in ("step", "preparation")), None)
        if last is None:
            return
        if last["event"] == "preparation":
            self._tell(preparation_line(last), last["what"], last["done"] / last["of"])
            return
        latest = next(event for event in reversed(self.events) if event["event"] in ("step", "epoch"))
        self.bar.update(math.ceil(100 * latest["total_step"] / last["steps"]))
        self.losses.update(_loss_chart(self.events))
        line = epoch_line(latest) if "validation_cross_entropy" in latest else step_line(last)
        self._tell(line, "steps", last["total_step"] / last["steps"])

    def _tell(self, line: str, what: str, done: float) -> None:
        self.now.update(line)
        current.card.refresh()
        if what != self._printed[0] or int(20 * done) > self._printed[1]:
            self._printed = what, int(20 * done)
            print(line, flush=True)


def preparation_line(event: dict[str, Any]) -> str:
    """The progress of the preparation before the first step."""
    return f"{event['what']}: {event['done']} of {event['of']} shards, {_minutes(event['seconds_left'])} left"


def step_line(event: dict[str, Any]) -> str:
    """The progress of the training."""
    loss = f"loss {event['loss']:.3f}, " if "loss" in event else ""  # fitted systems have none
    return (
        f"{event['phase']} phase, epoch {event['epoch'] + 1}, step {event['total_step']} of {event['steps']}: "
        f"{loss}{event['examples_per_second']:.0f} examples/s, {_minutes(event['seconds_left'])} left"
    )


def epoch_line(event: dict[str, Any]) -> str:
    """The validation result at the end of an epoch; without time left, as it is also the last line of a training."""
    return (
        f"{event['phase']} phase, epoch {event['epoch'] + 1} done, step {event['total_step']}: "
        f"validation cross entropy {event['validation_cross_entropy']:.3f}"
    )


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _loss_chart(events: list[dict[str, Any]]) -> dict[str, Any]:
    terms = ("cross_entropy", "question_context", "question_image", "load_balancing")
    points = [
        {"step": e["total_step"], "value": e[term], "term": term.replace("_", " ")}
        for e in events
        if e["event"] == "step"
        for term in terms
        if e.get(term, 0) > 0
    ]
    points += [
        {"step": e["total_step"], "value": e["validation_cross_entropy"], "term": "validation cross entropy"}
        for e in events
        if "validation_cross_entropy" in e
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 700,
        "height": 320,
        "data": {"values": points},
        "mark": {"type": "line", "interpolate": "monotone"},
        "encoding": {
            "x": {"field": "step", "type": "quantitative"},
            "y": {"field": "value", "type": "quantitative", "scale": {"type": "log"}, "title": "loss"},
            "color": {"field": "term", "type": "nominal", "title": None, "legend": {"orient": "bottom"}},
        },
    }
