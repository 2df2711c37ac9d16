"""Responses of Akeneo's REST API."""

import json

import pytest

from moemoe.catalog.apis.akeneo import MODELS, NO_LABELS
from tests.support.seller_files import images_of, read, write, write_dicts
from tests.support.shop_api_samples import AKENEO_SHIRT, akeneo_value


def save(path, *answers):
    return write(path, *map(json.dumps, answers))


def with_values(**values):
    return {**AKENEO_SHIRT, "values": values}


PAGE = {"_links": {"self": {"href": "x"}}, "current_page": 1, "_embedded": {"items": [AKENEO_SHIRT]}}


def test_pages(tmp_path):
    """In one language and channel; options by their labels if the answer has them."""
    path = save(tmp_path / "a.json", PAGE, {**PAGE, "_embedded": {"items": []}})
    found = read(path)
    assert found.products == [
        {
            "product_id": "1111",
            "marketplace": None,
            "product_type": "shirts",
            "title": "Shirt & tie",
            "bullet_points": ["Cotton"],
            "description": "Soft",
            "image": "f/2/e/front.jpg",
            "attributes": {
                **{"color": "Red", "materials": "Hide, cotton", "height": "25.4500 centimeter", "washable": "false"},
                **{"fit": "Slim", "categories": "summer, men"},
            },
        }
    ]
    assert images_of(path) == [["f/2/e/front.jpg", "f/2/e/back.jpg"]]
    assert (found.how.layout, found.how.format) == ("akeneo-api", "JSON (list '_embedded')")
    assert (found.how.columns["associations"], found.how.counts) == ("unused", {NO_LABELS: 1})


def test_the_title_s_language_is_the_product_s(tmp_path):
    values = {"erp_name": [akeneo_value("Hemd", "de_DE")], "fit": [akeneo_value("Slim", "en_US")]}
    values["fit"].append(akeneo_value("Schmal", "de_DE"))
    first = read(save(tmp_path / "a.jsonl", with_values(**values))).first
    assert (first["title"], first["attributes"]["fit"]) == ("Hemd", "Schmal")


@pytest.mark.parametrize(
    ("codes", "title"),
    [
        (["brand_name", "x_name"], "x_name"),
        (["x_name", "title"], "title"),
        (["meta_title", "variation_name"], "variation_name"),
    ],
)
def test_the_code_of_the_title(tmp_path, codes, title):
    path = save(tmp_path / "a.jsonl", with_values(**{code: [akeneo_value(code)] for code in codes}))
    assert read(path).first["title"] == title


@pytest.mark.parametrize(
    ("ids", "expected"),
    [({"uuid": "fc24"}, "sku-1"), ({"identifier": "1", "uuid": "fc24"}, "1")],
)
def test_the_id(tmp_path, ids, expected):
    """By UUID an answer has the identifier among its values; without one the UUID is left."""
    sku = akeneo_value("sku-1", attribute_type="pim_catalog_identifier")
    bare = {name: AKENEO_SHIRT[name] for name in ("family", "categories")}
    product = {**bare, **ids, "values": {"sku": [sku], "name": [akeneo_value("a")]}}
    path = save(tmp_path / "a.jsonl", product, {**bare, "uuid": "fc25", "values": {"name": [akeneo_value("b")]}})
    first, second = read(path).products
    assert (first["product_id"], second["product_id"]) == (expected, "fc25")
    assert "sku" not in first["attributes"]


def test_links_of_assets(tmp_path):
    links = {"share_links": [{"attribute": "media", "_links": {"self": {"href": "https://assets.test/1.jpg"}}}]}
    product = with_values(name=[akeneo_value("a")], photos=[akeneo_value(["left"], linked_data={"left": links})])
    assert images_of(save(tmp_path / "a.jsonl", product)) == [["https://assets.test/1.jpg"]]


def test_models_are_no_products(tmp_path):
    model = {"code": "jack", "family": "shirts", "family_variant": "by_color", "values": AKENEO_SHIRT["values"]}
    found = read(save(tmp_path / "a.jsonl", AKENEO_SHIRT, model))
    assert (len(found.products), found.how.counts[MODELS]) == (1, 1)


def test_values_of_another_form_cost_their_product(tmp_path):
    found = read(
        save(tmp_path / "a.jsonl", AKENEO_SHIRT, {**AKENEO_SHIRT, "values": "red"}, {**AKENEO_SHIRT, "values": []})
    )
    assert found.aside == [("attributes are not a map", "'red'")]
    assert found.products[1]["attributes"] == {"categories": "summer, men"}


def test_without_a_family_the_first_category_is_the_product_type(tmp_path):
    assert read(save(tmp_path / "a.jsonl", {**AKENEO_SHIRT, "family": None})).first["product_type"] == "summer"


def test_answers_in_a_table(tmp_path):
    expected = read(save(tmp_path / "a.json", AKENEO_SHIRT)).first
    cells = {n: json.dumps(v) if isinstance(v, (dict, list)) else v for n, v in AKENEO_SHIRT.items()}
    assert read(write_dicts(tmp_path / "a.csv", list(cells), cells)).first == expected
