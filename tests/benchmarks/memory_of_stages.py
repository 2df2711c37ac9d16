"""Peak memory of splitting a catalog, and of measuring and comparing predictions of it, without the steps around them.

``python -m tests.benchmarks.memory_of_stages --products 100000 1000000 [--json]``: each stage and size in a process of
its own; titles, images and answers are drawn, ten labels a product, a tenth of the products in validation and a fifth
in test.
``tests.benchmarks.memory`` runs the whole flow, which takes hours at such sizes.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.contract.contract import Split
from moemoe.evaluation.measure import measure
from moemoe.evaluation.readiness import readiness
from moemoe.labels.parts import Batches
from moemoe.labels.split import Groups
from moemoe.registry.gate import Rules, decide
from moemoe.reporting.examples import choose
from moemoe.schemas import (
    AS_IS,
    IMAGE_BLANKED,
    NOT_APPLICABLE,
    PREDICTIONS,
    ROUTING,
    SOURCE_WEIGHTS,
    SPLIT_KEYS,
    TEXT_BLANKED,
    TITLE_ONLY,
    UNANSWERABLE,
)
from moemoe.table_parts import ListedParts

PART_PRODUCTS = 2048
LABELS = 10
TYPES = ["shirt", "kurta", "saree", "dress", "hat"]
VALUES = pa.array([*(f"value {i}" for i in range(12)), ""])
STAGES = ("split", "evaluate")


class Products:
    """So many products in parts; every fifth pair shares a title, every twentieth product has an image."""

    def __init__(self, number: int):
        self._number = number

    def __iter__(self) -> Iterator[pa.Table]:
        for first in range(0, self._number, 10 * PART_PRODUCTS):
            rows = range(first, min(first + 10 * PART_PRODUCTS, self._number))
            titles = [f"Shirt number {row // 2 * 2 if row % 5 == 0 else row}" for row in rows]
            images = [hashlib.sha256(b"%d" % row).hexdigest() if row % 20 == 0 else None for row in rows]
            yield pa.table({"product_id": [f"p{row}" for row in rows], "title": titles, "image_hash": images})


def split(products: int, folder: Path) -> None:
    """The groups and splits of a first run, and of a second one that keeps them."""
    for run, earlier in (("first", ()), ("second", Batches(folder / "first.parquet"))):
        groups = Groups(Products(products), Split(0.7, 0.1, 0.2), earlier)
        with pq.ParquetWriter(folder / f"{run}.parquet", SPLIT_KEYS, compression="zstd") as writer:
            for part in groups.splits():
                writer.write_table(part)


def evaluate(products: int, folder: Path) -> None:
    """All figures and examples of a run's predictions, and the gate's decision on another run's."""
    found = []
    for run, accuracy in (("own", 0.8), ("champion", 0.75)):
        found.append(ListedParts(str(folder / run), PREDICTIONS))
        with found[-1].writing() as writer:
            writer.write_all(_answers(products, accuracy))
    own, champion = found
    main = LABELS * (products // 10 + products // 5)
    answers = SimpleNamespace(
        predictions=own, probability=np.full(main, 0.5), routing=ROUTING.empty_table(), metrics={}
    )
    measured = measure(answers, TYPES[:2], {})
    readiness(measured.cells, measured.evaluation)
    choose(measured.cells, measured.evaluation)
    del measured
    decide(own, champion, "1", TYPES[:2], Rules())


def _answers(products: int, accuracy: float) -> Iterator[pa.Table]:
    """PREDICTIONS in every condition."""
    validation, test = products // 10, products // 5
    plan = [("validation", AS_IS, validation)]
    plan += [("test", condition, test) for condition in (AS_IS, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY)]
    plan += [("test", condition, min(400, test)) for condition in (UNANSWERABLE, NOT_APPLICABLE)]
    for shown, condition, number in plan:
        for first in range(0, number, PART_PRODUCTS):
            numbers = np.arange(first, min(first + PART_PRODUCTS, number))
            yield _part(numbers, shown, condition, accuracy)


def _part(numbers: np.ndarray, shown: str, condition: str, accuracy: float) -> pa.Table:
    rng, rows = np.random.default_rng(int(numbers[0])), len(numbers) * LABELS
    product = pa.array(np.repeat(np.arange(len(numbers)), LABELS))
    gold, right = rng.integers(0, 12, rows), rng.random(rows) < accuracy
    known = 0 if condition == NOT_APPLICABLE else 1
    weight = rng.random(rows)
    columns: dict[str, Any] = {
        "product_id": pa.array([f"{shown}-{number}" for number in numbers]).take(product),
        "product_type": pa.array([TYPES[number % len(TYPES)] for number in numbers]).take(product),
        "marketplace": pa.repeat("IN", rows),
        "group": pa.array([f"{number // 2:032x}" for number in numbers]).take(product),
        "attribute": pa.array([f"attribute {i}" for i in range(LABELS)] * len(numbers)),
        "split": pa.repeat(shown, rows),
        "condition": pa.repeat(condition, rows),
        "gold": pa.ListArray.from_arrays(np.arange(rows + 1, dtype=np.int32) * known, VALUES.take(pa.array(gold))),
        "prediction": VALUES.take(pa.array(np.where(right, gold, (gold + 1) % 13))),
        "confidence": np.clip(rng.beta(4, 2, rows) * 0.7 + 0.3 * right, 0, 1),
        "image_weight": weight,
        "text_weight": 1 - weight,
        "tolerance": pa.nulls(rows, pa.float64()),
        "source_weights": pa.nulls(rows, SOURCE_WEIGHTS),
    }
    flags = {name: rng.random(rows) < 0.3 for name in ("has_image", "explicit", "rare", "canonical", "unseen")}
    return pa.table({**columns, **flags}, schema=PREDICTIONS)


def measure_stage(stage: str, products: int) -> dict[str, float]:
    """Runs a stage in this process: MB at its peak, of which there were before it began, and CPU seconds."""
    before, start = _peak_mb(), time.process_time()
    with tempfile.TemporaryDirectory(prefix="moemoe-") as folder:
        {"split": split, "evaluate": evaluate}[stage](products, Path(folder))
    return {"peak_mb": _peak_mb(), "before_mb": before, "cpu_seconds": round(time.process_time() - start, 1)}


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return round(int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024 / 1e6, 1)


def main() -> None:
    """Prints a line for each stage and size and the growth between sizes, or one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, nargs="+", default=[100_000, 400_000])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        print(json.dumps(measure_stage(arguments.stage, arguments.products[0])))
        return
    found: dict[str, Any] = {}
    for stage in STAGES:
        sizes = {}
        for products in sorted(arguments.products):
            own = [
                sys.executable,
                "-m",
                "tests.benchmarks.memory_of_stages",
                "--stage",
                stage,
                "--products",
                str(products),
            ]
            sizes[products] = json.loads(subprocess.run(own, check=True, capture_output=True, text=True).stdout)
            print(f"{stage}, {products:,} products: {sizes[products]}", file=sys.stderr, flush=True)
        few, many = min(sizes), max(sizes)
        more = 1e6 * (sizes[many]["peak_mb"] - sizes[few]["peak_mb"])
        found[stage] = {**sizes, "bytes_a_product": round(more / (many - few)) if many > few else None}
    if arguments.json:
        print(json.dumps(found))
        return
    for stage, figures in found.items():
        print(f"{stage}: {figures['bytes_a_product']} bytes a product")


if __name__ == "__main__":
    main()
