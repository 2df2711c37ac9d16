"""What a person sees of a comparison: its card."""

from typing import Any

import cards
from metaflow import current
from metaflow.cards import Image, Markdown, Table


def comparison_card(comparison: Any, tables: Any, figures: dict[str, Any]) -> None:
    """compare: who failed, the tables, the figures."""
    cards.heading(f"{comparison.dataset}: systems side by side", comparison.sample_catalog)
    for name, reason in comparison.failures.items():
        current.card.append(Markdown(f"> **{name} failed**: {reason}"))
    for table in tables:
        current.card.append(Markdown(f"## {table.title}"))
        current.card.append(Table(table.cells(), headers=table.headings()))
        for note in table.notes:
            current.card.append(Markdown(note))
        if table.name == "overview":
            for figure in figures.values():
                current.card.append(Image.from_matplotlib(figure))


def failed(system: Any, reason: str) -> None:
    """evaluate: nothing to show for a system whose training failed."""
    current.card.append(Markdown(f"# {system.name} failed in training\n\n{reason}"))
