"""The audit as one HTML page: one product at a time with its question and answer; verdicts by click or key, as CSV.

The page needs no network. Verdicts stay in the browser until they are downloaded.
"""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from moemoe.reporting.document import Image
from moemoe.reporting.html import template_page
from moemoe.schemas import CONTRADICTS, FILLED, RIGHT, UNCLEAR, WRONG

#: Verdict -> the key that gives it.
KEYS = {RIGHT: "r", WRONG: "w", UNCLEAR: "u"}


@dataclass(frozen=True)
class Words:
    """A page's title, question and counter, its text if there are no rows, and its names for right and wrong."""

    title: str
    question: str
    counted: str
    nothing: str
    right: str = RIGHT
    wrong: str = WRONG


WORDS = {
    FILLED: Words(
        "Audit of {}",
        "Is the value right for this product?",
        "filled in",
        "No values were filled in, so there is nothing to judge.",
    ),
    CONTRADICTS: Words(
        "Labels that {} contradicts",
        "Which is right, the model or the catalog's label? (If both or neither: unclear.)",
        "labels contradicted",
        "No accepted prediction contradicts a label, so there is nothing to judge.",
        "model",
        "label",
    ),
}


def audit_page(audit: pa.Table, model_version: str, name: str, decision: str = FILLED) -> str:
    """The page of an AUDIT table of one decision.

    Args:
        name: the audit's name, under which the browser and the downloaded file keep its verdicts.
    """
    words = WORDS[decision]
    return template_page(
        "audit.html",
        title=words.title.format(model_version),
        words=words,
        names={RIGHT: words.right, WRONG: words.wrong, UNCLEAR: UNCLEAR},
        name=name,
        rows=[_shown(row) for row in audit.to_pylist()],
        keys=KEYS,
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the page shows it; audits of earlier versions have only the title, no text."""
    image = Image(row["image"], row["title"] or "") if row["image"] else None
    return {**row, "image": image, "text": row.get("text") or row["title"] or "(no text)"}
