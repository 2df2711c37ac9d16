import hashlib
import io
import unicodedata

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from PIL import Image

import data_contracts
from moemoe.contract.spellings import spellings, words_pattern
from moemoe.sample_catalog.vocabulary import ATTRIBUTES, EITHER, IMAGE, JUNK, PRODUCT_TYPES, TEXT
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import CATALOG
from tests.support.whole_labels import collect, normalize


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return write_sample_catalog(tmp_path_factory.mktemp("sample") / "sample.parquet", products=1200, seed=3)


@pytest.fixture(scope="module")
def rows(path):
    return pq.read_table(path).to_pylist()


@pytest.fixture(scope="module")
def normalized(path):
    contract = data_contracts.load("30pt")
    return normalize(collect([str(path)], contract).products, contract)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    digests = [
        hashlib.sha256(write_sample_catalog(tmp_path / f"{i}.parquet", 50, seed).read_bytes()).hexdigest()
        for i, seed in enumerate((1, 1, 2))
    ]
    assert digests[0] == digests[1] != digests[2]


def test_it_is_a_catalog_with_all_types_and_attributes(path, normalized):
    assert pq.read_schema(path).remove_metadata().equals(CATALOG)
    contract = data_contracts.load("30pt")
    assert set(PRODUCT_TYPES) == set(contract.product_types)
    assert set(ATTRIBUTES) == set(contract.attributes)
    assert set(normalized.labels["product_type"].to_pylist()) == set(PRODUCT_TYPES)
    assert set(normalized.labels["attribute"].to_pylist()) == set(ATTRIBUTES)


def test_every_spelling_means_its_value_and_junk_means_nothing(normalized):
    contract = data_contracts.load("30pt")
    for name, attribute in ATTRIBUTES.items():
        assert set(attribute.values) <= set(contract.attributes[name].values), name
    for row in normalized.statistics.to_pylist():
        unmapped = {entry["value"].strip().lower() for entry in row["most_frequent_unmapped"]}
        assert unmapped <= set(JUNK), row["attribute"]
    found = {(label["attribute"], value) for label in normalized.labels.to_pylist() for value in label["values"]}
    allowed = {(name, value) for name, attribute in ATTRIBUTES.items() for value in attribute.values}
    assert found <= allowed
    statistics = normalized.statistics
    assert pc.sum(statistics["unmapped"]).as_py() / pc.sum(statistics["labels"]).as_py() < 0.02


def test_what_is_only_in_the_image_is_never_written(rows):
    for row in rows:
        text = " ".join([row["title"], *row["bullet_points"], row["description"]]).lower()
        for name in ("color", "neck style", "collar style"):
            assert ATTRIBUTES[name].source == IMAGE
            assert not any(f" {value.lower()} " in f" {text} " for value in ATTRIBUTES[name].values), text


def test_text_and_either_attributes_can_be_written():
    for name, attribute in ATTRIBUTES.items():
        assert attribute.source in (IMAGE, TEXT, EITHER)
        if attribute.source == EITHER:
            assert attribute.phrases, name


def test_images_show_their_colour(rows):
    shown = {"Red": (0, "r"), "Green": (1, "g"), "Blue": (2, "b")}
    checked = 0
    for row in rows:
        labels = dict(row["attributes"])
        color = next((labels[k].strip().title() for k in ATTRIBUTES["color"].keys if k in labels), None)
        if color in shown and row["image"] and labels.get("Pattern", "").strip().lower() in ("solid", "plain"):
            with Image.open(io.BytesIO(row["image"]["bytes"])) as image:
                assert image.size == (96, 128)
                middle = image.convert("RGB").crop((38, 50, 58, 70)).resize((1, 1)).getpixel((0, 0))
            checked += middle[shown[color][0]] == max(middle)
    assert checked > 10


def test_a_quarter_has_a_second_image_from_behind(rows):
    second = [row["images"][0]["bytes"] for row in rows if row["images"]]
    assert len(second) / len(rows) == pytest.approx(0.25, abs=0.05)
    assert all(row["image"] for row in rows if row["images"])
    first = {row["image"]["bytes"] for row in rows if row["image"]}
    assert not first & set(second)
    # drawn by a generator of its own: what a run that reads one image sees is as it was without the second
    with Image.open(io.BytesIO(second[0])) as image:
        assert image.size == (96, 128)


def test_it_is_as_dirty_as_a_real_one(rows):
    raw = [value for row in rows for _, value in row["attributes"]]
    assert any(value in ("NA", "", "N/A", "-") for value in raw)
    assert any(", " in value for value in raw)
    assert sum(value in JUNK for value in raw) / len(raw) == pytest.approx(0.01, abs=0.006)
    assert any(row["image"] is None for row in rows)
    titles = [row["title"] for row in rows]
    assert len(set(titles)) < len(titles)


def test_two_markets_write_in_their_own_languages(rows, normalized):
    """Their texts name values that the contract finds, and their labels are read."""
    material = words_pattern(spellings(data_contracts.load("30pt").attributes["material"]))
    for marketplace, script in (("IN-HI", "DEVANAGARI"), ("JP", "CJK")):
        mine = [row for row in rows if row["marketplace"] == marketplace]
        assert 40 < len(mine) < 110
        texts = [" ".join([row["title"], *row["bullet_points"], row["description"]]) for row in mine]
        assert all(any(script in unicodedata.name(c, "") for c in text) for text in texts)
        assert sum(material.search(text) is not None for text in texts) > len(mine) / 2
        ids = {row["product_id"] for row in mine}
        labels = [label for label in normalized.labels.to_pylist() if label["product_id"] in ids]
        assert len({label["product_id"] for label in labels}) == len(ids)
        raw = [value for row in mine for _, value in row["attributes"]]
        assert any(script in unicodedata.name(value[:1] or " ", "") for value in raw)
