"""Peak memory and wall time of every step of TrainFlow on a made-up catalog of any size, and what a product adds.

``python -m tests.benchmarks.memory --products 50000 200000 [--model tf-idf] [--runs 2] [--json]``. Products are those
of the sample catalog in other words: texts and raw labels of a few thousand, each with a title of its own, every
twentieth with an image. With ``--runs 2`` a second run follows on the same root, so that earlier splits are kept and
the gate judges against a champion.

A step is a process that Metaflow starts; its peak is the kernel's (VmHWM), its anonymous memory (RssAnon: without the
pages of memory-mapped files, which the kernel takes back when it needs them) is sampled ten times a second.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import CATALOG

FLOW = Path(__file__).parents[2] / "flows" / "train_flow.py"
#: Distinct products that all others are made of.
POOL = 4000
PRODUCTS_PER_FILE = 100_000
ROWS_PER_GROUP = 10_000
#: One product in so many has an image.
IMAGES = 20
SECONDS_BETWEEN_SAMPLES = 0.1
#: Four of these words make a title unlike all others, and the vocabulary of all titles stays small.
WORDS = [f"{a}{b}" for a in ("bel", "cor", "dan", "fel", "gil", "hor", "jas", "kel") for b in ("a", "en", "ia", "or")]


def write_catalog(folder: Path, products: int) -> str:
    """Writes Parquet files of the CATALOG schema under ``folder``; returns the glob that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    pool = pq.read_table(write_sample_catalog(folder / "pool", products=min(POOL, products))).combine_chunks()
    (folder / "pool").unlink()
    for start in range(0, products, PRODUCTS_PER_FILE):
        stop = min(start + PRODUCTS_PER_FILE, products)
        with pq.ParquetWriter(folder / f"products-{start:09d}.parquet", CATALOG, compression="zstd") as writer:
            for first in range(start, stop, ROWS_PER_GROUP):
                writer.write_table(_rows(pool, np.arange(first, min(first + ROWS_PER_GROUP, stop))))
    return f"{folder}/*.parquet"


def _rows(pool: pa.Table, numbers: np.ndarray) -> pa.Table:
    """The products with these numbers."""
    chosen = np.random.default_rng(int(numbers[0])).integers(0, len(pool), len(numbers))
    rows = pool.take(pa.array(chosen))
    base = len(WORDS)
    digits = (numbers[:, None] // base ** np.arange(4)) % base
    names = pc.binary_join_element_wise(*(pa.array(WORDS).take(pa.array(digits[:, d])) for d in range(4)), " ")
    images: list[dict[str, Any] | None] = [None] * len(numbers)
    for index in range(0, len(numbers), IMAGES):
        if (image := rows["image"][index].as_py()) is not None:  # bytes behind a JPEG's end make it another file
            images[index] = {"bytes": image["bytes"] + int(numbers[index]).to_bytes(8, "big"), "path": None}
    columns = {
        "product_id": pc.binary_join_element_wise("p", pa.array(numbers).cast(pa.string()), ""),
        "title": pc.binary_join_element_wise(rows["title"], names, " "),
        "image": pa.array(images, CATALOG.field("image").type),
    }
    for name, column in columns.items():
        rows = rows.set_column(rows.schema.get_field_index(name), CATALOG.field(name), column)
    return rows


@dataclass
class Process:
    """What a process of the flow has needed so far: bytes at most, and when it was seen first and last."""

    name: str
    peak: int
    anonymous: int
    first: float
    last: float


def measure_run(catalog: str, root: Path, model: str) -> dict[str, dict[str, float]]:
    """Runs TrainFlow on a catalog; per step the MB of its largest process, and its wall seconds.

    Raises:
        SystemExit: the run failed; its output is the message.
    """
    root.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(root),
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_USER": "benchmark",
        "MLFLOW_TRACKING_URI": f"sqlite:///{root / 'mlflow.db'}",
    }
    command = [sys.executable, FLOW, "run", "--catalog", catalog, "--model", model, "--root", str(root / "root")]
    found: dict[int, Process] = {}
    with open(root / "output.txt", "ab") as output:
        flow = subprocess.Popen(command, env=environment, cwd=root, stdout=output, stderr=output)
        while flow.poll() is None:
            for pid, name in _below(flow.pid, "flow"):
                _look(found, pid, name)
            time.sleep(SECONDS_BETWEEN_SAMPLES)
    if flow.returncode:
        raise SystemExit((root / "output.txt").read_text()[-5000:])
    steps: dict[str, dict[str, float]] = {}
    for each in sorted(found.values(), key=lambda process: process.first):
        own = steps.setdefault(each.name, {"peak_mb": 0, "anonymous_mb": 0, "seconds": 0})
        own["peak_mb"] = max(own["peak_mb"], round(each.peak / 1e6, 1))
        own["anonymous_mb"] = max(own["anonymous_mb"], round(each.anonymous / 1e6, 1))
        own["seconds"] = max(own["seconds"], round(each.last - each.first, 1))
    return steps


