"""An open contract takes only what is frequent enough in the catalog."""

import pyarrow as pa
import pytest

from moemoe.contract.load import load_contract
from moemoe.contract.open_contract import resolve_contract
from moemoe.contract.text import normalize_key
from moemoe.errors import CatalogError, ContractError
from moemoe.schemas import PRODUCTS
from tests.support.whole_labels import in_parts, normalize

OPEN = """
dataset: little
open: {product_type_products: 3, attribute_labels: 4, value_labels: 2, attribute_values: 3, ignore_keys: [year]}
product_types:
  shoe: [Casual Shoes, Sports Shoes]
attributes:
  color: {keys: [baseColour]}
missing: [NA]
"""


def products(rows) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "product_id": str(i), "marketplace": "IN", "product_type": product_type, "title": "t",
                "bullet_points": [], "description": "", "image_hash": None, "attributes": list(attributes),
                "partition": 0, "row": i,
            }
            for i, (product_type, attributes) in enumerate(rows)
        ],
        PRODUCTS,
    )  # fmt: skip


CATALOG = [
    ("Casual Shoes", [("baseColour", "Blue"), ("sole", "Rubber"), ("size", "7"), ("year", "2011")]),
    ("Sports Shoes", [("Color", "BLUE, Red"), ("sole", "rubber"), ("size", "8"), ("year", "2011")]),
    ("casual shoes", [("color", "Blue"), ("sole", "Leather"), ("size", "9"), ("year", "2012")]),
    ("Watches", [("Color", "Red"), ("sole", "NA"), ("size", "10"), ("year", "2012")]),
    ("watches", [("Color", "Red"), ("sole", "leather"), ("size", "11"), ("year", "2012")]),
    ("Watches", [("Color", "Green"), ("Sole", "Rubber"), ("size", "12"), ("year", "2012")]),
    ("Rings", [("Color", "Gold"), ("sole", "Gold")]),
]


@pytest.fixture
def closed(tmp_path):
    (tmp_path / "open.yaml").write_text(OPEN)
    return resolve_contract(
        load_contract(tmp_path / "open.yaml"), in_parts(products(CATALOG), 3), tmp_path / "contract.yaml"
    )


def test_product_types_with_enough_products(closed):
    assert dict(closed.product_types) == {"shoe": ("Casual Shoes", "Sports Shoes"), "Watches": ()}


def test_attributes_with_enough_labels_and_few_values(closed):
    assert list(closed.attributes) == ["color", "sole"]  # every size is another one; year is ignored
    assert closed.attributes["color"].keys == ("color", "baseColour")
    assert list(closed.attributes["color"].values) == ["Blue", "Red"]  # Green comes once
    assert sorted(map(str.lower, closed.attributes["sole"].values)) == ["leather", "rubber"]


def test_the_written_contract_is_closed_and_normalizes(closed, tmp_path):
    again = load_contract(tmp_path / "contract.yaml")
    assert again.open is None
    assert again.hash == closed.hash
    assert again.report_product_types == ("shoe", "Watches")
    labels = normalize(products(CATALOG), again).labels
    rows = {(row["product_id"], row["attribute"]): row["values"] for row in labels.to_pylist()}
    assert rows["1", "color"] == ["Blue", "Red"]
    assert rows["0", "color"] == ["Blue"]
    assert ("6", "color") not in rows


def test_names_as_shops_write_them(tmp_path):
    """They come back from the file as they went in: apostrophes, slashes, stars, line breaks, other scripts."""
    keys = [
        "Colour (main)",
        "Neck / Collar",
        "Pattern*",
        "Men\u2019s or Women\u2019s",
        "Gr\u00f6\u00dfe?",
        "\u0930\u0902\u0917",
        "a: b #1",
    ]
    rows = [("Men\u2019s\n T-Shirts", [(key, f"{key}: {i % 2}") for key in keys]) for i in range(8)]
    (tmp_path / "open.yaml").write_text(OPEN.replace("  shoe: [Casual Shoes, Sports Shoes]", "  shoe: []"))
    closed = resolve_contract(load_contract(tmp_path / "open.yaml"), [products(rows)], tmp_path / "contract.yaml")
    assert closed.report_product_types == ("Men\u2019s T-Shirts",)
    assert sorted(closed.attributes) == sorted(normalize_key(key) for key in keys)
    labels = normalize(products(rows), closed).labels.to_pylist()
    assert len(labels) == len(rows) * len(keys)
    assert {label["product_type"] for label in labels} == {"Men\u2019s T-Shirts"}


