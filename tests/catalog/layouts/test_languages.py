"""Texts in several languages, in files of our own columns: a product is read in its market's."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.catalog.layouts.languages import CHOSEN
from tests.support.seller_files import read, write


def tagged(*texts: str, key: str = "language_tag") -> list[dict]:
    """Texts such as "hi_IN:शर्ट" with their languages."""
    return [{key: text.partition(":")[0], "value": text.partition(":")[2]} for text in texts]


ROW = {
    "product_id": "1",
    "marketplace": "JP",
    "product_type": "Shirts",
    "title": tagged("en_US:Shirt", "ja_JP:シャツ"),
    "bullet_points": tagged("ja_JP:綿", "ja_JP:半袖", "en_US:Cotton"),
    "description": tagged("en_US:Soft"),
    "attributes": {"color": tagged("en_US:Red", "ja_JP:赤"), "Fit": "Slim"},
}
READ = {
    "title": "シャツ",
    "bullet_points": ["綿", "半袖"],
    "description": "Soft",  # the only one
    "attributes": {"color": "赤", "Fit": "Slim"},
}


def test_tagged_lists(tmp_path):
    found = read(write(tmp_path / "a.jsonl", json.dumps(ROW)))
    assert {name: found.first[name] for name in READ} == READ
    assert found.how.counts == {CHOSEN: 1}


def test_further_columns_as_attributes(tmp_path):
    row = {name: value for name, value in ROW.items() if name != "attributes"} | ROW["attributes"]
    found = read(write(tmp_path / "a.jsonl", json.dumps(row)))
    assert found.how.layout == "flat"
    assert {name: found.first[name] for name in READ} == READ


def test_parquet(tmp_path):
    fit = tagged("en_US:Slim")
    row = ROW | {"attributes": list((ROW["attributes"] | {"Fit": fit}).items())}
    texts = pa.list_(pa.struct({"language_tag": pa.string(), "value": pa.string()}))
    kinds = {name: texts if isinstance(value, list) else pa.string() for name, value in ROW.items()}
    schema = pa.schema(kinds | {"attributes": pa.map_(pa.string(), texts)})
    pq.write_table(pa.Table.from_pylist([row], schema), tmp_path / "a.parquet")
    found = read(tmp_path / "a.parquet")
    assert {name: found.first[name] for name in READ} == READ


@pytest.mark.parametrize(
    ("market", "title"), [("JP", "シャツ"), ("IN", "Shirt"), (None, "Shirt"), ("DE", "Hemd"), ("XX", "Shirt")]
)
@pytest.mark.parametrize("shape", ["object", "lang"])
def test_a_market_without_a_language_is_read_in_english(tmp_path, market, title, shape):
    texts = ("de-DE:Hemd", "ja-JP:シャツ", "en:Shirt")
    given = dict(text.split(":") for text in texts) if shape == "object" else tagged(*texts, key="lang")
    row = ROW | {"marketplace": market, "title": given, "bullet_points": []}
    assert read(write(tmp_path / "a.jsonl", json.dumps(row))).first["title"] == title


def test_objects_that_tell_no_language_stay_what_they_are(tmp_path):
    labels = {"Manual": [{"language": "English", "value": "printed"}, {"language": "German", "value": "PDF"}]}
    found = read(write(tmp_path / "a.jsonl", json.dumps(ROW | {"title": "t", "attributes": labels})))
    assert found.first["attributes"] == {"Manual": "printed, PDF"}
