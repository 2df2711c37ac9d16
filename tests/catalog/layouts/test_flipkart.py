"""Flipkart's crawl: Ruby hashes, and category trees that end in the product's own name."""

import pytest

from tests.support.seller_files import images_of, read, write_dicts
from tests.support.shop_samples import FLIPKART, flipkart_row


def test_rows(tmp_path):
    path = write_dicts(tmp_path / "flipkart.csv", FLIPKART, flipkart_row())
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
    assert images_of(path) == [["http://img.test/1.jpeg", "http://img.test/2.jpeg"]]


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
    found = read(
        write_dicts(tmp_path / "flipkart.csv", FLIPKART, flipkart_row(product_specifications=specifications, brand=""))
    )
    attributes = found.first["attributes"]
    assert attributes.pop("product_category_tree")
    assert attributes == labels


def test_specifications_with_many_quotes_are_read_in_linear_time(tmp_path):
    """Each quote may begin a text that does not end; where each is tried, this takes an hour."""
    cut = '{"product_specification"=>[{"key"=>"Color", "val' + '\\"' * 10**6
    found = read(write_dicts(tmp_path / "flipkart.csv", FLIPKART, flipkart_row(product_specifications=cut)))
    assert [reason for reason, _ in found.aside] == ["attributes are not a map"]


def test_specifications_that_are_cut_cost_their_row(tmp_path):
    cut = '{"product_specification"=>[{"key"=>"Color", "val'
    found = read(
        write_dicts(
            tmp_path / "flipkart.csv", FLIPKART, flipkart_row(product_specifications=cut), flipkart_row(uniq_id="u2")
        )
    )
    assert [product["product_id"] for product in found.products] == ["u2"]
    assert found.aside == [("attributes are not a map", f"product_specifications are not a Ruby hash: {cut!r}")]


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
    found = read(write_dicts(tmp_path / "flipkart.csv", FLIPKART, flipkart_row(product_category_tree=tree, brand="AW")))
    assert found.first["product_type"] == product_type


def test_nil_is_nothing(tmp_path):
    row = flipkart_row(product_specifications="nil", image="nil", brand="")
    found = read(write_dicts(tmp_path / "flipkart.csv", FLIPKART, row)).first
    assert found["image"] is None
    assert list(found["attributes"]) == ["product_category_tree"]


def test_as_python_prints_what_it_has_read(tmp_path):
    row = flipkart_row(
        image="['http://a.test/1.jpg', 'http://a.test/2.jpg']",
        product_specifications="{'product_specification': [{'key': 'Fabric', 'value': 'Cotton'}]}",
    )
    path = write_dicts(tmp_path / "flipkart.csv", FLIPKART, row)
    assert read(path).first["attributes"]["Fabric"] == "Cotton"
    assert images_of(path) == [["http://a.test/1.jpg", "http://a.test/2.jpg"]]
