"""Rows below the header of a template that say what its columns hold ("Required", "Required", "Optional")."""

from collections.abc import Sequence
from typing import Any

from moemoe.catalog.formats.row_error import RowError

NOTES = "rows below the header that describe its columns, left out"
_WORDS = frozenset(
    (
        *("required", "optional", "mandatory", "recommended", "conditional", "conditionally required", "preferred"),
        *("pflichtfeld", "obligatoire", "facultatif", "obligatorio", "opcional", "obbligatorio", "facoltativo"),
        *("string", "text", "number", "integer", "int", "float", "decimal", "date", "datetime", "boolean", "bool"),
        *("varchar", "url", "enum", "list", "array", "object"),
    )
)
#: Of the first records, those among which such a row is looked for.
LOOKED_AT = 4


def number_of_notes(first: Sequence[list[Any] | RowError]) -> int:
    """How many of the first records are notes: the last row of such words, and what stands above it."""
    notes = (at for at, one in enumerate(first, 1) if _is_note(one.cells if isinstance(one, RowError) else one))
    return max(notes, default=0)


def _is_note(cells: Sequence[Any]) -> bool:
    """Whether each cell that is filled is such a word; a product has an id."""
    filled = [cell for cell in cells if cell not in ("", None)]
    return len(filled) > 2 and all(isinstance(cell, str) and cell.strip().casefold() in _WORDS for cell in filled)
