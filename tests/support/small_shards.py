"""A small labelled catalog as shards: the colour is in the image, the material in the title."""

import hashlib
import io

import numpy as np
import pyarrow as pa
from PIL import Image

from moemoe.schemas import FURTHER_IMAGES, LABELS
from moemoe.shards.manifest import PAYLOAD
from moemoe.shards.write import write_manifest, write_payload

COLORS = {"Red": (200, 30, 30), "Blue": (30, 30, 200), "Green": (30, 160, 30)}
MATERIALS = ("Cotton", "Silk", "Wool")


def draw_image(color: tuple[int, int, int], noise: int = 0) -> bytes:
    pixels = np.full((40, 30, 3), color, dtype=np.int16) + np.random.default_rng(noise).integers(-20, 20, (40, 30, 3))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def small_products(count: int) -> pa.Table:
    rows = [
        {
            "product_id": f"p{i}",
            "marketplace": "IN",
            "title": f"Brand {i % 7} {MATERIALS[i % 3]} shirt",
            "bullet_points": [f"point {i}"],
            "description": "soft " * (i % 5),
            "image": None if i % 11 == 10 else draw_image(list(COLORS.values())[i % 4 % 3], i),
        }
        for i in range(count)
    ]
    return pa.Table.from_pylist(rows, PAYLOAD)


def with_second_images(products: pa.Table) -> pa.Table:
    """With a second image of the next color for two of three products, one of them without a first; p4's is broken."""
    colors = list(COLORS.values())
    second = [None if i % 3 == 2 else [draw_image(colors[(i + 1) % 3], 1000 + i)] for i in range(products.num_rows)]
    second[4] = [b"no image"]
    return products.append_column(FURTHER_IMAGES, pa.array(second, FURTHER_IMAGES.type))


def small_labels(count: int) -> pa.Table:
    rows = []
    for i in range(count):
        split = "test" if i % 5 == 0 else "validation" if i % 5 == 1 else "train"
        common = {
            "product_id": f"p{i}",
            "product_type": "shirt",
            "group": hashlib.sha256(str(i).encode()).hexdigest(),
            "split": split,
        }
        rows.append({**common, "attribute": "color", "values": [list(COLORS)[i % 4 % 3]]})
        if i % 6:
            rows.append({**common, "attribute": "material", "values": [MATERIALS[i % 3]]})
    return pa.Table.from_pylist(rows, LABELS)


def small_shards(root, count: int = 60, cut_short: tuple[int, ...] = ()) -> str:
    """Writes them and returns the manifest's URI; the images of rows ``cut_short`` lack their end."""
    products = small_products(count)
    images = [image[:-200] if i in cut_short else image for i, image in enumerate(products["image"].to_pylist())]
    products = products.set_column(products.column_names.index("image"), "image", pa.array(images, pa.binary()))
    return write_shards(root, products, small_labels(count))


def write_shards(root, products: pa.Table, labels: pa.Table, contract_hash: str = "contract") -> str:
    slices = [products.slice(start, 16) for start in range(0, products.num_rows, 16)]
    splits = pa.table({"key": labels["group"], "split": labels["split"]})
    shards = write_payload(slices, str(root))
    parts = [(products["product_id"], labels)]
    return write_manifest(shards, parts, splits.to_batches(), str(root), "30pt", contract_hash)[1]