def test_ids_stay_with_what_the_catalog_has(tmp_path):
    sole = "  sole: {values: {rubber: [], leather: []}, id: a2, value_ids: {leather: v7}}\n"
    text = OPEN.replace("{keys: [baseColour]}\n", "{keys: [baseColour], id: a1}\n" + sole)
    text = text.replace("product_types:\n", "product_type_ids: {shoe: t1, hat: t2}\nproduct_types:\n  hat: []\n")
    (tmp_path / "open.yaml").write_text(text)
    closed = resolve_contract(load_contract(tmp_path / "open.yaml"), [products(CATALOG)], tmp_path / "contract.yaml")
    assert closed.product_type_ids == {"shoe": "t1"}
    assert closed.ids("color", "Blue") == ("a1", None)
    assert closed.ids("sole", "leather") == ("a2", "v7")


def test_a_closed_contract_stays_as_it_is(closed, tmp_path):
    same = resolve_contract(closed, [products(CATALOG)], tmp_path / "copy.yaml")
    assert same.hash == closed.hash
    assert (tmp_path / "copy.yaml").read_bytes() == (tmp_path / "contract.yaml").read_bytes()


def test_a_catalog_without_support_is_refused_with_the_thresholds(tmp_path):
    (tmp_path / "open.yaml").write_text(OPEN.replace("product_type_products: 3", "product_type_products: 30"))
    contract = load_contract(tmp_path / "open.yaml")
    with pytest.raises(CatalogError, match="0 product types with 30 products"):
        resolve_contract(contract, [products(CATALOG)], tmp_path / "contract.yaml")


def test_contradictions_keep_what_the_catalog_has(tmp_path):
    rules = """
contradictions:
  - {when: {color: [blue, Pink]}, never: {Sole: [LEATHER]}, reason: so it is}
  - {when: {color: [Pink]}, never: {Sole: [Rubber]}, reason: no such color}
  - {when: {color: [Red]}, never: {heel: [High]}, reason: no such attribute}
"""
    text = OPEN.replace("  color:", "  Sole: {keys: [sole]}\n  heel: {keys: [Heel]}\n  color:") + rules
    (tmp_path / "open.yaml").write_text(text)
    path = tmp_path / "contract.yaml"
    closed = resolve_contract(load_contract(tmp_path / "open.yaml"), [products(CATALOG)], path)
    [rule] = load_contract(path).contradictions
    assert closed.contradictions == (rule,)
    assert (rule.when, rule.when_values, rule.never) == ("color", ("Blue",), "Sole")
    assert rule.never_values == tuple(v for v in closed.attributes["Sole"].values if v.lower() == "leather")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dataset: x\n", "may be left out only if there is a key 'open'"),
        ("dataset: x\nopen: {product_type_products: 3}\n", "key 'attribute_labels' is missing"),
        (OPEN.replace("value_labels: 2", "value_labels: 0"), "must be a whole number from 1 to 1,000,000,000"),
    ],
)
def test_an_open_contract_that_says_too_little(text, message, tmp_path):
    (tmp_path / "open.yaml").write_text(text)
    with pytest.raises(ContractError, match=message):
        load_contract(tmp_path / "open.yaml")


def test_labels_that_a_measurement_reads_by_their_key_count(tmp_path):
    measured = "measurement: {unit: cm, units: {}, decimals: 0, at_least: 0, at_most: 900, tolerance: 1}"
    width = f"  width: {{keys: ['Size (W x H)'], {measured}}}\n"
    (tmp_path / "open.yaml").write_text(OPEN.replace("missing:", f"{width}missing:"))
    rows = [(kind, [*labels, ("Size (W x H)", f"{i + 3} x 20 cm")]) for i, (kind, labels) in enumerate(CATALOG)]
    closed = resolve_contract(load_contract(tmp_path / "open.yaml"), in_parts(products(rows), 3), tmp_path / "c.yaml")
    assert "width" in closed.attributes
