"""What a product costs in each stage before training, and what 20 million cost: CPU seconds and bytes, measured.

``python -m tests.benchmarks.stages [--products 4000] [--json]``. Products as in ``tests.benchmarks.loader`` (a
256 x 256 JPEG, a text of 600 characters) with ten raw labels each. CPU time of the process, all threads.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.batches.tokenizer import train_tokenizer
from moemoe.catalog.products import collect_products, read_products_with_images
from moemoe.contract.load import load_contract
from moemoe.schemas import CATALOG, LABELS
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.tokens import Tokens
from moemoe.shards.write import write_manifest, write_payload
from tests.benchmarks.loader import SIZE, VOCABULARY, make_products
from tests.benchmarks.loader_peers import Products
from tests.benchmarks.normalize import CONTRACT

SCALE = 20_000_000
LABELS_A_PRODUCT = 10


def write_catalog(folder: Path, count: int) -> Path:
    """The products as a seller's Parquet file."""
    make_products(folder, count)
    products = Products(folder)
    raw = [(f"key {i}", f"value {i}") for i in range(LABELS_A_PRODUCT)]
    rows = [
        {"product_id": f"p{i}", "marketplace": "IN", "product_type": "shirt", "title": text[:60], "bullet_points": [],
         "description": text[60:], "image": {"bytes": image, "path": None}, "attributes": raw}
        for i, (image, text, _) in enumerate(products[i] for i in range(count))
    ]  # fmt: skip
    path = folder / "catalog.parquet"
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path, row_group_size=1024)
    return path


def make_labels(count: int) -> pa.Table:
    """Ten canonical labels a product."""
    draw = np.random.default_rng(0)
    product = np.repeat(np.arange(count), LABELS_A_PRODUCT)
    ids = pa.array([f"p{i}" for i in range(count)])
    groups = pa.array([f"{i:064x}" for i in range(count)])
    attributes = pa.array([f"attribute {i}" for i in range(LABELS_A_PRODUCT)] * count)
    words = pa.array([[f"value {i}"] for i in range(200)], pa.list_(pa.string()))
    size = len(product)
    columns = [
        ids.take(product), pa.repeat("shirt", size), groups.take(product), pa.repeat("train", size), attributes,
        words.take(pa.array(draw.integers(0, 200, size))),
    ]  # fmt: skip
    return pa.table(columns, schema=LABELS)


def measure(count: int) -> dict[str, Any]:
    """Products per CPU second of each stage, bytes a product of each file."""
    rates: dict[str, int] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        start = time.process_time()
        found = work()
        rates[stage] = round(count / (time.process_time() - start))
        return found

    contract = load_contract(CONTRACT)
    with tempfile.TemporaryDirectory(prefix="moemoe-") as name:
        folder = Path(name)
        partitions, root = [str(write_catalog(folder, count))], str(folder / "root")
        parts = timed("validate", lambda: list(collect_products(partitions, contract)))
        products = pa.concat_tables(part.products for part in parts)
        with_images = read_products_with_images(partitions, [products], contract)
        shards = timed("shard", lambda: write_payload(with_images, root))
        labels, splits = make_labels(count), pa.table({"key": ["x"], "split": ["train"]}).to_batches()
        pairs = [(products["product_id"], labels)]
        manifest, uri = timed("manifest", lambda: write_manifest(shards, pairs, splits, root, "benchmark", "none"))
        dataset = ShardedDataset(uri, folder)
        texts = [text or "" for text in dataset.texts(0, "text")]
        tokenizer = train_tokenizer(texts[:1000], VOCABULARY)
        tokens = Tokens(dataset, lambda texts: tokenizer(list(texts))["input_ids"], "benchmark")
        timed("tokens", lambda: tokens.write(range(len(shards))))
        images, pixels_HWC = ImageReader("benchmark"), np.empty((SIZE, SIZE, 3), np.uint8)
        timed("decode", lambda: [images.read(dataset.image(row), str, pixels_HWC) for row in range(count)])
        sizes = {
            "catalog": Path(partitions[0]).stat().st_size,
            "payload": sum(shard.bytes for shard in manifest.shards),
            "labels": manifest.sidecar.bytes,
            "mapped labels": sum(file.bytes for file in manifest.mapped_labels),
            "tokens": sum(file.stat().st_size for file in (folder / "root" / "tokens").iterdir()),
        }
    return {
        "products_per_cpu_second": rates,
        "bytes_a_product": {name: round(size / count) for name, size in sizes.items()},
        "core_minutes_of_20_million": {name: round(SCALE / rate / 60) for name, rate in rates.items()},
        "gigabytes_of_20_million": {name: round(size / count * SCALE / 1e9, 1) for name, size in sizes.items()},
    }


def main() -> None:
    """Prints the figures, as one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=4000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.products)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, values in figures.items():
        print(name.replace("_", " "))
        for stage, value in values.items():
            print(f"  {stage:14} {value:>12,}")


if __name__ == "__main__":
    main()
