"""The card of a registration: the version, the gate's decision, and what changed since the champion."""

from typing import Any, Protocol

from moemoe.reporting.catalog_documents import document
from moemoe.reporting.document import (
    GOOD,
    WARNING,
    Block,
    Bullets,
    Cell,
    Code,
    Difference,
    Document,
    Estimate,
    Facts,
    Notice,
    Section,
    Table,
    Text,
)


class GateDecision(Protocol):
    """The gate's decision; ``moemoe.registry.gate.GateDecision`` implements it."""

    @property
    def promoted(self) -> bool:
        """Whether the challenger becomes champion."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """Sentences."""

    @property
    def champion(self) -> str | None:
        """The champion's version before."""

    @property
    def halves(self) -> dict[str, Any]:
        """The halves of the test split by name; empty without a champion."""

    @property
    def cells(self) -> tuple[dict[str, Any], ...]:
        """The cells that were compared one by one."""


def registration_document(
    model_uri: str, aliases: tuple[str, ...], decision: GateDecision, is_sample: bool
) -> Document:
    """register: the version, its aliases, and the gate's decision with its reasons."""
    facts: list[tuple[str, Cell]] = [
        ("model", Code(model_uri)),
        ("aliases", ", ".join(aliases) or "none; they point to a later version"),
        ("previous champion", decision.champion or "none"),
    ]
    return document("Registration", [Facts(facts), *decision_blocks(decision)], is_sample)


def champion_section(decision: GateDecision) -> Section:
    """What changed since the champion, for a run's report."""
    title = "Since the champion" if decision.champion else "The gate's decision"
    return Section(title, decision_blocks(decision))


def decision_blocks(decision: GateDecision) -> list[Block]:
    """The decision with its reasons; both models on the same test rows; the cells, largest losses first."""
    verdict = Notice("**Promoted to champion**", GOOD) if decision.promoted else Notice("**Not promoted**", WARNING)
    blocks: list[Block] = [verdict, Bullets(decision.reasons)]
    if decision.halves:
        rows = [
            [name, Estimate(half.champion), Estimate(half.challenger), Difference(half.difference, half.low, half.high),
             half.cells, half.products]
            for name, half in decision.halves.items()
        ]  # fmt: skip
        heads = ["rows", "champion, %", "challenger, %", "difference, points", "cells", "products"]
        said = "Mean Recall@90P of both models on the same test rows; only the gate rows count for the decision."
        blocks += [Table(heads, rows), Text(said)]
    if decision.cells:
        cells = sorted(decision.cells, key=lambda cell: cell["challenger"] - cell["champion"])
        rows = [
            [cell["product_type"], cell["attribute"], cell["products"], Estimate(cell["champion"]),
             Estimate(cell["challenger"]), Estimate(cell["challenger"] - cell["champion"])]
            for cell in cells
        ]  # fmt: skip
        heads = ["product type", "attribute", "products", "champion, %", "challenger, %", "difference, points"]
        blocks.append(Table(heads, rows, filtered=True))
    return blocks
