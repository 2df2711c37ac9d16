"""What a person sees of a registration: the version and how the gate came to its decision."""

from typing import Any

import cards
from metaflow import current
from metaflow.cards import Markdown


def register_card(registration: Any, is_sample: bool) -> None:
    """register: the version, its aliases, and how the gate came to its decision."""
    cards.heading("Registration", is_sample)
    decision = registration.decision
    cards.table(
        [
            ("model", registration.model_uri),
            ("aliases", ", ".join(registration.aliases)),
            ("champion before", decision.champion or "none"),
        ],
        ["", ""],
    )
    verdict = "Promoted to champion" if decision.promoted else "Not promoted"
    current.card.append(Markdown("\n".join([f"## {verdict}", "", *(f"- {reason}" for reason in decision.reasons)])))
    if not decision.halves:
        return
    current.card.append(Markdown("## Challenger against champion, the same test rows"))
    rows = []
    for name, half in decision.halves.items():
        interval = f"{half.low:+.3f} to {half.high:+.3f}"
        rows.append([name, half.champion, half.challenger, half.difference, interval, half.cells, half.products])
    headers = ["rows", "champion", "challenger", "difference", "its 95 % interval", "cells", "products"]
    cards.table(rows, headers)
    current.card.append(Markdown("Mean Recall@90P. The gate rows decide; the report rows are only reported."))
    if decision.cells:
        cells = sorted(decision.cells, key=lambda cell: cell["challenger"] - cell["champion"])
        names = ("product_type", "attribute", "products", "champion", "challenger")
        cards.table([[cell[name] for name in names] for cell in cells], [name.replace("_", " ") for name in names])
