"""Exports saved again with other headers: in lower case, with underscores, with surrounding blanks."""

import csv
import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.catalog.layouts.columns import respelled
from tests.support import shop_samples as samples
from tests.support.catalog_files import read_as, rows_of
from tests.support.layout_samples import FURTHER, SAMPLES
from tests.support.seller_files import write

WAYS = {
    "lower": str.lower,
    "upper": str.upper,
    "underscores": lambda name: name.replace(" ", "_"),
    "as in Python": lambda name: name.lower().replace(" ", "_"),
    "blanks": lambda name: f" {name if ' ' in name else name.replace('_', ' ')}  ",
}
CSV = ["kaggle-fashion", "flipkart", "magento", "woocommerce", "bigcommerce", "shopify", "google"]
FILES = [
    *((name, SAMPLES[name]) for name in CSV),
    *((name, sample) for name, sample in FURTHER if name == "bigcommerce"),
]


def save_again(path, way):
    """The same rows under other headers."""
    between = "\t" if path.suffix == ".tsv" else ","
    with path.open(newline="", encoding="utf-8-sig") as file:
        records = list(csv.reader(file, delimiter=between))
    again = path.with_name(f"again{path.suffix}")
    with again.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=between).writerows([[WAYS[way](name) for name in records[0]], *records[1:]])
    return again, records[0]


def products(path):
    rows = rows_of(path)
    for row in rows:  # keys that are columns' names go by the file's spelling if they may be anything
        row["attributes"] = sorted((k.casefold().replace("_", " ").strip(), v) for k, v in row["attributes"])
    return rows


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "sample"), FILES)
def test_the_same_products(tmp_path, name, sample, way):
    path = sample(tmp_path)
    again, header = save_again(path, way)
    first, second = read_as(path), read_as(again)
    assert (second.layout, first.layout) == (name, name)
    assert products(again) == products(path)
    assert list(second.columns) == [WAYS[way](column) for column in header]
    assert list(second.columns.values()) == list(first.columns.values())
    assert second.counts == first.counts


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("name", ["amazon-reviews", "abo"])
def test_rows_with_names_of_their_own(tmp_path, name, kind, way):
    item = samples.REVIEWS_ITEM if name == "amazon-reviews" else samples.ABO_LISTING
    known = {"parent_asin", "details", "main_category", "item_id", "item_name", "product_type", "domain_name", "title"}

    def save(folder, item):
        folder.mkdir()
        if kind == "jsonl":
            return write(folder / "a.jsonl", json.dumps(item))
        pq.write_table(pa.Table.from_pylist([item]), folder / "a.parquet")
        return folder / "a.parquet"

    path = save(tmp_path / "1", item)
    again = save(tmp_path / "2", {WAYS[way](k) if k in known else k: v for k, v in item.items()})
    assert read_as(again).layout == name
    assert rows_of(again) == rows_of(path)
    assert set(read_as(again).columns) == {WAYS[way](k) if k in known else k for k in item}


def test_a_packed_list_is_no_other_file(tmp_path):
    """The own spelling comes first: a column that is spelled as the layout does keeps its name."""
    header = f"{samples.KAGGLE},Gender"
    path = write(tmp_path / "a.csv", header, f"{samples.KAGGLE_ROW},x")
    assert read_as(path).columns["Gender"] == "unused"
    assert dict(rows_of(path)[0]["attributes"])["gender"] == "Men"
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(path.read_bytes()))
    assert rows_of(tmp_path / "a.csv.gz") == rows_of(path)


def test_a_file_that_fits_as_it_is_has_no_further_layout(tmp_path):
    header = "product_id,product_type,title,Uniq ID,Product Category Tree,Product Specifications"
    path = write(tmp_path / "a.csv", header, "1,Shirts,Shirt,u,a >> b,x")
    assert read_as(path).layout == "flat"
    assert read_as(path, layout="flipkart").columns["Uniq ID"] == "product_id"


def test_a_repeated_header_is_left_out_under_any_spelling(tmp_path):
    header = samples.KAGGLE.lower()
    path = write(tmp_path / "a.csv", header, samples.KAGGLE_ROW, header, samples.KAGGLE_ROW)
    assert len(rows_of(path)) == 2
    assert read_as(path).counts == {"rows that repeat the header, left out": 1}


def test_columns_of_folders_are_not_respelled(tmp_path):
    folder = tmp_path / "Gender=Men"
    folder.mkdir()
    header, row = (line.split(",") for line in (samples.KAGGLE.lower(), samples.KAGGLE_ROW))
    path = write(folder / "a.csv", ",".join(header[:1] + header[2:]), ",".join(row[:1] + row[2:]))
    told = read_as(path)
    assert (told.layout, told.columns["Gender"], told.columns["season"]) == ("kaggle-fashion", "unused", "attribute")


def test_numbers_stand_for_any():
    names = ("Attribute 1 name", "Option1 Value", "id")
    assert respelled(["attribute_12_name", "OPTION2_VALUE", "ID", "Id", "x"], names) == {
        "attribute_12_name": "Attribute 12 name",
        "OPTION2_VALUE": "Option2 Value",
        "ID": "id",
    }
    assert respelled(["id", "ID"], names) == {}
