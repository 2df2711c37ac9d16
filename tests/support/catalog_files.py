"""Catalog files for the tests of reading, and helpers that read them."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.read import read_batches
from moemoe.catalog.reading import Reading
from moemoe.schemas import CATALOG

ROW = {
    "product_id": "p1",
    "marketplace": "IN",
    "product_type": "Kurtas",
    "title": "लाल कुर्ता",
    "bullet_points": ["soft", "red"],
    "description": "d" * 50_000,
    "image": {"bytes": b"raw", "path": None},
    "images": None,
    "attributes": [("baseColour", "Red"), ("Neck", None)],
}
REQUIRED = {"product_id": "p1", "product_type": "Kurtas", "title": "Red kurta"}


def rows_of(path, columns=None, **options) -> list[dict]:
    return pa.Table.from_batches(read_batches(str(path), columns, **options), CATALOG).to_pylist()


def write_parquet(path: Path, **columns) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def write_lines(path: Path, *rows) -> Path:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def minimal(**columns) -> dict:
    attributes = pa.array([[("baseColour", "Red")]], pa.map_(pa.string(), pa.string()))
    return {name: [value] for name, value in REQUIRED.items()} | {"attributes": attributes} | columns


def read_as(path, columns=None, **options) -> Reading:
    """How a file was read, whatever becomes of its bad rows."""
    told: list[Reading] = []
    list(read_batches(str(path), columns, lambda *_: None, told=told.append, **options))
    (one,) = told
    return one
