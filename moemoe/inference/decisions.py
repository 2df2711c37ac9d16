"""Decides which of a model's answers about one product are accepted: for backfill and serving alike."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from moemoe.correctness import is_right
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.catalog_rows import CatalogQuery
from moemoe.inference.labels import Label
from moemoe.labels.contradictions import broken_rules
from moemoe.schemas import ABSTAINED, AGREES, CONTRADICTS, FILLED

if TYPE_CHECKING:
    from moemoe.model.outputs import Answer


@dataclass(frozen=True)
class BackfillDecision:
    """The decision on one answer; ``broken``: the rule (``Contradiction.words``) that the value would have broken."""

    attribute: str
    answer: "Answer"
    label: Label | None
    decision: str
    broken: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the value can be used."""
        return self.decision != ABSTAINED


def decide(
    question: CatalogQuery, answers: Sequence["Answer"], model: AttributeModel, threshold_kind: str
) -> list[BackfillDecision]:
    """Decides on all answers about one product.

    Answers that break the contract's rules on contradictions are abstained from, in this order:

    - A value that would be filled in and breaks a rule with a label, or with another value that would be filled in, is
      abstained from; of two such values both, as either may be wrong.
    - Of the accepted answers that still break a rule with each other, those that no label agrees with are abstained
      from; if labels agree with all of them, all are.

    Args:
        question: with the product's raw labels.
        answers: one for each of the question's attributes.
        threshold_kind: ``plain``, ``guarded`` or ``unfamiliar``.
    """
    raw = model.labels.by_key(question.labels)
    found = []
    for attribute, answer in zip(question.attributes, answers, strict=True):
        label = model.labels.label(raw, attribute)
        judged, accepted = model.judge(question, attribute, answer, threshold_kind)
        tolerance = model.contract.attributes[attribute].tolerance
        found.append(BackfillDecision(attribute, judged, label, _decision(judged.value, label, accepted, tolerance)))
    filled = {decided.attribute: (decided.answer.value,) for decided in found if decided.decision == FILLED}
    if filled:
        labels: dict[str, tuple[str, ...]] = {}
        for name in {name for each in model.contract.contradictions for name in (each.when, each.never)} - set(filled):
            label = model.labels.label(raw, name)
            labels[name] = label.values if label else ()
        broken = _broken({**labels, **filled}, set(filled), model)
        found = _abstain(found, {name: words for name, words in broken.items() if name in filled})
    accepted_values = {decided.attribute: (decided.answer.value,) for decided in found if decided.accepted}
    unsupported = {decided.attribute for decided in found if decided.decision in (FILLED, CONTRADICTS)}
    return _abstain(found, _broken(accepted_values, unsupported, model))


def _decision(prediction: str, label: Label | None, accepted: bool, tolerance: float | None) -> str:
    """Filled, abstained, agrees or contradicts; a label that the contract cannot read counts as none."""
    if not accepted:
        return ABSTAINED
    if label is None or not label.values:
        return FILLED
    return AGREES if is_right(prediction, label.values, tolerance) else CONTRADICTS


def _broken(values: Mapping[str, tuple[str, ...]], weak: set[str], model: AttributeModel) -> dict[str, str]:
    """The attributes to abstain from, each with the rule that it breaks: the ``weak`` ones of a rule, else both."""
    broken: dict[str, str] = {}
    for each in broken_rules(values, model.contract):
        sides = {each.when, each.never}
        for name in sides & weak or sides:
            broken.setdefault(name, each.words)
    return broken


def _abstain(found: Sequence[BackfillDecision], broken: Mapping[str, str]) -> list[BackfillDecision]:
    return [
        dataclasses.replace(decided, decision=ABSTAINED, broken=broken[decided.attribute])
        if decided.attribute in broken
        else decided
        for decided in found
    ]
