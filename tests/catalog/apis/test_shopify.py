"""Responses of Shopify's APIs: products.json, one product, GraphQL and its bulk export."""

import json
import random

import pytest

from moemoe.catalog.apis import shopify
from moemoe.catalog.layouts import joined
from moemoe.errors import CatalogError
from tests.support.seller_files import images_of, read
from tests.support.shop_api_samples import SHOPIFY_CAP, SHOPIFY_HAT, SHOPIFY_PARTS, SHOPIFY_SHIRT, SHOPIFY_TEE

ADMIN = {
    **SHOPIFY_SHIRT,
    "tags": "new, summer",
    "image": {"src": "https://cdn.test/1.jpg"},
    "status": "active",
    "metafields": [
        {"namespace": "custom", "key": "fabric", "value": '["Cotton", "Linen"]', "type": "list.single_line_text_field"},
        {"namespace": "shopify", "key": "color", "value": '["gid://shopify/Metaobject/1"]', "type": "list.reference"},
    ],
}
OF_HANDLE = {
    "id": 1,
    "title": "Shoe",
    "handle": "shoe",
    "description": "<p>Light</p>",
    "vendor": "Acme",
    "type": "Shoes",
    "images": ["//cdn.test/a.jpg"],
    "featured_image": "//cdn.test/a.jpg",
    "options": ["Size"],
    "variants": [{"option1": "40"}, {"option1": "41"}],
    "media": [{"media_type": "image", "src": "//cdn.test/a.jpg"}, {"media_type": "video", "src": "//cdn.test/a.mp4"}],
}
EDGES = {
    **SHOPIFY_TEE,
    "variants": {"edges": [{"node": {"selectedOptions": [{"name": "Color", "value": "Green"}]}}]},
    "images": {"nodes": [{"url": "https://cdn.test/g.jpg"}]},
}


def save(path, *answers, indent=None):
    path.write_text("".join(json.dumps(answer, indent=indent) + "\n" for answer in answers))
    return path


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "answers",
    [
        [{"products": [SHOPIFY_SHIRT, SHOPIFY_HAT]}],
        [{"products": [SHOPIFY_SHIRT]}, {"products": [SHOPIFY_HAT]}, {"products": []}],
        [[{"products": [SHOPIFY_SHIRT]}, {"products": [SHOPIFY_HAT]}]],
        [[[SHOPIFY_SHIRT], [SHOPIFY_HAT]]],
        [[SHOPIFY_SHIRT, SHOPIFY_HAT]],
        [SHOPIFY_SHIRT, SHOPIFY_HAT],
        [{"product": SHOPIFY_SHIRT}, {"product": SHOPIFY_HAT}],
    ],
)
def test_products_of_a_storefront_in_any_packing(tmp_path, answers, indent):
    found = read(save(tmp_path / "products.json", *answers, indent=indent))
    assert found.products == [
        {
            "product_id": "632910392",
            "marketplace": None,
            "product_type": "Shirts",
            "title": "Red & Blue Shirt",
            "bullet_points": ["Cotton"],
            "description": "Soft.",
            "image": "https://cdn.test/1.jpg",  # by its position
            "attributes": {"Color": "Red, Blue", "Size": "S, M", "vendor": "Acme", "tags": "new, summer"},
        },
        {
            "product_id": "7",
            "marketplace": None,
            "product_type": "Hats",
            "title": "Hat",
            "bullet_points": [],
            "description": None,
            "image": None,
            "attributes": {"vendor": "Acme"},  # "Default Title" is no option
        },
    ]
    assert found.aside == []
    assert found.how.layout == "shopify-api"
    assert found.how.columns["published_at"] == "unused"
    assert found.how.columns["variants"] == "attribute (options, metafields and weight), image"


def test_all_images_in_order(tmp_path):
    path = save(tmp_path / "a.json", {"products": [SHOPIFY_SHIRT]})
    assert images_of(path) == [[f"https://cdn.test/{name}.jpg" for name in "12v"]]


