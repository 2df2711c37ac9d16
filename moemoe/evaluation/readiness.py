"""Which attributes are ready to be filled in, and what the others lack.

An attribute's test questions are those of all its product types. As in backfill, a question is answered if the answer
is a value of the contract and its confidence reaches the plain threshold of the product type and attribute.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from moemoe.evaluation.cells import MIN_SUPPORT, Cell, CellPredictions, CellRows, Cells
from moemoe.evaluation.evaluate import PROMISE, Evaluation
from moemoe.evaluation.source_weights import reads_images, reads_text
from moemoe.evaluation.uncertainty import DETAIL_REPLICATES, GroupBootstrap, Interval, interval
from moemoe.schemas import IMAGE_BLANKED, TEXT_BLANKED

READY, NEEDS_DATA, NOT_LEARNED = "ready", "needs data", "not learned"
TEXT, IMAGE, BOTH = "text", "image", "both"
#: An attribute with less coverage is not worth a backfill.
LEAST_COVERAGE = 0.05
#: An attribute is answered from one source if that source's accuracy alone is so much higher than the other's alone.
CLEARLY = 0.05
NOTHING = Interval(math.nan, math.nan, math.nan, 0)


@dataclass(frozen=True)
class Readiness:
    """One attribute on the test split; or all together, with an empty name.

    Args:
        asked: test questions with a gold value.
        coverage: share of them that is answered.
        precision: share of the answers that is right; NaN if nothing is answered.
        accuracy: share of right answers if none were abstained from.
        image_alone, text_alone: accuracy if the model sees that source only; NaN if that was not measured, or the model
            does not read the source.
        state: READY, NEEDS_DATA or NOT_LEARNED; ``reason`` says why not READY, in one line.
    """

    attribute: str
    product_types: int
    asked: int
    coverage: Interval
    precision: Interval
    accuracy: float
    image_alone: float
    text_alone: float
    state: str
    reason: str

    @property
    def source(self) -> str:
        """What the answers come from: TEXT, IMAGE or BOTH; empty if it was not measured or neither is ever right."""
        both = {TEXT: self.text_alone, IMAGE: self.image_alone}
        measured = {name: alone for name, alone in both.items() if not math.isnan(alone)}
        if not any(measured.values()):
            return ""
        if len(measured) == 2 and abs(self.image_alone - self.text_alone) < CLEARLY:
            return BOTH
        return max(measured, key=lambda name: measured[name])


def readiness(cells: Cells, evaluation: Evaluation) -> tuple[Readiness, list[Readiness]]:
    """All attributes together, and each attribute: the ready ones first, by coverage."""
    rows = {(row["product_type"], row["attribute"]): row for row in evaluation.table.to_pylist()}
    thresholds = evaluation.thresholds()
    resamples = GroupBootstrap(cells.groups, DETAIL_REPLICATES)
    read = {TEXT_BLANKED: reads_images, IMAGE_BLANKED: reads_text}
    alone = {shown: reads(cells.predictions, cells.condition) for shown, reads in read.items()}
    right = {shown: _right(cells.test(shown)) if known else {} for shown, known in alone.items()}
    test = cells.of("test")
    by_attribute: dict[str, list[Cell]] = {}
    for cell in test:
        by_attribute.setdefault(cell[1], []).append(cell)

    def measured(attribute: str, own: list[Cell]) -> Readiness:
        coverage, precision = _answered({cell: test[cell] for cell in own}, thresholds, resamples)
        accepted = sum(rows[cell]["validation_accepted"] for cell in own)
        seen = sum(rows[cell]["validation_support"] for cell in own)
        accuracy = _accuracy(test[cell].correct for cell in own)
        state, reason = _state(coverage, precision, accuracy, accepted, seen)
        image_alone, text_alone = (_accuracy(found[cell] for cell in own if cell in found) for found in right.values())
        return Readiness(
            attribute, len(own), coverage.n, coverage, precision, accuracy, image_alone, text_alone, state, reason
        )

    found = [measured(attribute, own) for attribute, own in by_attribute.items()]
    order = (READY, NEEDS_DATA, NOT_LEARNED)
    found.sort(key=lambda each: (order.index(each.state), -each.coverage.value, each.attribute))
    return measured("", list(test)), found


def _answered(
    own: Mapping[Cell, CellRows], thresholds: Mapping[Cell, float], resamples: GroupBootstrap
) -> tuple[Interval, Interval]:
    """Coverage and precision of the answers that are values of the contract, at or above their thresholds."""
    if not own:
        return NOTHING, NOTHING
    asked = CellPredictions.concat(own.values())
    reached = [each.confidence >= thresholds[cell] for cell, each in own.items()]  # NaN accepts none
    accepted = np.concatenate(reached) & np.concatenate([each.has("canonical") for each in own.values()])
    right = asked.correct[accepted]
    drawn = resamples.shares([(accepted, asked.group), (right, asked.group[accepted])])
    coverage = interval(float(accepted.mean()), drawn[0], asked.support)
    if not accepted.any():
        return coverage, NOTHING
    return coverage, interval(float(right.mean()), drawn[1], len(right))


def _right(cells: Mapping[Cell, CellPredictions]) -> dict[Cell, np.ndarray]:
    """Which products of each cell are answered rightly, bool [N]."""
    return {cell: each.correct.copy() for cell, each in cells.items()}


def _accuracy(own: Iterable[np.ndarray]) -> float:
    correct = list(own)
    return float(np.concatenate(correct).mean()) if correct else math.nan


def _state(coverage: Interval, precision: Interval, accuracy: float, accepted: int, seen: int) -> tuple[str, str]:
    """A state with its reason; ``accepted`` of the ``seen`` validation products lie above the thresholds."""
    kept = precision.value >= PROMISE  # NaN: nothing is answered
    if coverage.n < MIN_SUPPORT:
        return NEEDS_DATA, f"{_products(coverage.n, 'test')}; {MIN_SUPPORT} are needed to judge it"
    if kept and coverage.value >= LEAST_COVERAGE:
        return READY, ""
    if kept:
        return NOT_LEARNED, f"fills in only {_percent(coverage.value)}; {_percent(accuracy)} of all answers are right"
    if seen < MIN_SUPPORT:
        return NEEDS_DATA, f"{_products(seen, 'validation')}; {MIN_SUPPORT} are needed to choose a threshold"
    if math.isnan(precision.value):
        known = f"{_percent(accuracy)} of all answers are right"
        return NOT_LEARNED, f"no threshold reaches {_percent(PROMISE)} precision; {known}"
    if accepted < MIN_SUPPORT:
        return NEEDS_DATA, f"its thresholds accept only {_products(accepted, 'validation')}"
    if precision.high >= PROMISE:
        return NEEDS_DATA, f"{_percent(PROMISE)} lies in its interval: more test products would tell"
    return NOT_LEARNED, f"only {_percent(precision.value)} of what its thresholds accept is right"


def _products(number: int, split: str) -> str:
    return f"{number} {split} product{'' if number == 1 else 's'}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
