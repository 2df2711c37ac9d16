"""Peak memory of what the steps after the shards ask of all labels, on generated ones.

``python -m tests.benchmarks.label_counts [--labels 4000000]``

Majority values counted from the mapped files' codes, beside the way that has all labels in memory first (the results
are checked to be equal); and what is new since another manifest of which 1 % of the products are relabelled. Each in a
process of its own: its wall time, its peak resident memory, and that of the imports alone.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa

from moemoe.catalog.products import PART_ROWS
from moemoe.evaluation.evaluate import majority_values
from moemoe.schemas import LABELS
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.manifest import PAYLOAD
from moemoe.shards.manifest_diff import diff_manifests
from moemoe.shards.write import write_manifest, write_payload

ATTRIBUTES, VALUES, TYPES = 10, 40, 30


def labels_of(part: int, relabelled: bool) -> tuple[pa.Table, pa.Table]:
    """Payload without images, and LABELS, of PART_ROWS products with ATTRIBUTES labels each."""
    draw = np.random.default_rng(part)
    ids = pa.array([f"product-{part:04d}-{row:06d}" for row in range(PART_ROWS)])
    value = draw.integers(0, VALUES, (PART_ROWS, ATTRIBUTES))
    if relabelled:
        value[::100, 0] = (value[::100, 0] + 1) % VALUES
    product = pa.array(np.repeat(np.arange(PART_ROWS), ATTRIBUTES))
    words = pa.array([f"value {v}" for v in range(VALUES)]).take(pa.array(value.ravel()))
    columns = {
        "product_id": ids.take(product),
        "product_type": pa.array([f"type {t}" for t in range(TYPES)]).take(
            pa.array(np.repeat(draw.integers(0, TYPES, PART_ROWS), ATTRIBUTES))
        ),
        "group": ids.take(product),
        "split": pa.array(["train", "validation", "test"]).take(
            pa.array(np.repeat(draw.choice(3, PART_ROWS, p=[0.8, 0.1, 0.1]), ATTRIBUTES))
        ),
        "attribute": pa.array([f"attribute {a}" for a in range(ATTRIBUTES)] * PART_ROWS),
        "values": pa.ListArray.from_arrays(np.arange(len(words) + 1, dtype=np.int32), words),
    }
    payload = {field.name: pa.nulls(PART_ROWS, field.type) for field in PAYLOAD}
    return pa.table({**payload, "product_id": ids}, PAYLOAD), pa.table(columns, LABELS)


def write(root: str, parts: int, relabelled: bool = False) -> str:
    shards = write_payload((labels_of(part, relabelled)[0] for part in range(parts)), root)
    labels = ((payload["product_id"], own) for payload, own in (labels_of(part, relabelled) for part in range(parts)))
    splits = pa.table({"key": pa.array([], pa.string()), "split": pa.array([], pa.string())})
    return write_manifest(shards, labels, splits.to_batches(), root, "30pt", f"contract {relabelled}")[1]


def in_memory(manifest: str, other: str) -> dict[str, str]:
    counts: defaultdict = defaultdict(Counter)
    with tempfile.TemporaryDirectory() as scratch:
        for row in ShardedDataset(manifest, scratch).labels.to_pylist():
            if row["split"] == "train":
                counts[row["product_type"], row["attribute"]].update(row["values"])
    return {"/".join(cell): value for cell, value in sorted(majority_values(counts).items())}


def counted(manifest: str, other: str) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as scratch:
        counts = ShardedDataset(manifest, scratch).cell_value_counts("train")
    return {"/".join(cell): value for cell, value in sorted(majority_values(counts).items())}


def news(manifest: str, other: str) -> dict[str, int]:
    return vars(diff_manifests(manifest, other))


WAYS = {"majority values, all labels in memory": in_memory, "majority values, counted": counted, "news": news}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=int, default=4_000_000)
    parser.add_argument("--way", choices=WAYS)
    parser.add_argument("--manifests", nargs=2)
    arguments = parser.parse_args()
    if arguments.way:
        imports, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
        found = WAYS[arguments.way](*arguments.manifests)
        seconds = time.monotonic() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"found": found, "seconds": seconds, "MiB": peak / 1024, "imports": imports / 1024}))
        return
    parts = max(1, arguments.labels // (PART_ROWS * ATTRIBUTES))
    with tempfile.TemporaryDirectory() as root:
        manifests = [write(root, parts), write(root, parts, relabelled=True)]
        results = {}
        for way in WAYS:
            command = [sys.executable, "-m", "tests.benchmarks.label_counts", "--way", way, "--manifests", *manifests]
            results[way] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    print(f"{parts * PART_ROWS * ATTRIBUTES:,} labels of {parts * PART_ROWS:,} products")
    for way, result in results.items():
        print(f"{way}: {result['seconds']:.1f} s, {result['MiB']:,.0f} MiB (imports {result['imports']:,.0f})")
    memory, codes, _ = WAYS
    assert results[memory]["found"] == results[codes]["found"]
    print(results["news"]["found"])


if __name__ == "__main__":
    main()