def test_the_admin_api(tmp_path):
    found = read(save(tmp_path / "a.json", {"products": [ADMIN]}))
    assert found.first["attributes"] == {
        **{"Color": "Red, Blue", "Size": "S, M", "vendor": "Acme", "tags": "new, summer"},
        "fabric": "Cotton, Linen",
    }
    assert found.how.columns["status"] == "unused"
    assert found.how.counts == {"metafields that refer to other objects of the shop, left out": 1}


def test_metafields_that_refer_to_other_objects(tmp_path):
    """Their names where the query asked for them; an id says nothing."""
    red, blue = ({"displayName": name, "id": f"gid://shopify/Metaobject/{name}"} for name in ("Red", "Blue"))
    metafields = [
        {"key": "color", "value": '["gid://shopify/Metaobject/1"]', "references": {"nodes": [red, blue]}},
        {"key": "lining", "value": "gid://shopify/Metaobject/2", "reference": red},
        {"key": "trim", "value": "gid://shopify/Metaobject/3", "reference": {"id": "gid://shopify/Metaobject/3"}},
        {"key": "care", "value": '["gid://shopify/Metaobject/4", "Dry clean"]'},
    ]
    found = read(save(tmp_path / "a.json", {"products": [{**SHOPIFY_HAT, "metafields": metafields}]}))
    assert found.first["attributes"] == {"vendor": "Acme", "color": "Red, Blue", "lining": "Red", "care": "Dry clean"}
    assert found.how.counts == {"metafields that refer to other objects of the shop, left out": 2}


def test_a_product_as_a_theme_asks_for_it(tmp_path):
    found = read(save(tmp_path / "a.jsonl", OF_HANDLE)).first
    assert (found["product_type"], found["description"], found["image"]) == ("Shoes", "Light", "//cdn.test/a.jpg")
    assert found["attributes"] == {"Size": "40, 41", "vendor": "Acme"}
    assert images_of(tmp_path / "a.jsonl") == [["//cdn.test/a.jpg"]]


def test_graphql(tmp_path):
    answer = {"data": {"products": {"edges": [{"node": EDGES}], "pageInfo": {}}}, "extensions": {}}
    found = read(save(tmp_path / "a.json", answer)).first
    assert (found["product_id"], found["product_type"], found["description"]) == (EDGES["id"], "T-Shirts", "Warm")
    assert found["attributes"] == {
        **{"Color": "Red, Green", "vendor": "Acme", "category": "Apparel > T-Shirts", "tags": "a, b"},
    }
    assert found["image"] == "https://cdn.test/g.jpg"


@pytest.mark.parametrize("in_parts", [False, True])
@pytest.mark.parametrize("apart", [False, True])
def test_the_bulk_export(tmp_path, monkeypatch, apart, in_parts):
    """Children stand behind their parent, since 2026 not right behind it."""
    if in_parts:
        monkeypatch.setattr(shopify, "LINES_IN_MEMORY", 2)
        monkeypatch.setattr(joined, "PARTS", 3)
    lines = [SHOPIFY_TEE, SHOPIFY_CAP, *SHOPIFY_PARTS] if apart else [SHOPIFY_TEE, *SHOPIFY_PARTS, SHOPIFY_CAP]
    found = read(save(tmp_path / "bulk.jsonl", *lines))
    tee, cap = sorted(found.products, key=lambda product: product["product_id"])
    assert tee["attributes"] == {
        **{"Color": "Red, Black", "fit": "Slim", "fabric": "Wool", "vendor": "Acme"},
        **{"category": "Apparel > T-Shirts", "tags": "a, b"},
    }
    assert (tee["title"], tee["product_type"], tee["image"]) == ("Tee", "T-Shirts", "https://cdn.test/t.jpg")
    assert (cap["product_type"], cap["attributes"]["Color"], cap["image"]) == ("Caps", "Red", None)
    assert (found.how.layout, found.aside) == ("shopify-api", [])
    assert found.how.counts == {"lines of variants, images and metafields joined": 4}
    assert found.how.columns["type"] == "unused"  # a metafield's
    assert found.how.columns["__parentId"] == "joins variants, images and metafields to their product"


