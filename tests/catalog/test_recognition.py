"""Every layout's sample is recognised by that layout and by no other."""

import json

import pytest

from moemoe.catalog.formats.opened import open_table
from moemoe.catalog.known_layouts import LAYOUTS
from moemoe.catalog.read import open_file, read_batches
from tests.support.layout_samples import FURTHER, SAMPLES
from tests.support.seller_files import write


def test_every_layout_has_a_sample():
    assert {*SAMPLES, "long"} >= set(LAYOUTS)


@pytest.mark.parametrize(("name", "sample"), [*SAMPLES.items(), *FURTHER])
def test_no_two_layouts_fit(tmp_path, name, sample):
    file = open_file(str(sample(tmp_path)), str(tmp_path), {})
    assert [layout.name for layout in LAYOUTS.values() if layout.fits(file)] == [name]


@pytest.mark.parametrize(
    "header",
    [
        "id,title,price",
        "Handle,Title,Price",
        "sku,name,price,product_type",
        "filename,link",
        "Item,Name,SKU",
        "SKU,Type,Name",
        "parent_asin,rating,title,text",
    ],
)
def test_names_that_others_have_too_are_not_enough(tmp_path, header):
    file = open_file(
        str(write(tmp_path / "a.csv", header, ",".join("1" for _ in header.split(",")))), str(tmp_path), {}
    )
    assert [layout.name for layout in LAYOUTS.values() if layout.fits(file)] == []


@pytest.mark.parametrize("odd", [{"a": 1}, [[1]], True], ids=str)
@pytest.mark.parametrize(
    ("name", "sample"),
    # the first is read by its columns' types, the second by its folder
    [item for item in SAMPLES.items() if item[0] not in ("own", "etsy")],
)
def test_a_cell_of_another_type_costs_its_row_alone(tmp_path, name, sample, odd):
    """As in an export that somebody has turned into JSON: one odd cell must not end the reading of the whole file."""
    path = sample(tmp_path)
    good = next(open_table(str(path), path).rows())
    for column in good:
        lines = [json.dumps(row) for row in (good, good | {column: odd})]
        mixed = write(tmp_path / "mixed.jsonl", *lines)
        assert list(read_batches(str(mixed), quarantine=lambda *_: None, layout=name))
