"""Flipkart's crawl: Ruby hashes, and category trees that end in the product's own name."""

import csv
import json

import pytest

from moemoe.catalog.layouts import flipkart
from tests.catalog.layouts.reading import images_of, read

COLUMNS = [
    *("uniq_id", "pid", "product_name", "product_category_tree", "retail_price", "image", "description", "brand"),
    "product_specifications",
]


def crawl(path, *rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def row(**changed):
    specifications = [
        {"key": "Fabric", "value": 'Cotton "Lycra"'},
        {"value": "3 shorts"},
        {"key": "Color", "value": "Red"},
    ]
    tree = "Clothing >> Women's Clothing >> Shorts >> Alisha Shorts >> Alisha Solid Women's Cycling Sho..."
    return {
        "uniq_id": "u1",
        "product_name": "Alisha Solid Women's Cycling Shorts",
        "product_category_tree": json.dumps([tree]),
        "image": json.dumps(["http://img.test/1.jpeg", "http://img.test/2.jpeg"]),
        "description": "Key Features of Alisha\nCotton Lycra",
        "brand": "Alisha",
        "product_specifications": ruby({"product_specification": specifications}),
    } | changed


def ruby(value):
    return json.dumps(value, ensure_ascii=False).replace('": ', '"=>').replace("=>null", "=>nil")


def test_rows(tmp_path):
    path = crawl(tmp_path / "flipkart.csv", row())
    found = read(path)
    tree = "Clothing > Women's Clothing > Shorts > Alisha Shorts > Alisha Solid Women's Cycling Sho..."
    assert found.first == {
        "product_id": "u1",
        "marketplace": None,
        "product_type": "Shorts",
        "title": "Alisha Solid Women's Cycling Shorts",
        "bullet_points": [],
        "description": "Key Features of Alisha\nCotton Lycra",
        "image": "http://img.test/1.jpeg",
        "attributes": {
            "brand": "Alisha",
            "product_category_tree": tree,
            "Fabric": 'Cotton "Lycra"',
            "product_specifications": "3 shorts",  # it has no key
            "Color": "Red",
        },
    }
    assert found.how.layout == "flipkart"
    assert images_of(path, flipkart.LAYOUT) == [["http://img.test/1.jpeg", "http://img.test/2.jpeg"]]


@pytest.mark.parametrize(
    ("specifications", "labels"),
    [
        ('{"product_specification"=>{"key"=>"Color", "value"=>"Red"}}', {"Color": "Red"}),  # one is no list
        ('{"product_specification"=>nil}', {}),
        (
            '{"product_specification"=>[{"key"=>"Color", "value"=>nil}, {"key"=>"a=>b", "value"=>"nil"}]}',
            {"a=>b": "nil"},
        ),
        (
            r'{"product_specification"=>[{"key"=>"Note", "value"=>"5\" \#{x} C:\\e \u{e9}"}]}',
            {"Note": '5" #{x} C:\\e é'},
        ),
        ('{"product_specification"=>[{"key"=>"S", "value"=>"M"}, {"key"=>"S", "value"=>"L"}]}', {"S": "M, L"}),
        ("", {}),
    ],
)
def test_specifications(tmp_path, specifications, labels):
    found = read(crawl(tmp_path / "flipkart.csv", row(product_specifications=specifications, brand="")))
    attributes = found.first["attributes"]
    assert attributes.pop("product_category_tree")
    assert attributes == labels


def test_specifications_that_are_cut_cost_their_row(tmp_path):
    cut = '{"product_specification"=>[{"key"=>"Color", "val'
    found = read(crawl(tmp_path / "flipkart.csv", row(product_specifications=cut), row(uniq_id="u2")))
    assert [product["product_id"] for product in found.products] == ["u2"]
    assert found.aside == [("attributes are not a map", f"product_specifications are no Ruby hash: {cut!r}")]


@pytest.mark.parametrize(
    ("tree", "product_type"),
    [
        ('["Footwear >> Women\'s Footwear >> Ballerinas >> AW Bellies"]', "Ballerinas"),
        ('["Clothing >> Shorts"]', "Shorts"),
        ('["Alisha Solid Women\'s Cycling Shorts"]', None),
        ("", None),
    ],
)
def test_product_type(tmp_path, tree, product_type):
    found = read(crawl(tmp_path / "flipkart.csv", row(product_category_tree=tree, brand="AW")))
    assert found.first["product_type"] == product_type
