"""Records how the files of a catalog were read: format, layout, the use of each column, repairs."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from moemoe.contract.cell_text import without_invisible

#: Columns without a name, numbered by the table.
_NAMELESS = re.compile(r"(?:\(\d+\))?")


@dataclass(frozen=True)
class Reading:
    """How a file, or several equal ones, was read.

    Args:
        format: such as "Parquet" or "CSV (semicolon)".
        layout: name of the layout.
        columns: the files' columns -> their use: a catalog column, "attribute", "unused" or a few words.
        counts: what was skipped or repaired -> number of rows.
        files: number of files; ``example`` is the first one's name.
    """

    format: str
    layout: str
    columns: Mapping[str, str]
    counts: Mapping[str, int]
    example: str
    files: int = 1

    def by_use(self) -> dict[str, list[str]]:
        """Use -> the columns with that use, each on one line."""
        uses: dict[str, list[str]] = {}
        for column, became in self.columns.items():
            shown = " ".join(without_invisible(column).split())
            uses.setdefault(became, []).append(f"(no name) {shown}".strip() if _NAMELESS.fullmatch(shown) else shown)
        return uses


def merge_readings(readings: Iterable[Reading]) -> list[Reading]:
    """Merges readings that differ only in their counts, in the order of first occurrence."""
    merged: dict[tuple[str, str, tuple[tuple[str, str], ...]], Reading] = {}
    for one in readings:
        key = (one.format, one.layout, tuple(one.columns.items()))
        if (known := merged.get(key)) is None:
            merged[key] = one
        else:
            counts = dict(Counter(known.counts) + Counter(one.counts))
            merged[key] = Reading(one.format, one.layout, one.columns, counts, known.example, known.files + one.files)
    return list(merged.values())


def to_json(readings: Iterable[Reading]) -> str:
    """Writes readings as JSON."""
    return json.dumps([asdict(reading) for reading in readings], indent=2, ensure_ascii=False)


def from_json(text: str) -> list[Reading]:
    """Reads the output of ``to_json``."""
    return [Reading(**values) for values in json.loads(text)]
