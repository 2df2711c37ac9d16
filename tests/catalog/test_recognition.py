"""Every layout's sample is recognised by that layout and by no other."""

import pytest

from moemoe.catalog.known_layouts import LAYOUTS
from moemoe.catalog.read import open_file
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
