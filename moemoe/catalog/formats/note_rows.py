"""Rows below a template's header that describe its columns ("Required", "Required", "Optional")."""

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
#: Number of first records that are searched for such a row.
LOOKED_AT = 4


def number_of_notes(first: Sequence[list[Any] | RowError]) -> int:
    """The number of first records that are notes: up to and including the last row of such words."""
    notes = (at for at, one in enumerate(first, 1) if _is_note(one.cells if isinstance(one, RowError) else one))
    return max(notes, default=0)


def _is_note(cells: Sequence[Any]) -> bool:
    """Whether every filled cell is such a word; a product has an id."""
    filled = [cell for cell in cells if cell not in ("", None)]
    return len(filled) > 2 and all(isinstance(cell, str) and cell.strip().casefold() in _WORDS for cell in filled)
