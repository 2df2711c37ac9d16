"""A synthetic catalog straight into shards: JPEGs, texts of about 600 characters, 15 attributes.

The color is in the image, everything else in the text, so that a loss that falls has read both.
"""

import hashlib
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from moemoe.schemas import LABELS
from moemoe.shards.manifest import PAYLOAD
from tests.support.small_shards import write_shards

COLORS = {
    "Red": (200, 30, 30), "Blue": (30, 30, 200), "Green": (30, 160, 30), "Black": (20, 20, 20),
    "White": (235, 235, 235), "Yellow": (220, 210, 40), "Pink": (230, 120, 170), "Brown": (110, 70, 40),
}  # fmt: skip
ATTRIBUTES = (
    "material", "pattern", "neck style", "sleeve length", "fit type", "occasion", "season", "closure", "collar",
    "hemline", "wash care", "department", "age range", "country of origin",
)  # fmt: skip
VALUES = 8
#: Products have one of so many images and one of so many tails of their texts.
DISTINCT = 256
_SYLLABLES = ("ka", "shi", "ro", "mel", "ton", "vi", "dra", "lo", "pen", "su", "ber", "qui", "na", "tor", "el", "ash")


def attribute_values() -> dict[str, list[str]]:
    """Every attribute's values."""
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(_SYLLABLES, 3)).capitalize() for _ in range(4 * VALUES * len(ATTRIBUTES))]
    distinct = list(dict.fromkeys(words))
    start = range(0, VALUES * len(ATTRIBUTES), VALUES)
    texts = {name: distinct[i : i + VALUES] for name, i in zip(ATTRIBUTES, start, strict=True)}
    return {"color": list(COLORS), **texts}


def write_products(root: Path, count: int, size: int, attributes: int = 1 + len(ATTRIBUTES)) -> str:
    """Writes ``count`` products and returns the manifest's URI; a tenth is validation, a tenth test.

    Args:
        size: pixels a side of the images.
        attributes: so many, the color among them, have labels.
    """
    draw = np.random.default_rng(1)
    values = attribute_values()
    asked = list(values)[:attributes]
    images = [_image(color, size, draw) for color in COLORS.values() for _ in range(DISTINCT // len(COLORS))]
    tails = [" ".join("".join(draw.choice(_SYLLABLES, 3)) for _ in range(30)) for _ in range(DISTINCT)]
    products, labels = [], []
    for i in range(count):
        color = i % len(COLORS)
        chosen = {name: values[name][draw.integers(VALUES)] for name in ATTRIBUTES}
        parts = [f"{name} {value}" for name, value in chosen.items()]
        products.append({
            "product_id": f"p{i}",
            "marketplace": "IN",
            "title": f"shirt {' '.join(parts[:3])}",
            "bullet_points": parts[3:9],
            "description": f"{', '.join(parts[9:])}. {tails[draw.integers(DISTINCT)]}",
            "image": images[color * (DISTINCT // len(COLORS)) + int(draw.integers(DISTINCT // len(COLORS)))],
        })  # fmt: skip
        common = {
            "product_id": f"p{i}",
            "product_type": "shirt",
            "group": hashlib.sha256(str(i).encode()).hexdigest(),
            "split": {0: "validation", 1: "test"}.get(i // len(COLORS) % 10, "train"),
        }
        given = {"color": list(COLORS)[color], **chosen}
        labels += [{**common, "attribute": name, "values": [value]} for name, value in given.items() if name in asked]
    tables = pa.Table.from_pylist(products, PAYLOAD), pa.Table.from_pylist(labels, LABELS)
    return write_shards(root, *tables)


def _image(color: tuple[int, int, int], size: int, draw: np.random.Generator) -> bytes:
    """A JPEG of one color under noise; of 256 pixels a side it has about 15 KB."""
    small = np.array(color) + draw.integers(-40, 40, (max(size // 10, 1), max(size // 10, 1), 3))
    large = Image.fromarray(small.clip(0, 255).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
    pixels = np.asarray(large).astype(np.int16) + draw.integers(-6, 6, (size, size, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()
