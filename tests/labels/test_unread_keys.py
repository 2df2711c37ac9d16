"""Keys that no attribute reads."""

import pytest
import yaml

from moemoe.contract.load import load_contract
from moemoe.schemas import UNREAD_KEYS
from tests.support.small_contract import SMALL, products, small_contract, write_contract
from tests.support.whole_labels import normalize


@pytest.fixture
def table():
    return products(
        {"attributes": [("color", "Red"), ("Fabric 2", "Cotton"), ("Fabric  2", "Wool"), ("Style", "A: b")]},
        {"attributes": [("color", "Red"), ("FABRIC 2", "Wool"), ("Style", "NA"), ("Empty", " ")]},
        {"attributes": [("color", "Red"), ("Style", 'Boho "chic"'), ("Style", None)]},
        {"attributes": [("Style", "of another type")], "product_type": "Mugs"},
        {"attributes": None},
    )


@pytest.mark.parametrize("parts", [1, 3])
def test_they_are_listed_with_fill_and_values(tmp_path, table, parts):
    unread = normalize(table, small_contract(tmp_path), parts).unread_keys
    assert unread.schema == UNREAD_KEYS
    style, fabric = unread.to_pylist()  # as frequent: by name
    fabric, style = sorted((style, fabric), key=lambda row: row["key"].casefold())
    assert (fabric["products"], fabric["fill"], fabric["attribute"]) == (2, 0.5, "material")
    assert sorted(fabric["values"]) == ["Cotton", "Wool"]
    assert (style["key"], style["products"], style["attribute"]) == ("Style", 3, None)
    assert sorted(style["values"]) == ["A: b", 'Boho "chic"']


def test_the_line_can_be_pasted(tmp_path, table):
    lines = {row["key"]: row["yaml"] for row in normalize(table, small_contract(tmp_path)).unread_keys.to_pylist()}
    with_style = SMALL.replace("attributes:\n", f"attributes:\n  {lines.pop('Style')}\n")
    contract = load_contract(write_contract(tmp_path, with_style))
    assert set(contract.attributes["style"].values) == {"A: b", 'Boho "chic"'}
    [(key, line)] = lines.items()
    assert line.endswith("# of material")
    assert yaml.safe_load(line)["keys"] == ["...", key]
    with_fabric = SMALL.replace("[Fabric, Cloth]", f"[Fabric, Cloth, {key}]")
    again = normalize(table, load_contract(write_contract(tmp_path, with_fabric)))
    assert [row["key"] for row in again.unread_keys.to_pylist()] == ["Style"]


def test_every_key_is_read(tmp_path):
    table = products({"attributes": [("color", "Red"), ("Fabric", "Wool")]})
    assert not normalize(table, small_contract(tmp_path)).unread_keys.num_rows


def test_the_line_of_any_key_and_values_can_be_pasted(tmp_path):
    """Spellings of one value, values of punctuation or of one beginning, keys of any characters."""
    values = [
        "Boho",
        "BOHO",
        "boho.",
        "???",
        "2",
        "2.0",
        "x" * 60 + "a",
        "x" * 60 + "b",
        "yes: {no}",
        "emoji \U0001f455",
    ]
    keys = ["Fit / cut", "100%", "\U0001f455", "a\nb", "k" * 300, "#tag: x", "!!!"]
    rows = [{"attributes": [("color", "Red"), *((key, value) for key in keys)]} for value in values]
    unread = normalize(products(*rows), small_contract(tmp_path)).unread_keys.to_pylist()
    assert {row["key"] for row in unread} == set(keys)
    for row in unread:
        assert row["values"] == ["Boho", "2", "x" * 60, "yes: {no}", "emoji \U0001f455"]
        contract = load_contract(
            write_contract(tmp_path, SMALL.replace("attributes:\n", f"attributes:\n  {row['yaml']}\n"))
        )
        assert len(contract.attributes) == 3, row["key"][:20]
