"""Backfill on real catalogs with labels hidden: coverage, precision, products per second and where the time goes.

``python -m tests.benchmarks.backfill --run .moemoe/runs/RUN --catalog 'catalogs/*.parquet' [--other 'shop2/*.parquet']
[--products 1500] [--speed-products 500] [--repeats 3] [--json]``

The run is one that TrainFlow left under its root. Quality is measured on products of its test split: for every second
product x attribute, by hash, the raw labels are taken away; what is filled in is compared with them. ``--other`` is a
catalog that the model was not trained on, there every label is hidden; then an audit is played through on one half of
its products, with the hidden labels as verdicts, and the tightened thresholds are measured on the other half.

Speed: the same products, all their attributes asked, (a) through backfill, from a catalog file to finished tables, and
(b) as evaluation does it, from shards to a table of answers; interleaved, medians of wall and of CPU time.
"""

import argparse
import hashlib
import json
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.find import find_partitions
from moemoe.catalog.read import read_batches
from moemoe.contract.text import normalize_key, normalize_text
from moemoe.evaluation.field_precision import RAISE, SWITCH_OFF, field_precision
from moemoe.evaluation.uncertainty import wilson
from moemoe.inference.attribute_model import CONTRACT, AttributeModel
from moemoe.inference.backfill import BackfillJob, backfill_partitions
from moemoe.inference.labels import LabelReader
from moemoe.inference.partition_questions import read_chunks
from moemoe.inference.predictor import ProductQuery
from moemoe.inference.preprocessing import save_preprocessing
from moemoe.inference.thresholds import GUARDED, PLAIN, UNFAMILIAR, Cell, Thresholds
from moemoe.run_folder import RunFolder
from moemoe.schemas import ABSTAINED, AUDIT, CATALOG, FILLED, RIGHT, WRONG
from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import read_table

Gold = dict[tuple[str, str], list[str]]
AUDITED_PER_CELL = 30


def model_of(run: Path, folder: Path) -> AttributeModel:
    """What TrainFlow's register step would register of a run."""
    shutil.copytree(run / "model", folder)
    shutil.copyfile(run / "contract.yaml", folder / CONTRACT)
    Thresholds.of(read_table(str(run / "evaluation.parquet"))).save(folder)
    save_preprocessing(folder)
    return AttributeModel.load(folder)


def digest(*words: str) -> bytes:
    """A random order that is always the same."""
    return hashlib.sha256("|".join(words).encode()).digest()


def coin(*words: str) -> bool:
    """Heads for half of everything, always the same."""
    return bool(digest(*words)[0] & 1)


def rows_of(catalog: str, model: AttributeModel, wanted: set[str] | None = None) -> list[dict[str, Any]]:
    """Catalog rows with images, those of ``wanted`` ids or of a type that the model knows."""
    types = model.contract.product_type_aliases()
    known = model.attributes
    rows = []
    for partition in find_partitions(catalog):
        for batch in read_batches(partition, model.contract.columns):
            for row in batch.to_pylist():
                keep = row["product_id"] in wanted if wanted is not None else True
                if keep and types.get(normalize_text(row["product_type"] or "")) in known:
                    rows.append(row)
    return rows


def hide(rows: list[dict[str, Any]], model: AttributeModel, hidden: set[tuple[str, str]]) -> list[dict[str, Any]]:
    """The rows without the raw labels of the ``hidden`` product x attribute pairs."""
    keys = {
        name: {normalize_key(key) for key in attribute.keys} for name, attribute in model.contract.attributes.items()
    }
    gone: dict[str, set[str]] = defaultdict(set)
    for product, attribute in hidden:
        gone[product] |= keys[attribute]
    kept = [[p for p in row["attributes"] or () if normalize_key(p[0]) not in gone[row["product_id"]]] for row in rows]
    return [{**row, "attributes": pairs} for row, pairs in zip(rows, kept, strict=True)]


