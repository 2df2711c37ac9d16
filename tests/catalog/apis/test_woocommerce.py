"""Responses of WooCommerce's APIs."""

import json

import pytest

from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read, write_dicts
from tests.support.shop_api_samples import WOO_SHIRT, WOO_STORE_HAT, WOO_VARIATION


def save(path, *answers):
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return path


def test_the_rest_api(tmp_path):
    path = save(tmp_path / "products.json", [WOO_SHIRT])
    found = read(path)
    assert found.products == [
        {
            "product_id": "154",
            "marketplace": None,
            "product_type": "Shirts & Tops",
            "title": "Red & Blue Shirt",
            "bullet_points": ["Cotton"],
            "description": "Soft.\nWarm.",
            "image": "https://shop.test/1.jpg",
            "attributes": {
                **{"Color": "Red, Blue", "Fabric": "Cotton", "weight": ".5", "length": "70"},
                **{"categories": "Uncategorized, Shirts & Tops, Sale", "tags": "new", "fit": "Slim"},
            },
        }
    ]
    assert found.how.layout == "woocommerce-api"
    assert found.how.columns["price"] == "unused"
    assert found.how.counts == {
        "custom fields that are not labels, left out": 1,
        "products in several categories; the first is their product type": 1,
    }
    assert images_of(path) == [["https://shop.test/1.jpg", "https://shop.test/2.jpg"]]


def test_the_store_api(tmp_path):
    found = read(save(tmp_path / "a.json", [WOO_STORE_HAT]))
    assert found.first["product_type"] == "Hats"  # by its address the deepest
    assert found.first["attributes"] == {"Color": "Blue, Grey", "categories": "Clothing, Hats", "brands": "Acme"}
    assert (found.first["description"], found.first["image"]) == ("A hat.", "https://shop.test/h.jpg")
    assert found.how.counts == {}


@pytest.mark.parametrize(
    "pages", [[[WOO_SHIRT], [WOO_VARIATION]], [[WOO_VARIATION, WOO_SHIRT]], [WOO_SHIRT, WOO_VARIATION]]
)
@pytest.mark.parametrize("has_type", [True, False])
def test_variations_of_a_product(tmp_path, pages, has_type):
    """Those of older versions have no type."""
    text = "".join(json.dumps(page) + "\n" for page in pages)
    path = tmp_path / "a.json"
    path.write_text(text if has_type else text.replace('"type": "variation", ', ""))
    found = read(path)
    assert [product["product_id"] for product in found.products] == ["154"]
    assert found.how.counts["rows of variations, which their products list"] == 1
    assert found.aside == []


def test_a_variation_without_its_product(tmp_path):
    found = read(save(tmp_path / "a.json", [WOO_STORE_HAT, WOO_VARIATION]))
    assert found.aside == [("row belongs to no product", "variation '155': no row has its parent '154'")]


@pytest.mark.parametrize(
    ("categories", "kind"),
    [([], None), ([{"name": "Uncategorized"}], "Uncategorized"), (["Hats"], "Hats"), (None, None)],
)
def test_categories(tmp_path, categories, kind):
    found = read(save(tmp_path / "a.json", [WOO_SHIRT, {**WOO_STORE_HAT, "categories": categories}]))
    assert [product["product_type"] for product in found.products] == ["Shirts & Tops", kind]


def test_the_image_that_stands_for_none(tmp_path):
    src = "https://shop.test/wp-content/uploads/woocommerce-placeholder-600x600.png"
    found = read(save(tmp_path / "a.json", [{**WOO_SHIRT, "images": [{"id": 0, "src": src}]}]))
    assert found.first["image"] is None


def test_without_categories_it_says_what_to_export(tmp_path):
    bare = {name: value for name, value in WOO_SHIRT.items() if name != "categories"}
    with pytest.raises(CatalogError, match="has no categories, which becomes the product type"):
        read(save(tmp_path / "a.json", [bare]))


def test_an_error_of_the_api_is_no_catalog(tmp_path):
    with pytest.raises(CatalogError, match=r"does not fit (any of )?the layouts"):
        read(save(tmp_path / "a.json", {"code": "rest_no_route", "message": "No route", "data": {"status": 404}}))


def test_measures_that_nobody_gave(tmp_path):
    nothing = {"weight": "0", "dimensions": {"length": "0.00", "width": "", "height": "3"}}
    labels = read(save(tmp_path / "a.json", [WOO_SHIRT | nothing])).first["attributes"]
    assert not {"weight", "length", "width"} & labels.keys()
    assert labels["height"] == "3"


def test_answers_in_a_table(tmp_path):
    """Objects are texts in its cells; PHP writes an empty object as an empty list."""
    of_lists = {**WOO_SHIRT, "dimensions": [1], "meta_data": {}}
    expected = read(save(tmp_path / "a.json", WOO_SHIRT)).first
    for kind in (json.dumps, str):
        cells = {name: kind(value) if isinstance(value, (dict, list)) else value for name, value in WOO_SHIRT.items()}
        assert read(write_dicts(tmp_path / f"{kind.__name__}.csv", list(cells), cells)).first == expected
    assert "length" not in read(save(tmp_path / "b.json", of_lists)).first["attributes"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("odd", ["red", {"Color": "Red"}, [["Color", "Red"]], 7], ids=str)
def test_attributes_that_are_no_list_cost_their_product(tmp_path, odd, first):
    """They made its whole file unrecognised, or were lost."""
    products = [{**WOO_SHIRT, "attributes": odd}, WOO_SHIRT, {**WOO_SHIRT, "attributes": None}]
    found = read(save(tmp_path / "a.json", *(products if first else reversed(products))))
    assert found.aside == [("attributes are not a list of objects", repr(odd) if odd != 7 else "'7'")]
    assert len(found.products) == 2


def test_a_list_with_keys(tmp_path):
    """PHP writes a list from which an attribute was removed as an object."""
    listed = dict(enumerate(WOO_SHIRT["attributes"], start=1))
    found = read(save(tmp_path / "a.json", WOO_SHIRT, {**WOO_SHIRT, "attributes": listed}))
    assert found.products[1] == found.first
    assert found.aside == []
