"""Item metadata of Amazon Reviews 2023, as JSON lines and as Parquet."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_samples import REVIEWS_ITEM


def test_json_lines(tmp_path):
    path = write(tmp_path / "meta_AMAZON_FASHION.jsonl", *map(json.dumps, [REVIEWS_ITEM]))
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
    assert images_of(path) == [["https://m.test/h.jpg", "https://m.test/pt.jpg"]]


def test_parquet_as_the_data_set_has_it(tmp_path):
    images = {name: [[one[name] for one in REVIEWS_ITEM["images"]]] for name in ("hi_res", "large", "thumb", "variant")}
    item = {name: [value] for name, value in REVIEWS_ITEM.items() if name not in ("images", "details")}
    item["details"] = [json.dumps(REVIEWS_ITEM["details"])]
    item["images"] = pa.array([{name: values[0] for name, values in images.items()}])
    pq.write_table(pa.table(item), tmp_path / "full.parquet")
    lines = write(tmp_path / "a.jsonl", json.dumps(REVIEWS_ITEM))
    assert read(tmp_path / "full.parquet").first == read(lines).first


def test_without_categories_the_main_one_is_the_type(tmp_path):
    bad = REVIEWS_ITEM | {"details": "no JSON", "parent_asin": "B3"}
    odd = REVIEWS_ITEM | {"title": {"en": "Shirt"}}
    bare = REVIEWS_ITEM | {"categories": [], "images": []}
    found = read(write(tmp_path / "a.jsonl", *map(json.dumps, (bare, bad, odd))))
    assert (found.first["product_type"], found.first["image"]) == ("AMAZON FASHION", None)
    assert [reason for reason, _ in found.aside] == ["attributes are not a map", "row is not readable"]


@pytest.mark.parametrize("as_text", [json.dumps, str])
def test_lists_and_objects_as_texts(tmp_path, as_text):
    """What pandas makes of it in CSV."""
    cells = {name: as_text(value) if isinstance(value, (list, dict)) else value for name, value in REVIEWS_ITEM.items()}
    path = write_dicts(tmp_path / "a.csv", list(cells), cells)
    whole = write(tmp_path / "a.jsonl", json.dumps(REVIEWS_ITEM))
    assert read(path).products == read(whole).products
    assert images_of(path) == images_of(whole)


def test_details_that_are_objects(tmp_path):
    """Ranks among the best sellers say nothing of the product; others were lost without a word."""
    details = {"Best Sellers Rank": {"Shoes": 3}, "Weight": {"value": 3, "unit": "kg"}, "Sizes": {"S": 1, "M": 2}}
    found = read(write(tmp_path / "a.jsonl", json.dumps(REVIEWS_ITEM | {"details": details})))
    labels = dict(found.first["attributes"])
    assert (labels["Weight"], labels.keys() & {"Best Sellers Rank", "Sizes"}) == ("3 kg", set())
    assert found.how.counts == {"objects that are not labels, left out under 'Sizes'": 1}


@pytest.mark.parametrize("images", [["https://m.test/1.jpg"], "https://m.test/1.jpg"])
def test_images_that_are_urls(tmp_path, images):
    path = write(tmp_path / "a.jsonl", json.dumps(REVIEWS_ITEM | {"images": images}))
    assert images_of(path) == [["https://m.test/1.jpg"]]
