"""The audit as one HTML page: a product at a time, its question and answer; verdicts by click or key, kept as a CSV.

The page needs no network. Verdicts stay in the browser until they are downloaded.
"""

from typing import Any

import pyarrow as pa

from moemoe.reporting.document import Image
from moemoe.reporting.html import template_page
from moemoe.schemas import RIGHT, UNCLEAR, WRONG

#: Verdict -> the key that gives it.
KEYS = {RIGHT: "r", WRONG: "w", UNCLEAR: "u"}


def audit_page(audit: pa.Table, model_version: str, name: str) -> str:
    """The page of an AUDIT table; ``name`` tells its verdicts from those of other audits, in browser and file."""
    rows = audit.to_pylist()
    return template_page(
        "audit.html", title=f"Audit of {model_version}", name=name, rows=[_shown(row) for row in rows], keys=KEYS
    )


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as the page shows it; an audit of an earlier version has no text beside the title."""
    image = Image(row["image"], row["title"] or "") if row["image"] else None
    return {**row, "image": image, "text": row.get("text") or row["title"] or "(no text)"}