def filled_in(rows: list[dict], model: AttributeModel, folder: Path, kind: str = PLAIN) -> list[dict[str, Any]]:
    """BACKFILL rows of a catalog with these rows, at thresholds of a ``kind``."""
    folder.mkdir(parents=True)
    source = folder / "catalog.parquet"
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), source)
    [part] = backfill_partitions(lambda: model, [str(source)], BackfillJob("model/1", kind, str(folder)))
    return read_table(str(folder / part.values)).to_pylist()


def under(values: list[dict[str, Any]], thresholds: Thresholds, kind: str) -> list[dict[str, Any]]:
    """What of the filled and other rows is left where thresholds are stricter."""
    kept = []
    for row in values:
        threshold = thresholds.threshold(row["product_type"], row["attribute"], kind)
        accepted = threshold is not None and row["confidence"] >= threshold
        kept.append(row if accepted else {**row, "decision": ABSTAINED})
    return kept


def quality(values: list[dict[str, Any]], gold: Gold) -> dict[str, Any]:
    """Coverage of the hidden labels, and precision of what was filled in for them, with its interval."""
    answers = [row for row in values if (row["product_id"], row["attribute"]) in gold]
    filled = [row for row in answers if row["decision"] == FILLED]
    right = sum(row["prediction"] in gold[row["product_id"], row["attribute"]] for row in filled)
    low, high = wilson(right, len(filled))
    return {
        "hidden": len(answers),
        "filled": len(filled),
        "coverage": round(len(filled) / len(answers), 4) if answers else None,
        "precision": round(right / len(filled), 4) if filled else None,
        "interval": [round(low, 4), round(high, 4)],
    }


def audited(values: list[dict[str, Any]], gold: Gold) -> dict[Cell, float | None]:
    """The changes that an audit of ``values`` asks for, the hidden labels as verdicts."""
    cells = defaultdict(list)
    for row in values:
        if row["decision"] == FILLED and (row["product_id"], row["attribute"]) in gold:
            cells[row["product_type"], row["attribute"]].append(row)
    rows = []
    for found in cells.values():
        found.sort(key=lambda row: digest(row["product_id"], row["attribute"]))
        for row in found[:AUDITED_PER_CELL]:
            right = row["prediction"] in gold[row["product_id"], row["attribute"]]
            rows.append({**row, "filled": len(found), "verdict": RIGHT if right else WRONG})
    judged = field_precision(pa.Table.from_pylist(rows, AUDIT))
    return {(c.product_type, c.attribute): c.threshold for c in judged if c.action in (RAISE, SWITCH_OFF)}


def test_split_quality(model: AttributeModel, run: Path, catalog: str, products: int, folder: Path) -> dict[str, Any]:
    """Every second label of the test split hidden, on ``products`` of its products."""
    of_run = RunFolder(str(run))
    parts = map(read_table, of_run.part_uris(of_run.labels))
    labels = [row for part in parts for row in part.to_pylist() if row["split"] == "test"]
    labels = [row for row in labels if row["attribute"] in model.attributes.get(row["product_type"], ())]
    chosen = set(sorted({row["product_id"] for row in labels}, key=lambda name: digest("product", name))[:products])
    labels = [row for row in labels if row["product_id"] in chosen]
    gold = {(r["product_id"], r["attribute"]): r["values"] for r in labels if coin(r["product_id"], r["attribute"])}
    shown = {(r["product_id"], r["attribute"]) for r in labels} - set(gold)
    values = filled_in(hide(rows_of(catalog, model, chosen), model, set(gold)), model, folder)
    found: dict[str, Any] = {"products": len(chosen)}
    for kind in (PLAIN, GUARDED):
        mine = under(values, model.thresholds, kind)
        found[kind] = quality(mine, gold)
        decided = [r["decision"] for r in mine if (r["product_id"], r["attribute"]) in shown]
        found[kind]["labels left"] = {name: decided.count(name) for name in ("agrees", "contradicts", "abstained")}
    return found


