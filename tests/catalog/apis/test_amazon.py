"""Responses of Amazon's Selling Partner API."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.catalog.apis.amazon import PARENTS
from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_api_samples import AMAZON_BALL, AMAZON_SHIRT, amazon_entry


def save(path, *answers):
    return write(path, *map(json.dumps, answers))


def test_a_listing(tmp_path):
    """In the marketplace's language; the raw keys are those of the flat file."""
    path = save(tmp_path / "a.json", AMAZON_SHIRT)
    found = read(path)
    assert found.products == [
        {
            "product_id": "GM-1",
            "marketplace": "DE",
            "product_type": "SHIRT",
            "title": "Rotes Hemd",
            "bullet_points": ["Warm", "Leicht", "Baumwolle"],
            "description": "Weich.",
            "image": "https://m.test/1.jpg",
            "attributes": {
                **{"color": "Rot", "color.standardized_values": "red", "item_weight": "1.5 pounds"},
                **{"item_dimensions.length": "3 inches", "item_dimensions.width": "2 inches", "sleeve.type": "Langarm"},
                **{"apparel_size.size": "m", "apparel_size.size_system": "as1", "special_feature": "Weich"},
                "brand": "Acme",
            },
        }
    ]
    assert images_of(path) == [[f"https://m.test/{i}.jpg" for i in (1, 2, 3)]]
    assert (found.how.layout, found.how.columns["offers"], found.how.counts) == ("amazon-api", "unused", {})


def test_an_item_of_the_catalog(tmp_path):
    path = save(tmp_path / "a.json", {"numberOfResults": 1, "items": [AMAZON_BALL]})
    first = read(path).first
    assert (first["product_id"], first["marketplace"], first["product_type"]) == ("B08", "US", "Balls")
    assert (first["title"], first["attributes"]) == ("Ball", {"brand": "Acme", "color": "Red"})
    assert images_of(path) == [["https://m.test/a.jpg", "https://m.test/b.jpg"]]


def test_a_feed_of_listings(tmp_path):
    message = {"messageId": 1, "sku": "A", "operationType": "UPDATE", "productType": "SHIRT"}
    feed = {"header": {"version": "2.0"}, "messages": [message | {"attributes": AMAZON_SHIRT["attributes"]}]}
    first = read(save(tmp_path / "a.json", feed)).first
    assert (first["product_id"], first["product_type"], first["title"]) == ("A", "SHIRT", "Rotes Hemd")


def test_without_attributes_the_summary_has_title_and_image(tmp_path):
    """As an answer has if nothing else was asked for."""
    bare = {name: AMAZON_SHIRT[name] for name in ("sku", "summaries")}
    first = read(save(tmp_path / "a.jsonl", bare)).first
    assert (first["title"], first["product_type"], first["image"]) == ("Shirt", "SHIRT", "https://m.test/0.jpg")


def test_another_marketplace_s_entries_are_left_out(tmp_path):
    color = [{"value": "Rouge", "language_tag": "fr_FR", "marketplace_id": "A13V1IB3VIYZZH"}, amazon_entry("Rot")]
    shirt = {**AMAZON_SHIRT, "attributes": {"color": color}}
    assert read(save(tmp_path / "a.json", shirt)).first["attributes"] == {"color": "Rot"}


@pytest.mark.parametrize(
    "parent",
    [
        {"attributes": {**AMAZON_SHIRT["attributes"], "parentage_level": [amazon_entry("parent")]}},
        {"summaries": [{**AMAZON_SHIRT["summaries"][0], "itemClassification": "VARIATION_PARENT"}]},
    ],
)
def test_parents_are_no_products(tmp_path, parent):
    found = read(save(tmp_path / "a.jsonl", AMAZON_SHIRT, {**AMAZON_SHIRT, "sku": "GM", **parent}))
    assert [product["product_id"] for product in found.products] == ["GM-1"]
    assert found.how.counts == {PARENTS: 1}


def test_attributes_of_another_form_cost_their_product(tmp_path):
    found = read(save(tmp_path / "a.jsonl", AMAZON_SHIRT, {**AMAZON_SHIRT, "attributes": "red"}))
    assert len(found.products) == 1
    assert found.aside == [("attributes are not a map", "'red'")]


def test_listings_in_a_table(tmp_path):
    expected = read(save(tmp_path / "a.json", AMAZON_SHIRT)).first
    cells = {n: json.dumps(v) if isinstance(v, (dict, list)) else v for n, v in AMAZON_SHIRT.items()}
    assert read(write_dicts(tmp_path / "a.csv", list(cells), cells)).first == expected
    pq.write_table(pa.Table.from_pylist([AMAZON_SHIRT, AMAZON_SHIRT]), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").first == expected


def test_without_product_types_it_says_what_to_export(tmp_path):
    bare = {name: AMAZON_SHIRT[name] for name in ("sku", "attributes")}
    with pytest.raises(CatalogError, match="has no productTypes or summaries, which becomes the product type"):
        read(save(tmp_path / "a.json", bare))


def test_attributes_without_a_marketplace_are_of_another_file(tmp_path):
    with pytest.raises(CatalogError, match="does not fit"):
        read(save(tmp_path / "a.json", {"sku": "1", "productType": "K", "attributes": {"color": ["red"]}}))
