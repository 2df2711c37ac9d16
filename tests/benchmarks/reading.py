"""How fast a run's reader reads each layout: rows of the files' samples, each again with another id, per CPU second.

python -m tests.benchmarks.reading [--rows N] [--rounds R] [LAYOUT ...]
"""

import argparse
import gzip
import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from moemoe.catalog.convert import convert
from moemoe.catalog.read import read_batches
from tests.support.layout_samples import SAMPLES
from tests.support.seller_files import write

#: Layout -> what its sample's ids and handles begin with, and how many lines stand above its rows.
COPIED = {
    "own": (r"(?m)^1(?=,)", 1),
    "flat": (r"(?m)^1(?=,)", 1),
    "long": (r"(?m)^1(?=,)", 1),
    "shopify": (r"red-shirt", 1),
    "google": (r"(?m)^7(?=\t)", 1),
    "amazon": (r"RED-1", 3),
    "woocommerce": (r"(?m)^\d+(?=,)", 1),
    "magento": (r"(?m)^[^,]+(?=,)", 1),
    "bigcommerce": (r"\b100\b", 1),
    "flipkart": (r"(?m)^\w+(?=,)", 1),
    "kaggle-fashion": (r"(?m)^\d+(?=,)", 1),
    "amazon-reviews": (r'(?<="parent_asin": ")', 0),
    "abo": (r'(?<="item_id": \[\{"value": ")|(?<="item_id": ")', 0),
}
_LONG = ("product_id,product_type,title,attribute,value", "1,Shirts,Shirt,Color,Red", "1,,,Fit,Slim")


def many(layout: str, rows: int, folder: Path) -> Path:
    """A file of the layout's sample over and over."""
    sample = write(folder / "a.csv", *_LONG) if layout == "long" else SAMPLES[layout](folder)
    is_packed = sample.suffix == ".gz"
    text = (gzip.decompress(sample.read_bytes()) if is_packed else sample.read_bytes()).decode()
    ids, above = COPIED[layout]
    lines = text.splitlines(keepends=True)
    header, body = "".join(lines[:above]), "".join(lines[above:])
    copies = (re.sub(ids, rf"\g<0>x{i}", body) for i in range(rows))
    written = (header + "".join(copies)).encode()
    sample.write_bytes(gzip.compress(written, 1) if is_packed else written)
    return sample


def files(layouts: list[str], rows: int, folder: Path) -> Iterator[tuple[str, Path]]:
    """A file for each layout; of our own one in each format."""
    for layout in layouts:
        own = folder / layout
        own.mkdir()
        path = many(layout, rows, own)
        yield f"{layout} ({path.suffix})", path
        if layout == "own":
            parquet, lines = own / "a.parquet", own / "a.jsonl"
            convert([str(path)], layout, parquet)
            with lines.open("w") as file:
                for row in pq.read_table(parquet).to_pylist():
                    row["attributes"] = dict(row["attributes"])
                    file.write(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n")
            yield "own (.parquet)", parquet
            yield "own (.jsonl)", lines


def rate(path: Path) -> tuple[int, float]:
    """Products of a file, and how many were read in a CPU second."""
    began = time.process_time()
    bad: list[int] = []
    products = sum(batch.num_rows for batch in read_batches(str(path), quarantine=lambda row, *_: bad.append(row)))
    if bad:
        raise SystemExit(f"{path}: {len(bad)} rows cannot be read")
    return products, products / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layouts", nargs="*", choices=[[], *COPIED], default=[])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files(chosen.layouts or list(COPIED), chosen.rows, Path(folder)):
            rates = [rate(path) for _ in range(chosen.rounds)]
            print(f"| {name} | {rates[0][0]:,} | {', '.join(f'{round(each):,}' for _, each in rates)} |", flush=True)


if __name__ == "__main__":
    main()
