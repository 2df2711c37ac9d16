"""Responses of Magento 2's REST API, with and without the lists of names beside them."""

import json

import pytest

from tests.support import shop_api_samples as samples
from tests.support.seller_files import images_of, read

BESIDE = {
    "attributes.json": samples.MAGENTO_ATTRIBUTES,
    "categories.json": samples.MAGENTO_CATEGORIES,
    "attribute-sets.json": samples.MAGENTO_SETS,
}


def save(folder, *items, beside=BESIDE):
    for name, answer in beside.items():
        (folder / name).write_text(json.dumps(answer))
    path = folder / "products.json"
    path.write_text(json.dumps({"items": items, "search_criteria": {"filter_groups": []}, "total_count": len(items)}))
    return path


def test_with_the_names_beside_it(tmp_path):
    path = save(tmp_path, samples.MAGENTO_SMALL, samples.MAGENTO_HOODIE)
    found = read(path)
    assert found.products == [
        {
            "product_id": "MH01",
            "marketplace": None,
            "product_type": "Hoodies",
            "title": "Chaz & Co Hoodie",
            "bullet_points": ["Cotton"],
            "description": "Warm.",
            "image": "m/h/1.jpg",
            "attributes": {
                **{"climate": "Cool, Indoor", "material": "Fleece, Wool", "sale": "No", "care": "Wash at 30"},
                **{"size": "S, M", "weight": "1.5", "attribute_set_code": "Top"},
                "categories": "Default Category/Men, Default Category/Men/Hoodies",
            },
        }
    ]
    assert found.aside == []
    assert found.how.layout == "magento-api"
    assert found.how.counts == {"rows of variations, which their products list": 1}
    assert found.how.columns["price"] == found.how.columns["product_links"] == "unused"
    assert images_of(path) == [["m/h/1.jpg", "m/h/2.jpg"]]  # neither the hidden one nor the video


def test_without_names_it_says_what_to_save(tmp_path):
    found = read(save(tmp_path, samples.MAGENTO_HOODIE, beside={}))
    assert found.first["product_type"] == "9"
    assert found.first["attributes"] == {
        **{"climate": "203,205", "material": "33, 38", "sale": "0", "care": "Wash at 30", "Size": "91, 92"},
        "weight": "1.5",
    }
    numbers = "labels that are option numbers: save the response of /rest/V1/products/attributes"
    kinds = "products whose type is their attribute set: save the response of /rest/V1/categories"
    assert found.how.counts == {
        f"{numbers} beside the file as attributes.json": 4,
        f"{kinds} beside the file as categories.json": 1,
    }


@pytest.mark.parametrize("name", BESIDE)
def test_a_list_of_names_has_no_products(tmp_path, name):
    save(tmp_path, samples.MAGENTO_HOODIE)
    found = read(tmp_path / name)
    assert (found.products, found.aside, found.how.layout) == ([], [], "magento-api")
    assert set(found.how.columns.values()) == {"names for the products"}


def test_a_list_of_categories(tmp_path):
    root = {"id": 1, "parent_id": 0, "name": "Root Catalog", "is_active": True, "level": 0}
    below = {"id": 2, "parent_id": 1, "name": "Shop", "is_active": True, "level": 1, "path": "1/2"}
    men = {"id": 3, "parent_id": 2, "name": "Men", "is_active": True, "level": 2, "path": "1/2/3"}
    path = save(tmp_path, samples.MAGENTO_HOODIE, beside={"categories.json": {"items": [men, below, root]}})
    found = read(path).first
    assert (found["product_type"], found["attributes"]["categories"]) == ("Men", "Shop/Men")


def test_a_variation_that_no_product_names(tmp_path):
    found = read(save(tmp_path, {**samples.MAGENTO_SMALL, "id": 5}, samples.MAGENTO_HOODIE))
    told = "'MH01-S' is not visible individually, and no product of the file has it as a variation"
    assert found.aside == [("row belongs to no product", told)]


def test_what_php_makes_of_empty_objects(tmp_path):
    bare = {"id": 8, "sku": "A", "name": "A", "attribute_set_id": 9, "visibility": 4}
    bare |= {"extension_attributes": [], "custom_attributes": [], "media_gallery_entries": []}
    found = read(save(tmp_path, bare, samples.MAGENTO_HOODIE))
    assert (found.first["product_type"], found.first["attributes"]) == ("Top", {"attribute_set_code": "Top"})


def test_a_weight_that_nobody_gave(tmp_path):
    found = read(save(tmp_path, samples.MAGENTO_HOODIE | {"weight": 0}, beside={}))
    assert "weight" not in found.first["attributes"]
