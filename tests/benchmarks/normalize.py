"""Label normalization with the 30pt contract, beside Python ``re``, pandas and polars; then a catalog of any size.

``python -m tests.benchmarks.normalize [--labels 2000000] [--repeats 5] [--catalog-labels 200000000] [--json]``

First labels per second and core on the same rules and outputs (which is checked): CPU seconds of one thread, runs
interleaved, medians. The raw labels are drawn from the spellings of the contract, dirtied by case, blanks and
multi-values, so most go through lookup, some through rules. polars runs in a venv of its own that is made once in the
temporary folder. Then products of ten labels each, generated part by part, through normalization and the rare-value
filter as in the flow, with Parquet in between: wall time and peak resident memory of a process of its own.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.products import PART_ROWS
from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract
from moemoe.contract.text import normalize_text
from moemoe.labels.label_parts import filter_parts, normalize_parts
from moemoe.labels.normalize import Normalizer
from moemoe.schemas import PRODUCTS
from tests.benchmarks import normalize_peers

CONTRACT = Path(__file__).parents[2] / "data_contracts" / "30pt" / "contract.yaml"
#: Raw labels that the peers are timed on; their rates do not depend on the number.
PEER_LABELS = 100_000
LABELS_A_PRODUCT = 10
POLARS = "polars==2.1.0"


def make_products(contract: Contract, rows: int, seed: int = 0, attributes: int | None = None) -> pa.Table:
    """PRODUCTS with a raw label for each attribute of the contract, or some of them."""
    draw = np.random.default_rng(seed)
    keys, spellings, codes = [], [], []
    for attribute in list(contract.attributes.values())[:attributes]:
        raw = [text for value, aliases in attribute.values.items() for text in (value, *aliases)]
        raw += [text.upper() for text in raw[::2]] + [f"  {text} " for text in raw[::3]] + ["NA", "xyz"]
        raw += [f"{a}, {b}" for a, b in zip(raw[::5], raw[1::5], strict=False)] + [f"dark {text}" for text in raw[::7]]
        codes.append(len(spellings) + draw.integers(0, len(raw), rows))
        spellings += raw
        keys.append(attribute.keys[-1])
    values = pa.array(spellings).take(pa.array(np.stack(codes, axis=1).ravel()))
    names = pa.array(keys).take(pa.array(np.tile(np.arange(len(keys)), rows)))
    maps = pa.MapArray.from_arrays(np.arange(0, len(values) + 1, len(keys), dtype=np.int32), names, values)
    columns = {name: pa.nulls(rows, field.type) for name, field in zip(PRODUCTS.names, PRODUCTS, strict=True)}
    types = pa.array(list(contract.product_types))
    columns["product_id"] = pa.array([f"{seed}-{row}" for row in range(rows)])
    columns["product_type"] = types.take(pa.array(np.arange(rows) % len(types)))
    columns["attributes"] = maps
    return pa.table(columns, schema=PRODUCTS)


def plan_of(contract: Contract) -> normalize_peers.Plan:
    """What the peers need of the contract."""
    keys = {
        normalize_text(attribute.keys[-1]): {
            "attribute": attribute.name,
            "lookup": attribute.lookup(),
            "separators": re.sub(r"\((?!\?)", "(?:", f"(?i){attribute.separators}"),
            "rules": [(re.sub(r"\((?!\?)", "(?:", f"(?i){r.match}"), r.value) for r in attribute.rules],
        }
        for attribute in contract.attributes.values()
    }
    return {"missing": sorted(contract.normalized_missing()), "keys": keys}


def measure(labels: int, repeats: int) -> dict:
    """Medians of labels per CPU second for all, and ours over each peer's."""
    contract = load_contract(CONTRACT)
    plan = plan_of(contract)
    products = make_products(contract, -(-labels // len(contract.attributes)))
    few = make_products(contract, -(-PEER_LABELS // len(contract.attributes)), seed=1)
    maps = few["attributes"].combine_chunks()
    rows = pa.table(
        {
            "product": np.repeat(np.arange(len(few)), np.diff(maps.offsets.to_numpy())),
            "key": [normalize_text(key) for key in maps.keys.to_pylist()],
            "raw": maps.items,
        }
    )
    fast = Normalizer(contract).labels(few)
    number = {product_id: i for i, product_id in enumerate(few["product_id"].to_pylist())}
    expected = {(number[label["product_id"]], label["attribute"], tuple(label["values"])) for label in fast.to_pylist()}
    columns = rows.to_pydict()
    rates: dict[str, list[float]] = {name: [] for name in ("ours", "python re", "pandas", "polars")}

    def timed(name: str, number_of_labels: int, seconds: float, found: normalize_peers.Labels | None) -> None:
        if found is not None and {(p, a, tuple(v)) for p, a, v in found} != expected:
            raise SystemExit(f"{name} gives other labels")
        rates[name].append(number_of_labels / seconds)

    with tempfile.TemporaryDirectory(prefix="moemoe-") as folder:
        for _ in range(repeats):
            start = time.process_time()
            Normalizer(contract).labels(products)
            timed("ours", len(products) * len(contract.attributes), time.process_time() - start, None)
            for name, function in (("python re", normalize_peers.with_re), ("pandas", normalize_peers.with_pandas)):
                start = time.process_time()
                found = function(columns, plan)
                timed(name, len(rows), time.process_time() - start, found)
            polars = _polars(rows, plan, Path(folder))
            timed("polars", len(rows), min(polars["seconds"]), polars["labels"])
    median = {name: statistics.median(found) for name, found in rates.items()}
    return {
        "labels_per_second": round(median["ours"]),
        "vs": {name: round(median["ours"] / rate, 1) for name, rate in median.items() if name != "ours"},
        "details": {name: [round(rate) for rate in found] for name, found in rates.items()},
    }


def _polars(rows: pa.Table, plan: normalize_peers.Plan, folder: Path) -> dict:
    """Two runs in a fresh process of one thread, the first of which warms up."""
    place = Path(tempfile.gettempdir()) / "moemoe-peers" / "polars"
    python = place / "bin" / "python"
    if not (place / "ready").exists():
        venv.create(place, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", POLARS], check=True)
        (place / "ready").touch()
    pq.write_table(rows, folder / "rows.parquet")
    (folder / "plan.json").write_text(json.dumps(plan))
    files = [str(folder / name) for name in ("rows.parquet", "plan.json", "out.json")]
    env = {"POLARS_MAX_THREADS": "1", "PATH": os.environ["PATH"]}
    subprocess.run([python, normalize_peers.__file__, *files, "2"], check=True, env=env)
    return json.loads((folder / "out.json").read_text())


def normalize_catalog(labels: int) -> dict:
    """Generates, normalizes and filters so many raw labels; wall seconds of each, peak memory of this process."""
    contract = load_contract(CONTRACT)
    generated = 0.0

    def parts() -> Iterator[pa.Table]:
        nonlocal generated
        for seed, first in enumerate(range(0, labels // LABELS_A_PRODUCT, PART_ROWS)):
            start = time.perf_counter()
            rows = min(PART_ROWS, labels // LABELS_A_PRODUCT - first)
            part = make_products(contract, rows, seed, LABELS_A_PRODUCT)
            generated += time.perf_counter() - start
            yield part

    with tempfile.TemporaryDirectory(prefix="moemoe-") as folder:
        start = time.perf_counter()
        normalized = normalize_parts(parts(), contract, f"{folder}/labels-all", f"{folder}/contradictions.parquet")
        middle = time.perf_counter()
        frequent = filter_parts(normalized.labels, contract, f"{folder}/labels-frequent")
        end = time.perf_counter()
    wall = end - start - generated
    return {
        "labels": labels,
        "peak_rss_gib": round(_peak_rss_kib() / 2**20, 2),
        "wall_seconds": round(wall, 1),
        "labels_per_second": round(labels / wall),
        "normalize_seconds": round(middle - start - generated, 1),
        "filter_seconds": round(end - middle, 1),
        "generation_seconds": round(generated, 1),
        "labels_left": frequent.number,
    }


def _peak_rss_kib() -> int:
    """Of this process alone: getrusage's figure also holds that of the process that started it."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


def main() -> None:
    """Prints the figures, as one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--catalog-labels", type=int, default=200_000_000)
    parser.add_argument("--part", choices=["catalog"], help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.part:
        print(json.dumps(normalize_catalog(arguments.catalog_labels)))
        return
    figures = measure(arguments.labels, arguments.repeats)
    own = [sys.executable, "-m", "tests.benchmarks.normalize", "--part", "catalog"]
    own += ["--catalog-labels", str(arguments.catalog_labels)]
    catalog = json.loads(subprocess.run(own, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
    figures |= {"labels": catalog["labels"], "peak_rss_gib": catalog["peak_rss_gib"], "catalog": catalog}
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{figures['labels_per_second']:,} labels per second and core on repeated values")
    for name, times in figures["vs"].items():
        print(f"{times} times {name} on every raw label")
    print(
        f"{catalog['labels']:,} labels in {catalog['wall_seconds']:,} s ({catalog['labels_per_second']:,} a second), "
        f"at most {catalog['peak_rss_gib']} GiB"
    )


if __name__ == "__main__":
    main()
