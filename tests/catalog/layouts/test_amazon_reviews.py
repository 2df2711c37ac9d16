"""Item metadata of Amazon Reviews 2023, as JSON lines and as Parquet."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.layouts import amazon_reviews
from tests.catalog.files import write_lines
from tests.catalog.layouts.reading import images_of, read

ITEM = {
    "main_category": "AMAZON FASHION",
    "title": "Red &amp; Blue Shirt",
    "average_rating": 4.1,
    "features": ["Cotton", "Machine wash"],
    "description": ["Soft.", "<p>Warm.</p><ul><li>Light</li></ul>"],
    "images": [
        {"thumb": "https://m.test/t.jpg", "large": "https://m.test/pt.jpg", "variant": "PT01", "hi_res": None},
        {
            "thumb": "https://m.test/t.jpg",
            "large": "https://m.test/l.jpg",
            "variant": "MAIN",
            "hi_res": "https://m.test/h.jpg",
        },
    ],
    "store": "Acme",
    "categories": ["Clothing", "Men", "Shirts"],
    "details": {"Department": "\u200emens", "Sizes": ["S", "M"], "Best Sellers Rank": {"Clothing": 12}},
    "parent_asin": "B1",
}


def test_json_lines(tmp_path):
    path = write_lines(tmp_path / "meta_AMAZON_FASHION.jsonl", ITEM)
    found = read(path)
    assert found.first == {
        "product_id": "B1",
        "marketplace": None,
        "product_type": "Shirts",
        "title": "Red & Blue Shirt",
        "bullet_points": ["Cotton", "Machine wash", "Light"],
        "description": "Soft.\nWarm.",
        "image": "https://m.test/h.jpg",
        "attributes": {
            "store": "Acme",
            "main_category": "AMAZON FASHION",
            "categories": "Clothing > Men > Shirts",
            "Department": "mens",
            "Sizes": "S, M",
        },
    }
    assert found.how.layout == "amazon-reviews"
    assert images_of(path, amazon_reviews.LAYOUT) == [["https://m.test/h.jpg", "https://m.test/pt.jpg"]]


def test_parquet_as_the_data_set_has_it(tmp_path):
    images = {name: [[one[name] for one in ITEM["images"]]] for name in ("hi_res", "large", "thumb", "variant")}
    item = {name: [value] for name, value in ITEM.items() if name not in ("images", "details")}
    item["details"] = [json.dumps(ITEM["details"])]
    item["images"] = pa.array([{name: values[0] for name, values in images.items()}])
    pq.write_table(pa.table(item), tmp_path / "full.parquet")
    assert read(tmp_path / "full.parquet").first == read(write_lines(tmp_path / "a.jsonl", ITEM)).first


def test_without_categories_the_main_one_is_the_type(tmp_path):
    bad = ITEM | {"details": "no JSON", "parent_asin": "B3"}
    odd = ITEM | {"title": {"en": "Shirt"}}
    found = read(write_lines(tmp_path / "a.jsonl", ITEM | {"categories": [], "images": []}, bad, odd))
    assert (found.first["product_type"], found.first["image"]) == ("AMAZON FASHION", None)
    assert [reason for reason, _ in found.aside] == ["attributes are not a map", "row is not readable"]
