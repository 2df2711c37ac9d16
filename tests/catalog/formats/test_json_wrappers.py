"""JSON of data tools: products in wrappers, under their ids, printed by Python."""

import json

import pytest

from moemoe.catalog.formats.json_wrappers import ACTIONS, PYTHON_LINES
from moemoe.errors import CatalogError
from tests.support.catalog_files import read_as, rows_of

PRODUCTS = [
    {"product_id": f"p{i}", "product_type": "Shirts", "title": f"Shirt {i}, {{new}}", "attributes": {"Fit": "Slim"}}
    for i in range(3)
]
FLAT = [{"product_id": f"p{i}", "product_type": "Shirts", "title": f"{i}", "Fit": "Slim"} for i in range(3)]


def lines(*objects) -> str:
    return "".join(json.dumps(one) + "\n" for one in objects)


def search_hits(products):
    return [{"_index": "shop", "_id": str(i), "_score": 1.0, "_source": one} for i, one in enumerate(products)]


@pytest.mark.parametrize(
    "content",
    [
        lines(*search_hits(PRODUCTS)),
        json.dumps({"took": 3, "timed_out": False, "hits": {"total": {"value": 3}, "hits": search_hits(PRODUCTS)}}),
        lines(*(line for one in PRODUCTS for line in ({"index": {"_id": one["product_id"]}}, one))),
        lines(*({"_airbyte_ab_id": "1", "_airbyte_emitted_at": 1, "_airbyte_data": one} for one in PRODUCTS)),
        lines(*({"type": "RECORD", "stream": "products", "record": one} for one in PRODUCTS)),
        json.dumps({"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": one} for one in PRODUCTS]}),
        "".join(f"{one}\n" for one in PRODUCTS),
        "".join(map(json.dumps, PRODUCTS)),
        ", ".join(map(json.dumps, PRODUCTS)),
        json.dumps({"result": {"items": PRODUCTS}}),
        json.dumps(
            [
                {"type": "header", "version": "5.2.1", "comment": "Export to JSON plugin for PHPMyAdmin"},
                *({"type": "database", "name": "shop"}, {"type": "table", "name": "products", "data": PRODUCTS}),
            ]
        ),
        json.dumps({one["product_id"]: {key: one[key] for key in one if key != "product_id"} for one in PRODUCTS}),
        json.dumps({"products": {f"k{i}": one for i, one in enumerate(PRODUCTS)}, "total": 3}),
    ],
)
def test_wrapped_products(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_text(content)
    rows = rows_of(path)
    assert [row["product_id"] for row in rows] == ["p0", "p1", "p2"]
    assert (rows[1]["title"], rows[1]["attributes"]) == ("Shirt 1, {new}", [("Fit", "Slim")])


def test_what_was_done_is_counted(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{'product_id': 'p1', 'product_type': 'S', 'title': \"Men's\", 'Fit': nan, 'Neck': ['V', None]}\n")
    assert read_as(path).counts == {PYTHON_LINES: 1}
    assert [(row["title"], row["attributes"]) for row in rows_of(path)] == [("Men's", [("Neck", "V")])]
    path.write_text(lines({"index": {}}, FLAT[0], {"index": {"_id": "1"}}, FLAT[1]))
    assert read_as(path).counts == {ACTIONS: 2}
    path.write_text("{'product_id': p1}\n")
    with pytest.raises(CatalogError, match=r"a\.jsonl is not JSON lines.*line 1: Expecting property name"):
        rows_of(path)


def test_the_last_page_is_empty(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(lines({"data": {"products": PRODUCTS}}, {"data": {"products": []}}))
    assert len(rows_of(path)) == 3


def test_dynamodb(tmp_path):
    item = {
        **{name: {"S": text} for name, text in REQUIRED.items()},
        "attributes": {"M": {"Fit": {"S": "Slim"}, "Width": {"N": "32"}, "Sizes": {"SS": ["S", "M"]}}},
        "bullet_points": {"L": [{"S": "Soft"}, {"S": "Warm"}]},
        "description": {"NULL": True},
    }
    path = tmp_path / "a.json"
    path.write_text(lines({"Item": item}, {"Item": item, "x": 1}, {"Items": []}))
    told = []
    row, *_ = rows_of(path, quarantine=lambda *problem: told.append(problem))
    assert row["attributes"] == [("Fit", "Slim"), ("Width", "32"), ("Sizes", "S, M")]
    assert (row["bullet_points"], row["description"]) == (["Soft", "Warm"], None)
    assert told == [(2, "row", "row is not readable", "object 3 has no 'Item': \"{'Items': []}\"")]


def test_answers_of_dynamodb(tmp_path):
    items = [{**{name: {"S": text} for name, text in REQUIRED.items()}, "attributes": {"M": {"Fit": {"S": "Slim"}}}}]
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"Items": items * 2, "Count": 2, "ScannedCount": 2}))
    assert [(row["product_id"], row["attributes"]) for row in rows_of(path)] == [("p1", [("Fit", "Slim")])] * 2


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ({"$numberInt": "32"}, "32"),
        ({"$numberDecimal": "1.50"}, "1.50"),
        ([{"$numberLong": "1"}, {"$numberLong": "2"}], "1, 2"),
        ({"value": {"$numberDouble": "2.5"}, "unit": "cm"}, "2.5 cm"),
        ({"$date": "2024-03-05T00:00:00Z"}, "2024-03-05"),
        ({"$date": {"$numberLong": "1709596800000"}}, "2024-03-05"),
        ({"$date": 1709632800000}, "2024-03-05T10:00:00+00:00"),
    ],
)
def test_types_of_mongodb(tmp_path, value, label):
    path = tmp_path / "a.jsonl"
    path.write_text(lines({**REQUIRED, "attributes": {"Fit": "Slim"}}, {**REQUIRED, "attributes": {"Width": value}}))
    assert rows_of(path)[1]["attributes"] == [("Width", label)]
    assert not read_as(path).counts
    path.write_text(lines({"_id": {"$oid": "65a0"}, "product_type": "Shirts", "title": "Shirt", "Width": value}))
    (row,) = rows_of(path, columns={"product_id": "_id"})
    assert (row["product_id"], row["attributes"]) == ("65a0", [("Width", label)])