def _below(pid: int, name: str) -> Iterator[tuple[int, str]]:
    """A process and all below it, each with the step that it belongs to."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        children = [c for task in Path(f"/proc/{pid}/task").iterdir() for c in (task / "children").read_text().split()]
    except OSError:  # it has ended
        return
    if "step" in arguments:
        name = arguments[arguments.index("step") + 1]
    elif "moemoe.training.run" in arguments:
        name = "train (process)"
    yield pid, name
    for child in children:
        yield from _below(int(child), name)


def _look(found: dict[int, Process], pid: int, name: str) -> None:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return
    figures = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmHWM", "RssAnon"))}
    if len(figures) < 2:  # a zombie
        return
    now = time.monotonic()
    process = found.setdefault(pid, Process(name, 0, 0, now, now))
    process.name, process.last = name, now
    process.peak = max(process.peak, int(figures["VmHWM"]) * 1024)
    process.anonymous = max(process.anonymous, int(figures["RssAnon"]) * 1024)


def growth(few: dict[str, dict[str, float]], many: dict[str, dict[str, float]], more: int) -> dict[str, dict[str, int]]:
    """Bytes that each of ``more`` products adds to the peak of a step."""
    return {
        step: {
            name: round((many[step][f"{name}_mb"] - few[step][f"{name}_mb"]) * 1e6 / more)
            for name in ("peak", "anonymous")
        }
        for step in few
        if step in many
    }


def measure(sizes: list[int], model: str, runs: int, folder: Path) -> dict[str, Any]:
    """Every size's runs, and the growth from the smallest to the largest."""
    found: dict[str, Any] = {}
    for products in sizes:
        own = folder / str(products)
        catalog = write_catalog(own / "catalog", products)
        for run in range(1, runs + 1):
            name = f"{products} products, run {run}"
            found[name] = measure_run(catalog, own, model)
            print(json.dumps({name: found[name]}), file=sys.stderr, flush=True)
        shutil.rmtree(own)
    if len(sizes) > 1:
        for run in range(1, runs + 1):
            few, many = (found[f"{n} products, run {run}"] for n in (min(sizes), max(sizes)))
            found[f"bytes a product, run {run}"] = growth(few, many, max(sizes) - min(sizes))
    return found


def main() -> None:
    """Prints a table, or one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, nargs="+", default=[20_000, 100_000])
    parser.add_argument("--model", default="tf-idf")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="Where catalogs and runs lie meanwhile; a temporary folder.")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="moemoe-", dir=arguments.folder) as folder:
        found = measure(arguments.products, arguments.model, arguments.runs, Path(folder))
    if arguments.json:
        print(json.dumps(found))
        return
    for title, steps in found.items():
        print(title)
        for step, figures in steps.items():
            print(
                f"  {step:16}" + "".join(f"  {value:>10,} {name.replace('_', ' ')}" for name, value in figures.items())
            )


if __name__ == "__main__":
    main()
