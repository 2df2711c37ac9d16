"""Amazon Berkeley Objects: one language a product, images by id, normalized quantities."""

import gzip
import json

import pytest

from moemoe.catalog.layouts import abo
from tests.catalog.layouts.reading import images_of, read, write


def tagged(**texts):
    return [{"language_tag": tag, "value": value} for tag, value in texts.items()]


LISTING = {
    "brand": tagged(en_IN="Acme"),
    "bullet_point": tagged(de_DE="Warm", en_IN="Cotton") + tagged(en_IN="Light"),
    "color": [
        {"language_tag": "en_IN", "standardized_values": ["Olive"], "value": "Olive Mist"},
        {"language_tag": "de_DE", "value": "Oliv"},
    ],
    "color_code": ["#8B8B5B"],
    "country": "IN",
    "domain_name": "amazon.in",
    "item_dimensions": {
        "height": {"normalized_value": {"unit": "inches", "value": 4.5}, "unit": "centimeters", "value": 11.43},
    },
    "item_id": "B1",
    "item_name": tagged(de_DE="Hemd", en_IN="Shirt"),
    "item_weight": [{"normalized_value": {"unit": "pounds", "value": 0.3}, "unit": "grams", "value": 140}],
    "main_image_id": "01+x",
    "marketplace": "Amazon",
    "model_year": [{"value": 2017}],
    "node": [{"node_id": 1968, "node_name": "/Categories/Men/Shirts"}],
    "other_image_id": ["02", "gone"],
    "product_description": tagged(en_IN="<p>Soft.</p>"),
    "product_type": [{"value": "SHIRT"}],
    "spin_id": "x",
}


def listings(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return path


def test_a_listing(tmp_path):
    images = tmp_path / "images/metadata/images.csv.gz"
    images.parent.mkdir(parents=True)
    images.write_bytes(gzip.compress(b"image_id,height,width,path\n01+x,9,9,ab/1.jpg\n02,9,9,cd/2.jpg\n"))
    path = listings(tmp_path / "listings_0.json.gz", LISTING)
    found = read(path)
    assert found.first == {
        "product_id": "B1@amazon.in",  # an item has a listing in each market
        "marketplace": "IN",
        "product_type": "SHIRT",
        "title": "Shirt",
        "bullet_points": ["Cotton", "Light"],
        "description": "Soft.",
        "image": "images/small/ab/1.jpg",
        "attributes": {
            "brand": "Acme",
            "color": "Olive Mist",
            "color_standardized": "Olive",
            "color_code": "#8B8B5B",
            "item_dimensions.height": "4.5 inches",
            "item_weight": "0.3 pounds",
            "model_year": "2017",
            "node": "/Categories/Men/Shirts",
        },
    }
    assert found.how.layout == "abo"
    assert images_of(path, abo.LAYOUT) == [["images/small/ab/1.jpg", "images/small/cd/2.jpg"]]
    of_images = read(images)
    assert (of_images.products, of_images.how.layout) == ([], "abo")


def test_without_the_list_of_images_it_says_so(tmp_path):
    found = read(listings(tmp_path / "listings_0.json.gz", LISTING))
    assert found.first["image"] is None
    assert found.how.columns["main_image_id"] == "unused: no images/metadata/images.csv.gz beside the file"


@pytest.mark.parametrize(
    ("names", "country", "title"),
    [
        ({"hi_IN": "Kameez", "en_IN": "Shirt", "en_US": "Tee"}, "IN", "Shirt"),  # its country's, English first
        ({"en_US": "Tee", "hi_IN": "Kameez"}, "IN", "Kameez"),
        ({"de_DE": "Hemd", "en_US": "Tee", "en_GB": "Shirt"}, "JP", "Shirt"),  # English, then the alphabet
        ({"nl_NL": "Hemd", "fr_FR": "Chemise"}, "", "Chemise"),
    ],
)
def test_language(tmp_path, names, country, title):
    rows = [
        LISTING | {"item_name": tagged(**dict(order)), "country": country}
        for order in (list(names.items()), list(names.items())[::-1])
    ]
    found = read(listings(tmp_path / "a.json.gz", *rows))
    assert [product["title"] for product in found.products] == [title, title]


def test_other_texts_follow_the_language_of_the_name(tmp_path):
    row = LISTING | {"item_name": tagged(de_DE="Hemd"), "country": "DE", "brand": tagged(de_AT="A", en_US="B")}
    product = read(listings(tmp_path / "a.json.gz", row)).first
    assert (product["title"], product["bullet_points"]) == ("Hemd", ["Warm"])
    assert product["attributes"]["brand"] == "A"  # German of Austria before English
    assert product["attributes"]["color"] == "Oliv"


def test_product_type_as_the_readme_has_it(tmp_path):
    row = {"item_id": "B2", "item_name": tagged(en_US="Shoe"), "product_type": "SHOES", "domain_name": "amazon.com"}
    product = read(write(tmp_path / "a.jsonl", json.dumps(row))).first
    assert (product["product_type"], product["marketplace"]) == ("SHOES", None)
