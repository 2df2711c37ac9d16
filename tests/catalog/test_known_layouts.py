"""Which layout a file has, and what a new layout needs."""

import re
from collections.abc import Iterator

import pytest

from moemoe.catalog import known_layouts as known
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import Row
from moemoe.catalog.known_layouts import LAYOUTS, check_layout
from moemoe.catalog.layouts.layout import ATTRIBUTE, Layout, SellerFile
from moemoe.catalog.read import check_layouts, read_batches
from moemoe.errors import CatalogError, ConfigError
from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.shop_samples import GOOGLE_RSS, SHOPIFY, SHOPIFY_SHIRT


def fits(file: SellerFile) -> bool:
    return {"Sketch ID", "Sketch Name"} <= set(file.table.columns)


def rows(file: SellerFile) -> Iterator[Row | RowError]:
    keys = [column for column in file.table.columns if column.startswith("Spec: ")]
    file.became.update({"Sketch ID": "product_id", "Kind": "product_type", "Sketch Name": "title"})
    file.became.update(dict.fromkeys(keys, ATTRIBUTE))
    for row in file.table.rows():
        if isinstance(row, RowError):
            yield row
            continue
        yield {
            "product_id": row.get("Sketch ID"),
            "product_type": row.get("Kind"),
            "title": row.get("Sketch Name"),
            "attributes": {key.removeprefix("Spec: "): row[key] for key in keys if key in row},
        }


SKETCH = Layout("sketch", "a product export of Sketch", fits, rows)


@pytest.fixture
def with_sketch(monkeypatch):
    monkeypatch.setattr(known, "LAYOUTS", LAYOUTS | {"sketch": SKETCH})


def test_a_layout_of_two_functions(tmp_path, with_sketch):
    """The example in the package's description."""
    lines = ["Sketch ID;Sketch Name;Kind;Spec: Fit;Price", "p1;Red kurta;Kurtas;Slim;3", "p2;x", "p3;t;Kurtas;;"]
    path = write_lines(tmp_path / "a.csv", *lines)
    problems = []
    first, _, third = rows_of(path, quarantine=lambda *problem: problems.append(problem))
    assert (first["product_id"], first["title"], first["attributes"]) == ("p1", "Red kurta", [("Fit", "Slim")])
    assert third["attributes"] == []
    assert problems == [(1, "row", "row is not readable", "line 3 has 2 cells; the header has 5")]
    told = read_as(path)
    assert (told.layout, told.format) == ("sketch", "CSV (semicolon)")
    assert told.columns == {
        "Sketch ID": "product_id",
        "Sketch Name": "title",
        "Kind": "product_type",
        "Spec: Fit": "attribute",
        "Price": "unused",
    }


def test_two_layouts_that_fit_are_named(tmp_path, with_sketch):
    header = "product_id,product_type,title,attributes.Fit,Sketch ID,Sketch Name"
    path = write_lines(tmp_path / "a.csv", header, "p1,Kurtas,Red kurta,Slim,s1,Red")
    expected = "a.csv fits the layouts own and sketch; say which with --layout NAME"
    with pytest.raises(CatalogError, match=re.escape(expected)):
        rows_of(path)
    assert rows_of(path, layout="own")[0]["product_id"] == "p1"
    assert rows_of(path, layout="sketch")[0]["product_id"] == "s1"


def test_a_file_without_a_header(tmp_path):
    """As of a catalog that was split, where the first file alone has it."""
    path = write_lines(tmp_path / "b.csv", "3,Shirt,Tee,red", "4,Shirt,Tee,blue")
    hint = (
        "; its first row, '3', 'Shirt', 'Tee', 'red', looks like a product: each file needs the header as its first row"
    )
    with pytest.raises(CatalogError, match=re.escape(hint)):
        rows_of(path)
    write_lines(path, "Sku,[Shirt],3D,red", "3,Shirt,Tee,red")
    with pytest.raises(CatalogError, match=r"the first row is taken for the header$"):
        rows_of(path)


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(ConfigError, match=r"--layout 'flatt' is unknown; did you mean 'flat'\? known are auto, own"):
        check_layout("flatt")


def test_columns_that_only_were_looked_at_are_not_told(tmp_path):
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,Fit", "p1,Kurtas,Red kurta,Slim")
    assert read_as(path).columns["Fit"] == "attribute"
    (row,) = rows_of(path)
    assert row["attributes"] == [("Fit", "Slim")]


class TestColumnsOfTheContract:
    """An export of a shop is read by the shop's names; that the contract names its columns is told."""

    COLUMNS = {"product_type": "Vendor", "title": "Title", "marketplace": "market"}  # noqa: RUF012

    @pytest.fixture
    def shop(self, tmp_path):
        return write_lines(tmp_path / "a.csv", SHOPIFY, *SHOPIFY_SHIRT.split("\n"))

    def test_before_the_work(self, shop):
        [note] = check_layouts([str(shop)], self.COLUMNS, "auto")
        assert note == (
            f"{shop} is read in the layout shopify, by that shop's names: the contract's `columns:` applies only to "
            "the layouts own, flat, long, so not here (product_type: 'Vendor', title: 'Title')"
        )
        assert check_layouts([str(shop)], {"title": "name"}, "auto") == []

    def test_in_the_report(self, shop):
        told = []
        list(read_batches(str(shop), self.COLUMNS, told=told.append))
        assert told[0].columns["Title"] == "title"
        assert told[0].columns["Vendor"] == (
            "attribute, not product_type: the contract's `columns:` applies only to the layouts own, flat, long"
        )

    def test_not_of_a_layout_that_goes_by_them(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", "product_id,Vendor,title,color", "p1,Shirts,t,Red")
        assert check_layouts([str(path)], {"product_type": "Vendor"}, "auto") == []
        assert rows_of(path, columns={"product_type": "Vendor"})[0]["product_type"] == "Shirts"


def test_a_column_that_a_layout_needs_is_missed_before_the_work(tmp_path):
    feed = GOOGLE_RSS.format(encoding="UTF-8").replace("g:product_type", "g:kind")
    (tmp_path / "feed.xml").write_text(feed)
    with pytest.raises(CatalogError, match=r"feed\.xml has no product_type and no google_product_category"):
        check_layouts([str(tmp_path / "feed.xml")], {}, "auto")
