"""How the files of a catalog were read: format, layout, what became of each column, what was mended."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from moemoe.contract.cell_text import without_invisible

#: Columns without a name, which a table tells apart by a number.
_NAMELESS = re.compile(r"(?:\(\d+\))?")


@dataclass(frozen=True)
class Reading:
    """How a file was read, or several that are alike.

    Args:
        format: such as "Parquet" or "CSV (semicolon)".
        layout: by name.
        columns: the files' columns -> what became of each: a catalog column, "attribute", "unused" or a few words.
        counts: what was done to rows so that they could be read -> how many of them.
        files: how many were read so; ``example`` is the first one's name.
    """

    format: str
    layout: str
    columns: Mapping[str, str]
    counts: Mapping[str, int]
    example: str
    files: int = 1

    def by_use(self) -> dict[str, list[str]]:
        """What became of columns -> the columns, each in one line."""
        uses: dict[str, list[str]] = {}
        for column, became in self.columns.items():
            shown = " ".join(without_invisible(column).split())
            uses.setdefault(became, []).append(f"(no name) {shown}".strip() if _NAMELESS.fullmatch(shown) else shown)
        return uses


def merge_readings(readings: Iterable[Reading]) -> list[Reading]:
    """Those that differ in the counts alone as one, in the order in which they first came."""
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
    """Readings as JSON."""
    return json.dumps([asdict(reading) for reading in readings], indent=2, ensure_ascii=False)


def from_json(text: str) -> list[Reading]:
    """Readings of ``to_json``."""
    return [Reading(**values) for values in json.loads(text)]