SHIRT = {"title": "Shirt", "product_type": "Shirts", "Fit": "Slim"}


@pytest.mark.parametrize(
    "content",
    [
        lines({"_index": "shop", "_id": "7", "_source": SHIRT}),
        json.dumps({"records": [{"id": "7", "fields": SHIRT}], "offset": 1}),
        json.dumps({"data": [{"id": "7", "type": "products", "attributes": SHIRT}]}),
    ],
)
def test_the_id_beside_the_product(tmp_path, content):
    """Of Elasticsearch, Airtable and JSON:API."""
    path = tmp_path / "a.json"
    path.write_text(content)
    assert [(row["product_id"], row["attributes"]) for row in rows_of(path)] == [("7", [("Fit", "Slim")])]


REQUIRED = {"product_id": "p1", "product_type": "Shirts", "title": "Shirt"}


def test_keys_of_mongodb_are_no_labels(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(lines({"_id": {"$oid": "65a0"}, **FLAT[0], "__v": 0}, {"_id": "65a1", **FLAT[1]}))
    assert [row["attributes"] for row in rows_of(path)] == [[("Fit", "Slim")], [("Fit", "Slim")]]
    assert (read_as(path).columns["_id"], read_as(path).counts) == ("unused", {})


def test_a_table_by_its_columns_is_none_of_products_by_their_ids(tmp_path):
    """As pandas writes it, with row names of its own."""
    path = tmp_path / "a.json"
    path.write_text(json.dumps({key: {"a": FLAT[0][key], "b": FLAT[1][key]} for key in FLAT[0]}))
    assert [row["product_id"] for row in rows_of(path)] == ["p0", "p1"]
    assert read_as(path).format == "JSON (object of columns)"
