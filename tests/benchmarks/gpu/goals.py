"""What a GPU should reach, and the page that shows what it reached."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moemoe.reporting.document import (
    FAILURE,
    GOOD,
    NEUTRAL,
    WARNING,
    Badge,
    Block,
    Document,
    Facts,
    Notice,
    Section,
    Table,
)
from moemoe.reporting.document import Code as CodeCell
from tests.support.part_runner import CUT, DONE, FAILED, Figures

MET, NOT_MET, NOT_MEASURED = "met", "not met", "not measured"


@dataclass(frozen=True)
class Goal:
    """A goal.

    Args:
        text: what is to be reached.
        part: whose figures tell.
        value: the figure; raises KeyError where it was not measured.
        reached: whether a figure is good enough.
    """

    text: str
    part: str
    value: Callable[[Figures], float | None]
    reached: Callable[[float], bool]


def _worst_ratio(figures: Figures) -> float:
    measured = [own for name, own in figures["time_vs_dense"].items() if name.endswith("trained")]
    return max(ratio for own in measured for ratio in own.values())


GOALS = (
    Goal(
        "at least 40 % model FLOP utilisation at the paper's size, dense", "utilisation",
        lambda figures: figures["paper, dense"]["model_flop_utilisation"], lambda value: value >= 0.4,
    ),
    Goal(
        "at least 40 % model FLOP utilisation at the paper's size, with experts", "utilisation",
        lambda figures: figures["paper, experts"]["model_flop_utilisation"], lambda value: value >= 0.4,
    ),
    Goal(
        "the expert layer takes at most 1.3 times the dense one's time (the largest ratio, as training computes it)",
        "experts", _worst_ratio, lambda value: value <= 1.3,
    ),
    Goal(
        "the loader is never waited for (the largest share of the time; at most 0.01)", "loader",
        lambda figures: max(figures["share_waited"].values()), lambda value: value <= 0.01,
    ),
    Goal(
        "backfill answers at least 2,000 products per second (size tiny; answering alone, as backfill calls it)",
        "generation", lambda figures: figures["tiny"]["fp32"]["products_per_second"], lambda value: value >= 2000,
    ),
)  # fmt: skip


def judged(results: Figures) -> list[Figures]:
    """Every goal with what was measured; goals are a GPU's, so a trial on a CPU measures none."""
    found = []
    for goal in GOALS:
        value = None
        if results["environment"]["device"] == "cuda":
            try:
                value = goal.value(results["parts"][goal.part]["figures"])
            except (KeyError, TypeError, ValueError):  # the part has failed before, or was cut short
                value = None
        judgement = NOT_MEASURED if value is None else MET if goal.reached(value) else NOT_MET
        found.append({"goal": goal.text, "part": goal.part, "value": value, "judgement": judgement})
    return found


def document(results: Figures) -> Document:
    """The page: goals first, then every part's figures as they were measured."""
    kinds = {MET: GOOD, NOT_MET: FAILURE, NOT_MEASURED: NEUTRAL}
    goals = [[g["goal"], g["value"], Badge(g["judgement"], kinds[g["judgement"]])] for g in results["goals"]]
    blocks: list[Block] = [Facts(list(results["environment"].items()))]
    if results["environment"]["device"] != "cuda":
        blocks.append(Notice("A trial on a CPU, at small sizes: its figures say nothing about any GPU."))
    blocks.append(Section("Goals", [Table(["goal", "measured", "judgement"], goals)]))
    blocks += [_section(name, part) for name, part in results["parts"].items()]
    return Document("What the GPU does", blocks, "GPU benchmark")


def _section(name: str, part: Figures) -> Section:
    badge = Badge(part["status"], {DONE: GOOD, CUT: WARNING, FAILED: FAILURE}[part["status"]])
    blocks: list[Block] = [Facts([("status", badge), ("seconds", part["seconds"])])]
    said = part.get("error") or part.get("note")
    if said:
        blocks.append(Notice(said))
    rows = [[CodeCell(key), value] for key, value in _flat(part["figures"])]
    if rows:
        blocks.append(Table(["figure", "value"], rows))
    return Section(name, blocks)


def _flat(figures: Any, name: str = "") -> Iterable[tuple[str, Any]]:
    """Every single figure, by the names that lead to it; a list is one."""
    for key, value in figures.items():
        full = f"{name} / {key}" if name else key
        if isinstance(value, dict):
            yield from _flat(value, full)
        else:
            yield full, ", ".join(map(str, value)) if isinstance(value, list) else value
