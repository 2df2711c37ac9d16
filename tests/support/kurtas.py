"""A handwritten catalog of kurtas, with images in one colour, and its contract."""

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from moemoe.contract.load import load_contract
from moemoe.schemas import CATALOG


def draw_image(color="red", size=(12, 16), kind="JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def product(product_id, data=None, path=None, **columns) -> dict:
    image = None if data is None and path is None else {"bytes": data, "path": path}
    row = {"product_id": product_id, "marketplace": "IN", "product_type": "Kurtas", "title": f"Kurta {product_id}"}
    return {**row, "image": image, "attributes": [("baseColour", "Red")], **columns}


def write(path: Path, rows: list[dict]) -> str:
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path)
    return str(path)


def make_contract(folder: Path, share: float):
    path = folder / "contract.yaml"
    path.write_text(
        "dataset: small\nproduct_types: {kurta: [Kurtas]}\n"
        "attributes: {color: {keys: [baseColour], values: {Red: []}}}\n"
        f"max_quarantine_share: {share}\n"
    )
    return load_contract(path)


def reasons(collected) -> list[tuple]:
    return [(e["product_id"], e["field"], e["reason"]) for e in collected.quarantine.to_pylist()]