def other_quality(model: AttributeModel, catalog: str, products: int, folder: Path) -> dict[str, Any]:
    """Another store, every label hidden; an audit on half of its products, measured on the other half."""
    reader = LabelReader(model.contract)
    types = model.contract.product_type_aliases()
    rows = sorted(rows_of(catalog, model), key=lambda row: digest("product", row["product_id"]))[:products]
    gold: Gold = {}
    for row in rows:
        raw = reader.by_key(row["attributes"])
        for attribute in model.attributes[types[normalize_text(row["product_type"])]]:
            label = reader.label(raw, attribute)
            if label and label.values:
                gold[row["product_id"], attribute] = list(label.values)
    hidden = hide(rows, model, set(gold))
    values = filled_in(hidden, model, folder / "plain")
    first, second = ([row for row in values if coin("half", row["product_id"]) == half] for half in (True, False))
    changes = audited(first, gold)
    tightened = under(second, model.thresholds.changed(changes), PLAIN)
    return {
        "products": len(rows),
        "plain": quality(values, gold),
        "guarded": quality(under(values, model.thresholds, GUARDED), gold),
        "unfamiliar": quality(filled_in(hidden, model, folder / "unfamiliar", UNFAMILIAR), gold),
        "cells tightened by an audit of one half": len(changes),
        "other half before": quality(second, gold),
        "other half after": quality(tightened, gold),
    }


def speed(model: AttributeModel, run: Path, catalog: str, products: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Products per second of both paths, and of backfill's parts alone."""
    [manifest] = sorted((run.parents[1] / "shards").glob("*/manifest.json"))[-1:]
    dataset = ShardedDataset(str(manifest), folder)
    kept = [dataset[int(row)] for row in dataset.rows("train")]
    kept = [product for product in kept if product.product_type in model.attributes][:products]
    rows = rows_of(catalog, model, {product.product_id for product in kept})
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "speed.parquet"
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), source)

    def evaluation_path() -> None:
        questions = [ProductQuery(p.context, p.image, model.attributes[p.product_type]) for p in kept]
        answers = model.predictor.answer(questions)
        records = [vars(answer) for given in answers for answer in given]
        pa.Table.from_pylist(records)

    def backfill() -> None:
        with tempfile.TemporaryDirectory() as output:
            backfill_partitions(lambda: model, [str(source)], BackfillJob("model/1", PLAIN, output))

    chunks = list(read_chunks(str(source), model, []))

    def reading() -> None:
        for _ in read_chunks(str(source), model, []):
            pass

    def answering() -> None:
        for chunk in chunks:
            model.predictor.answer(chunk.questions)

    ways = {"backfill": backfill, "evaluation path": evaluation_path, "reading": reading, "answering": answering}
    wall: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        for name, way in ways.items():
            start, used = time.perf_counter(), time.process_time()
            way()
            wall[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - used)
    median = {name: statistics.median(found) for name, found in wall.items()}
    median_cpu = {name: statistics.median(found) for name, found in cpu.items()}
    questions = sum(len(question.attributes) for chunk in chunks for question in chunk.questions)
    return {
        "products": len(rows),
        "questions": questions,
        "products_per_second": round(len(rows) / median["backfill"], 1),
        "vs": {"evaluation path": round(median["evaluation path"] / median["backfill"], 3)},
        "cpu": {
            "products_per_second": round(len(rows) / median_cpu["backfill"], 1),
            "vs": {"evaluation path": round(median_cpu["evaluation path"] / median_cpu["backfill"], 3)},
            "share_of_backfill": {
                name: round(median_cpu[name] / median_cpu["backfill"], 3) for name in ("reading", "answering")
            },
        },
        "wall_seconds": {name: [round(s, 2) for s in found] for name, found in wall.items()},
    }


def main() -> None:
    """Prints the figures, as one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--other")
    parser.add_argument("--products", type=int, default=1500, help="for the quality of either catalog")
    parser.add_argument("--speed-products", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    run = arguments.run.absolute()
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        folder = Path(scratch)
        model = model_of(run, folder / "model")
        figures = {"test split": test_split_quality(model, run, arguments.catalog, arguments.products, folder / "test")}
        if arguments.other:
            figures["other store"] = other_quality(model, arguments.other, arguments.products, folder / "other")
        figures["speed"] = speed(
            model, run, arguments.catalog, arguments.speed_products, arguments.repeats, folder / "speed"
        )
    print(json.dumps(figures, indent=None if arguments.json else 2))


if __name__ == "__main__":
    main()
