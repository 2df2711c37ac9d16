"""What a person sees of a training while it runs."""

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
        self._printed = -1
        for component in (self.bar, self.now, self.losses):
            current.card.append(component)

    def update(self, events: list[dict[str, Any]]) -> None:
        """Takes new training events; also prints a line for each 5 % of the way."""
        self.events += events
        steps = [event for event in self.events if event["event"] == "step"]
        if not steps:
            return
        last = steps[-1]
        loss = f"loss {last['loss']:.3f}, " if "loss" in last else ""  # what is fitted has none
        line = (
            f"{last['phase']} phase, epoch {last['epoch'] + 1}, step {last['total_step']} of {last['steps']}: "
            f"{loss}{last['examples_per_second']:.0f} examples/s, "
            f"{_minutes(last['seconds_left'])} left"
        )
        self.bar.update(math.ceil(100 * last["total_step"] / last["steps"]))
        self.now.update(line)
        self.losses.update(_loss_chart(self.events))
        current.card.refresh()
        if (percent := 20 * last["total_step"] // last["steps"]) > self._printed:
            self._printed = percent
            print(line, flush=True)


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
            "color": {"field": "term", "type": "nominal", "title": None},
        },
    }
