"""Writes sellers' files for tests, and reads them."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from moemoe.catalog.layouts.columns import REQUIRED
from moemoe.catalog.read import read_batches
from moemoe.catalog.reading import Reading
from moemoe.schemas import CATALOG
from moemoe.sources import MOST_IMAGES


@dataclass
class Read:
    """The rows that are products, those that are quarantined (reason and detail), and how the file was read."""

    products: list[dict]
    aside: list[tuple[str, str]] = field(default_factory=list)
    how: Reading | None = None

    @property
    def first(self) -> dict:
        return self.products[0]


def read(path: Path, required: Iterable[str] = REQUIRED) -> Read:
    found, told = Read([]), []
    unread = set()

    def quarantine(row: int, name: str, reason: str, detail: str) -> None:
        found.aside.append((reason, detail))
        unread.add(row)

    batches = read_batches(str(path), {}, quarantine, required=tuple(required), told=told.append)
    rows = pa.Table.from_batches(batches, CATALOG).to_pylist()
    for number, row in enumerate(rows):
        if number not in unread:
            row["attributes"] = dict(row["attributes"] or [])
            row["image"] = (row["image"] or {}).get("path")
            assert row.pop("images") is None  # one is kept; see images_of
            found.products.append(row)
    found.how = told[0]
    return found


def images_of(path: Path) -> list[list[str]]:
    """All images of each product, the first one first."""
    batches = read_batches(str(path), quarantine=lambda *_: None, images=MOST_IMAGES)
    rows = pa.Table.from_batches(batches, CATALOG).to_pylist()
    return [[image["path"] for image in (row["image"], *(row["images"] or [])) if image] for row in rows]


def write(path: Path, *lines: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def write_dicts(path: Path, columns: Sequence[str], *rows: Mapping[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path
