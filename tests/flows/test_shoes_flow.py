"""Shoes from the shop's CSV to filled values: images behind URLs, heel heights in centimetres, inches and words."""

from collections import Counter

import pyarrow.dataset as ds

from moemoe.shards.dataset import ShardedDataset
from moemoe.storage import join
from tests.support.shoe_shop import DEAD, PRODUCTS, UNTOLD, heel


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
    aside = ds.dataset(join(str(shop.output), "quarantine")).to_table()
    assert aside["reason"].to_pylist() == ["image URL answers 404"] * len(DEAD)


def test_a_measurement_is_measured_thresholded_and_filled(shop):
    evaluation = {row["attribute"]: row for row in shop.folder.evaluation.read().to_pylist()}
    assert evaluation["heel height"]["support"] >= 30
    assert evaluation["heel height"]["recall_at_90p"] > 0.9
    assert shop.trained["register"].task.data.promoted
    filled = ds.dataset(shop.output / "values").to_table().to_pylist()
    heels = {row["product_id"]: row for row in filled if row["attribute"] == "heel height"}
    assert heels.keys() == {f"p{i}" for i in range(PRODUCTS)}
    decided = Counter(row["decision"] for row in heels.values())
    assert decided["filled"] > PRODUCTS / 10
    assert decided["agrees"] > PRODUCTS / 2
    assert {heels[f"p{i}"]["decision"] for i in UNTOLD} == {"abstained"}
    for name, row in heels.items():
        if row["decision"] in ("filled", "agrees"):
            number, unit = row["prediction"].split(" ")
            assert unit == "cm"
            assert abs(float(number) - heel(int(name[1:])) * 2.54) <= 0.3
