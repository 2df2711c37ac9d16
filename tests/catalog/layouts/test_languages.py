"""Texts in several languages in our own columns: a product is read in its marketplace's language."""

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
    ("attributes", "label"),
    [
        ({"color": [{"lang": "en", "value": 3, "unit": "cm"}, {"lang": "de", "value": 4, "unit": "cm"}]}, "4 cm"),
        ({"color": [{"lang": "en", "label": "Red"}, {"lang": "de", "label": "Rot"}]}, "Rot"),
        ({"color": [{"@language": "en", "@value": "Red"}, {"@language": "de", "@value": "Rot"}]}, "Rot"),
        ([{"key": "color", "value": tagged("en:Red", "de:Rot", key="lang")}], "Rot"),
        ([["color", tagged("en:Red", "de:Rot", key="lang")]], "Rot"),
        ([{"key": "color", "value": "Red", "lang": "en"}, {"key": "color", "value": "Rot", "lang": "de"}], "Rot"),
        (json.dumps({"color": tagged("en:Red", "de:Rot", key="lang")}), "Rot"),
        ({"color": json.dumps(tagged("en:Red", "de:Rot", key="lang"))}, "Rot"),
    ],
)
def test_labels_in_one_language_keep_what_else_they_have(tmp_path, attributes, label):
    row = {"product_id": "1", "product_type": "Shirts", "title": "t", "marketplace": "DE", "attributes": attributes}
    found = read(write(tmp_path / "a.jsonl", json.dumps(row)))
    assert found.first["attributes"] == {"color": label}
    assert found.how.counts == {CHOSEN: 1}


@pytest.mark.parametrize(
    ("market", "title", "read_as"),
    [
        ("JP", {"en": "Shirt", "ja": "シャツ"}, "シャツ"),
        ("AT", tagged("en:Shirt", "de-DE:Hemd"), "Hemd"),
        ("IN", {"en": "Shirt", "hi": "शर्ट"}, "Shirt"),
        ("AE", tagged("ar_AE:قميص", "en_AE:Shirt"), "Shirt"),  # English first, where both name the country
        ("MX", tagged("es-419:Camisa", "en:Shirt"), "Camisa"),
        ("US", tagged("es-419:Camisa", "en:Shirt"), "Shirt"),
        ("CN", {"EN": "Shirt", "zh-Hans-CN": "衬衫"}, "衬衫"),
        ("DE", {"de_DE": "", "en": "Shirt"}, "Shirt"),  # still to be translated
        ("DE", [{"lang": "de", "value": None}, {"lang": "en", "value": "Shirt"}], "Shirt"),
        ("DE", {"en": "Shirt"}, "Shirt"),
        ("DE", json.dumps(tagged("en_US:Shirt", "de_DE:Hemd")), "Hemd"),
        ("DE", "{de} Hemd", "{de} Hemd"),
    ],
)
def test_a_title_is_read_in_the_language_of_the_market(tmp_path, market, title, read_as):
    row = ROW | {"marketplace": market, "title": title, "bullet_points": [], "attributes": {}}
    assert read(write(tmp_path / "a.jsonl", json.dumps(row))).first["title"] == read_as


def test_a_table_s_cells(tmp_path):
    cells = [json.dumps(tagged("en:Shirt", "de:Hemd")), json.dumps(tagged("en:Red", "de:Rot"))]
    row = ",".join('"' + cell.replace('"', '""') + '"' for cell in cells)
    found = read(write(tmp_path / "a.csv", "product_id,product_type,marketplace,title,color", f"1,Shirts,DE,{row}"))
    assert (found.first["title"], found.first["attributes"]) == ("Hemd", {"color": "Rot"})


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
    plain = {"product_id": "1", "product_type": {"id": "3", "name": "Shirts"}, "title": "t", "attributes": labels}
    found = read(write(tmp_path / "a.jsonl", json.dumps(plain)))
    assert found.first["attributes"] == {"Manual": "printed, PDF"}
    assert found.first["product_type"] == "Shirts"
    assert not found.how.counts


def test_tags_of_three_letters(tmp_path):
    title, color = tagged("fil:Kamiseta", "hin_IN:शर्ट", "eng_IN:Shirt"), tagged("hin_IN:लाल", "en_IN:Red")
    row = ROW | {"marketplace": "IN", "title": title, "attributes": {"color": color}}
    found = read(write(tmp_path / "a.jsonl", json.dumps(row)))
    assert (found.first["title"], found.first["attributes"]) == ("Shirt", {"color": "Red"})
    row |= {"marketplace": "DE", "title": {"eng": "Shirt", "deu": "Hemd"}}
    assert read(write(tmp_path / "b.jsonl", json.dumps(row))).first["title"] == "Hemd"


BLUE = {"de": "Blau", "en_US": "Blue"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"color": BLUE, "fabric": {"de": "Baumwolle", "en_US": "Cotton"}},
        [{"name": "color", "value": {"key": "b", "label": BLUE}}, {"name": "fabric", "value": {"en_US": "Cotton"}}],
        json.dumps({"color": BLUE, "fabric": {"de": None, "en_US": "Cotton"}}),
        {
            "color": [{"locale": tag, "scope": None, "data": text} for tag, text in BLUE.items()],
            "fabric": [{"locale": None, "scope": None, "data": "Cotton"}],
        },
    ],
)
def test_labels_as_objects_from_language_to_text(tmp_path, attributes):
    found = read(write(tmp_path / "a.jsonl", json.dumps(ROW | {"marketplace": None, "attributes": attributes})))
    assert found.first["attributes"] == {"color": "Blue", "fabric": "Cotton"}
    assert found.how.counts == {CHOSEN: 1}


def test_cells_as_objects_from_language_to_text(tmp_path):
    plain = {"product_id": "1", "product_type": "Shirts", "title": "t", "color": BLUE, "material": json.dumps(BLUE)}
    assert read(write(tmp_path / "a.jsonl", json.dumps(plain))).first["attributes"] == {
        "color": "Blue",
        "material": "Blue",
    }


def test_structs_of_parquet(tmp_path):
    plain = {"product_id": "1", "product_type": "Shirts", "title": "t", "attributes": {"color": BLUE}}
    pq.write_table(pa.Table.from_pylist([plain]), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet").first["attributes"] == {"color": "Blue"}


def test_sizes_of_countries_are_no_languages(tmp_path):
    plain = {"product_id": "1", "product_type": "Shoes", "title": "t", "size": {"eu": "41", "uk": "7"}, "Fit": "Slim"}
    found = read(write(tmp_path / "a.jsonl", json.dumps(plain)))
    assert found.first["attributes"] == {"Fit": "Slim"}
    assert list(found.how.counts) == ["objects and bytes that are not labels, left out of column 'size'"]
