"""A sample of a backfill's decisions for people to judge, drawn evenly over cells, and their verdicts."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from moemoe.catalog.formats.opened import open_table
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.images import shrink_image
from moemoe.contract.cell_text import as_id, as_text
from moemoe.errors import CatalogError
from moemoe.schemas import AUDIT, AUDIT_CANDIDATES, CONTRADICTS, FILLED, RIGHT, UNCLEAR, WRONG

#: Rows kept per product type, attribute and decision. A person judges 30 filled values of a cell in two minutes.
PER_CELL = {FILLED: 30, CONTRADICTS: 10}
IMAGE_SIDE = 360
VERDICTS = (RIGHT, WRONG, UNCLEAR)
KEY = ("product_id", "attribute", "prediction")
_READ = (as_id, as_text, as_text, as_text)
#: Columns without nulls, also in a table that another program has rewritten.
_NEVER_NULL = ("product_type", "attribute", "prediction", "confidence", "decision", "model_version", "filled")


class Sampler:
    """Keeps the first rows of each product type, attribute and decision, in a random order.

    The order is that of a hash of seed, product and attribute, so the samples of several partitions can be merged.
    """

    def __init__(self, seed: str):
        self._seed = seed
        self._kept: dict[tuple[str, str, str], list[tuple[int, int, dict[str, Any]]]] = defaultdict(list)
        self._offered = 0

    def offer(self, record: Mapping[str, Any], title: str | None, text: str, image: bytes | None) -> None:
        """Adds a BACKFILL row to the sample if it is among the first."""
        size = PER_CELL.get(record["decision"])
        if size is None:
            return
        kept = self._kept[record["product_type"], record["attribute"], record["decision"]]
        drawn = f"{self._seed}|{record['product_id']}|{record['attribute']}"
        place = int.from_bytes(hashlib.blake2b(drawn.encode(), digest_size=8).digest()) >> 1
        if len(kept) == size and place >= -kept[0][0]:
            return
        self._offered += 1
        small = None if image is None else _small(image)
        entry = (-place, -self._offered, {**record, "title": title, "text": text, "image": small, "place": place})
        (heapq.heappush if len(kept) < size else heapq.heapreplace)(kept, entry)

    def table(self) -> pa.Table:
        """AUDIT_CANDIDATES, sorted by product type, attribute, decision and place."""
        rows = [entry for key in sorted(self._kept) for _, _, entry in sorted(self._kept[key], reverse=True)]
        return pa.Table.from_pylist(rows, AUDIT_CANDIDATES)


@lru_cache(maxsize=16)
def _small(image: bytes) -> bytes:
    """A product's image for people, made once for all its attributes."""
    return shrink_image(image, IMAGE_SIDE)


def merge_samples(samples: Iterable[pa.Table]) -> pa.Table:
    """Merges the AUDIT_CANDIDATES of several partitions."""
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for sample in samples:
        for row in sample.to_pylist():
            rows[row["product_type"], row["attribute"], row["decision"]].append(row)
    first = [
        row
        for key in sorted(rows)
        for row in sorted(rows[key], key=lambda row: (row["place"], row["product_id"]))[: PER_CELL[key[2]]]
    ]
    return pa.Table.from_pylist(first, AUDIT_CANDIDATES)


def draw_audit(sample: pa.Table, numbers: Mapping[tuple[str, str], int], size: int, decision: str = FILLED) -> pa.Table:
    """About ``size`` rows (AUDIT) of one decision for people to judge, the cells with most of them first.

    Args:
        numbers: product type and attribute -> how many rows there are of this decision.
        decision: filled, or contradicts: labels that an accepted prediction contradicts.
    """
    by_cell: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in sample.to_pylist():
        if row["decision"] == decision:
            by_cell[row["product_type"], row["attribute"]].append(row)
    chosen: list[dict[str, Any]] = []
    for cell in sorted(by_cell, key=lambda cell: (-numbers[cell], cell)):
        if len(chosen) >= size:
            break
        chosen += [{**row, "filled": numbers[cell], "verdict": None} for row in by_cell[cell]]
    return pa.Table.from_pylist(chosen, AUDIT)


def with_verdicts(audit: pa.Table, verdicts: Path, where: str) -> pa.Table:
    """AUDIT with the verdicts of a file with the columns product_id, attribute, prediction, verdict.

    The audit page makes a CSV; a spreadsheet that has opened it may write it again in another encoding, with another
    delimiter, or as a workbook.

    Raises:
        CatalogError: the file is not one of verdicts, has an unknown verdict, or names a row that is not in the audit.
    """
    table = open_table(where, verdicts)
    missing = [name for name in (*KEY, "verdict") if name not in table.columns]
    if missing:
        needed = ", ".join((*KEY, "verdict"))
        raise CatalogError(f"{where}: column {missing[0]!r} is missing; a file of verdicts has {needed}")
    records = audit.to_pylist()
    place = {tuple(row[name] for name in KEY): index for index, row in enumerate(records)}
    judged: dict[tuple[str, ...], str] = {}
    for number, row in enumerate(table.filled_rows(), start=1):
        if isinstance(row, RowError):
            raise CatalogError(f"{where} is not a file of verdicts: {row.detail}")
        try:
            product, attribute, value, verdict = (
                read(row.get(name)) or "" for name, read in zip((*KEY, "verdict"), _READ, strict=True)
            )
        except ValueError as error:  # a number that a spreadsheet has rounded
            raise CatalogError(f"{where}: row {number}: {error}") from error
        said, key = f"{where}: row {number}: product {product}, {attribute}", (product, attribute, value)
        if key not in place:
            raise CatalogError(f"{said}: {value!r} is not a row of this audit")
        if judged.setdefault(key, verdict) != verdict:
            raise CatalogError(f"{said} has another verdict above; keep one")
        records[place[key]]["verdict"] = verdict or None
    return checked_verdicts(pa.Table.from_pylist(records, AUDIT), where)


def checked_verdicts(audit: pa.Table, where: str) -> pa.Table:
    """``audit`` with its verdicts in lower case.

    Raises:
        CatalogError: the table is not an AUDIT, a row has a null, or a verdict is not right, wrong or unclear.
    """
    needless = ("image", "title", "text", "attribute_id", "value_id", "source_weights")
    missing = [name for name in AUDIT.names if name not in audit.column_names and name not in needless]
    if missing:
        raise CatalogError(f"{where} is not an audit: column {missing[0]!r} is missing")
    try:
        records = pa.Table.from_pylist(audit.to_pylist(), AUDIT).to_pylist()
    except (pa.ArrowException, TypeError) as error:
        raise CatalogError(f"{where} is not an audit: {str(error).splitlines()[0]}") from error
    for number, row in enumerate(records):
        for name in _NEVER_NULL:
            if row[name] is None:
                raise CatalogError(f"{where} is not an audit: row {number} has no {name}")
    for row in records:
        row["verdict"] = (row["verdict"] or "").strip().lower() or None
    unknown = Counter(row["verdict"] for row in records if row["verdict"] not in (None, *VERDICTS))
    if unknown:
        first = next(iter(unknown))[:50]
        raise CatalogError(f"{where}: verdict {first!r} is unknown; allowed are {', '.join(VERDICTS)}")
    return pa.Table.from_pylist(records, AUDIT)
