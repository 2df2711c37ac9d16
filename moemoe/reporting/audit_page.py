"""The audit as one HTML page: a product at a time, its question and answer; verdicts by click or key, kept as a CSV.

The page needs no network. Verdicts stay in the browser until they are downloaded.
"""

from typing import Any

import pyarrow as pa

from moemoe.reporting.document import Image
from moemoe.reporting.html import template_page
from moemoe.schemas import CONTRADICTS, FILLED, RIGHT, UNCLEAR, WRONG

#: Verdict -> the key that gives it.
KEYS = {RIGHT: "r", WRONG: "w", UNCLEAR: "u"}
#: Decision -> what the page calls itself, asks, counts, and says where there is nothing.
WORDS = {
    FILLED: (
        "Audit of",
        "Is the value right for this product?",
        "filled in",
        "Nothing was filled in, so there is nothing to judge.",
    ),
    CONTRADICTS: (
        "Labels against",
        "Is the model's value right, and the catalog's label wrong? (Both, or neither: unclear.)",
        "labels contradicted",
        "No accepted prediction contradicts a label, so there is nothing to judge.",
    ),
}


def audit_page(audit: pa.Table, model_version: str, name: str, decision: str = FILLED) -> str:
    """The page of an AUDIT table of one decision.

    Args:
        name: tells its verdicts from those of other audits, in browser and file.
    """
    title, question, counted, nothing = WORDS[decision]
    return template_page(
        "audit.html",
        title=f"{title} {model_version}",
        question=question,
        counted=counted,
        nothing=nothing,
        name=name,
        rows=[_shown(row) for row in audit.to_pylist()],
        keys=KEYS,
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the page shows it; an audit of an earlier version has no text beside the title."""
    image = Image(row["image"], row["title"] or "") if row["image"] else None
    return {**row, "image": image, "text": row.get("text") or row["title"] or "(no text)"}
