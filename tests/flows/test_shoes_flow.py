"""Shoes from the shop's CSV to filled values: images behind URLs, heel heights in centimetres, inches and words.

One run of TrainFlow and one of BackfillFlow through Metaflow, with a contract of their own.
"""

import csv
import os
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from moemoe.run_folder import RunFolder
from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import join
from tests.support.flows import FLOW, run_flow
from tests.support.image_server import body, image_server
from tests.support.mlflow_database import database
from tests.support.small_shards import draw_image

PROJECT = Path(__file__).parents[2]
CONTRACT = """
dataset: shoes
product_types: {shoe: [Shoes]}
attributes:
  color: {values: {Red: [], Blue: []}}
  heel height:
    keys: [Heel]
    measurement: {unit: cm, units: {inch: [], mm: []}, decimals: 1, at_least: 0, at_most: 30, tolerance: 0.3}
missing: [NA]
split: {train: 0.6, validation: 0.2, test: 0.2}
max_quarantine_share: 0.1
report_product_types: [shoe]
"""
PRODUCTS = 300
INCHES = (1, 2, 3, 4)
#: How sellers write 2 inches: labels of one height differ by less than the tolerance.
WRITTEN = ("{cm:.2f} cm", "{cm:.1f}cm", "{inch} inches", "ca. {mm:.0f} mm")
COLORS = ("Red", "Blue")
#: One link in 30 is dead.
DEAD = range(7, PRODUCTS, 30)


def heel(i: int) -> int:
    return INCHES[i // 2 % len(INCHES)]


def shoe(i: int, url: str) -> dict[str, Any]:
    """The title says what is asked; of every fifth product the height's label is missing, or says nothing."""
    inch, word = heel(i), WRITTEN[i % 3 + i // 7 % 2]
    label = word.format(inch=inch, cm=inch * 2.54, mm=inch * 25.4) if i % 5 else ("high", "")[i % 2]
    title = f"{COLORS[i % 2]} pumps number {i} of shop {i * 7919 % 1000}, heel of {inch} inch"
    row = {"product_id": f"p{i}", "product_type": "Shoes", "title": title, "image": f"{url}/{i}.png"}
    return row | {"attributes.color": COLORS[i % 2], "attributes.Heel": label}


@dataclass
class Shop:
    trained: Any
    folder: RunFolder
    filled: pa.Table
    backfill: Path
    asked: Counter[str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Shop:
    place = tmp_path_factory.mktemp("shoes")
    for name in ("moemoe", "data_contracts", "flows"):
        shutil.copytree(PROJECT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"))
    (place / "data_contracts/shoes").mkdir()
    (place / "data_contracts/shoes/contract.yaml").write_text(CONTRACT)
    database(place)
    environment = {"PYTHONPATH": str(place), "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    with image_server() as server, (place / "shoes.csv").open("w", newline="") as file:
        for i in set(range(PRODUCTS)) - set(DEAD):
            server.answers[f"/{i}.png"] = body(draw_image((i % 256, 60 * (i // 256), 80)), "image/png")
        rows = [shoe(i, server.url) for i in range(PRODUCTS)]
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
        file.flush()
        options = {"catalog": str(place / "shoes.csv"), "allow_private_hosts": True}
        flows = [place / "flows" / name for name in (FLOW.name, "backfill_flow.py")]
        root = {"root": str(place / "root"), "model": "tf-idf", "dataset": "shoes"}
        running = run_flow(place, environment, flows[0], **options, **root)
        assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
        trained, output = running.run, place / "filled"
        asked = Counter(server.asked)
        to = {"model": trained["register"].task.data.model_uri, "output": str(output)}
        running = run_flow(place, environment, flows[1], **options, **to)
        assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    folder = trained["end"].task.data.folder
    return Shop(trained, folder, ds.dataset(output / "values").to_table(), output, asked)


def test_images_behind_urls_reach_the_shards_and_dead_links_are_named(shop, tmp_path):
    assert shop.asked == {f"/{i}.png": 1 for i in range(PRODUCTS)}  # each once, whatever came of it
    quarantine = shop.folder.quarantine.read().to_pylist()
    assert {(row["product_id"], row["field"], row["reason"]) for row in quarantine} == {
        (f"p{i}", "image", "image URL answers 404") for i in DEAD
    }
    dataset = ShardedDataset(shop.trained["manifest"].task.data.manifest_uri, tmp_path)
    products = [dataset[row] for split in ("train", "validation", "test") for row in dataset.rows(split)]
    assert {p.product_id for p in products if p.image is None} == {f"p{i}" for i in DEAD}
    assert len(products) == PRODUCTS
    report = shop.folder.report.read_text()
    assert "How the files were read" in report
    aside = ds.dataset(join(str(shop.backfill), "quarantine")).to_table()
    assert aside["reason"].to_pylist() == ["image URL answers 404"] * len(DEAD)


def test_a_measurement_is_measured_thresholded_and_filled(shop):
    evaluation = {row["attribute"]: row for row in shop.folder.evaluation.read().to_pylist()}
    assert evaluation["heel height"]["support"] >= 30
    assert evaluation["heel height"]["recall_at_90p"] > 0.9
    assert shop.trained["register"].task.data.promoted
    heels = [row for row in shop.filled.to_pylist() if row["attribute"] == "heel height"]
    assert {row["product_id"] for row in heels} == {f"p{i}" for i in range(PRODUCTS)}
    decided = Counter(row["decision"] for row in heels)
    assert decided["filled"] > PRODUCTS / 10
    assert decided["agrees"] > PRODUCTS / 2
    for row in heels:
        if row["decision"] in ("filled", "agrees"):
            number, unit = row["prediction"].split(" ")
            assert unit == "cm"
            assert abs(float(number) - heel(int(row["product_id"][1:])) * 2.54) <= 0.3
