"""Every sample of a layout is recognised by its own and by no other."""

import json

import pytest

from moemoe.catalog.layouts.known import LAYOUTS
from moemoe.catalog.read import open_file
from tests.catalog.layouts import (
    test_abo,
    test_amazon,
    test_amazon_reviews,
    test_bigcommerce,
    test_flipkart,
    test_google,
    test_kaggle_fashion,
    test_magento,
    test_shopify,
    test_woocommerce,
)
from tests.catalog.layouts.reading import write

#: Layout -> how to write a sample of it into a folder.
SAMPLES = {
    "own": lambda f: write(f / "a.csv", "product_id,product_type,title,attributes.color", "1,Shirts,Shirt,Red"),
    "flat": lambda f: write(f / "a.csv", "product_id,product_type,title,color,size", "1,Shirts,Shirt,Red,M"),
    "shopify": lambda f: write(f / "a.csv", test_shopify.HEADER, test_shopify.SHIRT),
    "google": lambda f: test_google.tsv(f / "a.tsv", test_google.HEADER, test_google.ROW),
    "amazon": lambda f: test_amazon.flat_file(f / "a.txt", test_amazon.OLD, test_amazon.RED),
    "woocommerce": lambda f: test_woocommerce.export(f / "a.csv", test_woocommerce.SHIRT),
    "magento": lambda f: test_magento.export(f / "a.csv", test_magento.HOODIE),
    "bigcommerce": lambda f: test_bigcommerce.export(f / "a.csv", test_bigcommerce.MODERN, *test_bigcommerce.ROWS),
    "flipkart": lambda f: test_flipkart.crawl(f / "a.csv", test_flipkart.row()),
    "kaggle-fashion": lambda f: write(f / "a.csv", test_kaggle_fashion.HEADER, test_kaggle_fashion.ROW),
    "amazon-reviews": lambda f: write(f / "a.jsonl", json.dumps(test_amazon_reviews.ITEM)),
    "abo": lambda f: test_abo.listings(f / "a.json.gz", test_abo.LISTING),
}
#: Further shapes of a layout.
FURTHER = [
    ("google", lambda f: write(f / "a.xml", test_google.RSS.format(encoding="UTF-8"))),
    ("amazon", lambda f: test_amazon.flat_file(f / "a.txt", test_amazon.NEW, test_amazon.NEW_ROW)),
    ("bigcommerce", lambda f: test_bigcommerce.export(f / "a.csv", test_bigcommerce.LEGACY)),
    (
        "shopify",
        lambda f: write(f / "a.csv", "Title,URL handle,Description,Option1 name,Option1 value,SKU", "A,a,b,Size,S,1"),
    ),
    (
        "woocommerce",
        lambda f: write(f / "a.csv", "SKU,Type,Name,Attribute 1 name,Attribute 1 value(s)", "1,simple,A,Size,M"),
    ),
]


def test_every_layout_has_a_sample():
    assert {*SAMPLES, "long"} >= set(LAYOUTS)


@pytest.mark.parametrize(("name", "sample"), [*SAMPLES.items(), *FURTHER])
def test_no_two_layouts_fit(tmp_path, name, sample):
    file = open_file(str(sample(tmp_path)), str(tmp_path), {})
    assert [layout.name for layout in LAYOUTS.values() if layout.fits(file)] == [name]


@pytest.mark.parametrize(
    "header",
    [
        "id,title,price",
        "Handle,Title,Price",
        "sku,name,price,product_type",
        "filename,link",
        "Item,Name,SKU",
        "SKU,Type,Name",
        "parent_asin,rating,title,text",
    ],
)
def test_names_that_others_have_too_are_not_enough(tmp_path, header):
    file = open_file(
        str(write(tmp_path / "a.csv", header, ",".join("1" for _ in header.split(",")))), str(tmp_path), {}
    )
    assert [layout.name for layout in LAYOUTS.values() if layout.fits(file)] == []