def test_lines_of_a_bulk_export_that_belong_to_no_product(tmp_path):
    stray = {"id": "gid://shopify/ProductVariant/9", "sku": "x", "__parentId": "gid://shopify/Product/404"}
    sale = {"id": "gid://shopify/Collection/6", "title": "Sale", "__parentId": SHOPIFY_TEE["id"]}
    found = read(save(tmp_path / "bulk.jsonl", SHOPIFY_TEE, stray, sale))
    assert [product["title"] for product in found.products] == ["Tee"]
    told = "ProductVariant 'gid://shopify/ProductVariant/9': no line has its parent 'gid://shopify/Product/404'"
    assert found.aside == [("row belongs to no product", told)]
    assert found.how.counts == {"lines of the kind Collection, left out": 1}


def test_parts_that_come_late_in_a_bulk_export(tmp_path):
    """The first rows, by which a file is known, are all products."""
    products = [{**SHOPIFY_CAP, "id": f"gid://shopify/Product/{i}"} for i in range(300)]
    parts = [
        {**SHOPIFY_PARTS[2], "id": f"gid://shopify/ProductVariant/{i}", "__parentId": product["id"]}
        for i, product in enumerate(products)
    ]
    random.Random(0).shuffle(parts)
    found = read(save(tmp_path / "bulk.jsonl", *products, *parts))
    assert len(found.products) == 300
    assert {product["attributes"]["Color"] for product in found.products} == {"Red, Black"}
    assert found.how.columns["selectedOptions"] == "attribute"


def test_products_in_a_table_of_a_scraper(tmp_path):
    """pandas writes lists as Python prints them."""
    path = tmp_path / "a.csv"
    columns = ["id", "title", "handle", "body_html", "vendor", "product_type", "variants", "images", "options"]
    cells = [str(SHOPIFY_SHIRT[column]).replace('"', '""') for column in columns]
    path.write_text(",".join(columns) + "\n" + ",".join(f'"{cell}"' for cell in cells) + "\n")
    found = read(path)
    assert found.how.layout == "shopify-api"
    assert found.first["image"] == "https://cdn.test/1.jpg"
    assert found.first["attributes"] == {"Color": "Red, Blue", "Size": "S, M", "vendor": "Acme"}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("end", ["", "\n"])
def test_cut_in_the_middle(tmp_path, indent, end):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"products": [SHOPIFY_SHIRT, SHOPIFY_HAT]}, indent=indent)[:-150] + end)
    with pytest.raises(CatalogError, match=r"a\.json is (cut short or is not JSON|not JSON lines)"):
        read(path)


def test_a_page_that_is_an_error_costs_itself(tmp_path):
    pages = [{"products": [SHOPIFY_SHIRT]}, {"errors": "Not Found"}, {"products": [SHOPIFY_HAT, 5]}]
    found = read(save(tmp_path / "a.jsonl", *pages))
    assert [product["title"] for product in found.products] == ["Red & Blue Shirt", "Hat"]
    assert [detail for _, detail in found.aside] == [
        "answer 2 has no list of products: \"{'errors': 'Not Found'}\"",
        "item 3: '5' is not a JSON object",
    ]


def test_without_a_type_it_says_what_to_export(tmp_path):
    bare = {name: value for name, value in SHOPIFY_SHIRT.items() if name != "product_type"}
    with pytest.raises(CatalogError, match="has no product_type and no category, which becomes the product type"):
        read(save(tmp_path / "a.jsonl", bare))


@pytest.mark.parametrize(
    ("variant", "weight"),
    [
        ({"grams": 567, "weight": 1.25, "weight_unit": "lb"}, "567 g"),
        ({"weight": 1.25, "weight_unit": "lb"}, "1.25 lb"),
        ({"inventoryItem": {"measurement": {"weight": {"value": 2.5, "unit": "KILOGRAMS"}}}}, "2.5 kilograms"),
        ({"grams": 0, "weight": 0.0, "weight_unit": "kg"}, None),
        ({"inventoryItem": {"measurement": {"weight": None}}}, None),
    ],
)
def test_what_variants_weigh(tmp_path, variant, weight):
    """As in the CSV."""
    found = read(save(tmp_path / "products.json", {"products": [OF_HANDLE | {"variants": [variant]}]}))
    assert found.first["attributes"].get("Weight") == weight
