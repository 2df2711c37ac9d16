"""Etsy's download of listings."""

import pytest

from moemoe.errors import CatalogError
from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.shop_samples import ETSY, ETSY_RING


def test_without_a_product_type(tmp_path):
    path = write_lines(tmp_path / "a.csv", ETSY, ETSY_RING)
    told = r"Etsy's download of listings, which has no product type: add a column 'product_type', or put the file into"
    with pytest.raises(CatalogError, match=told):
        rows_of(path)


def test_a_folder_gives_the_product_type(tmp_path):
    (tmp_path / "product_type=Rings").mkdir()
    path = write_lines(tmp_path / "product_type=Rings" / "a.csv", ETSY, ETSY_RING)
    (row,) = rows_of(path, images=9)
    assert (row["product_id"], row["product_type"], row["title"]) == ("R-1", "Rings", "Ring 'Moon'")
    assert row["description"] == "Line one\nLine two"
    assert [one["path"] for one in (row["image"], *row["images"])] == ["https://x.test/1.jpg", "https://x.test/2.jpg"]
    assert dict(row["attributes"]) == {"Tags": "silver_ring, boho", "Materials": "Silver, Stone", "Ring size": "6, 7"}
    assert (read_as(path).layout, read_as(path).columns["PRICE"]) == ("etsy", "unused")
    # an id of the seller's own makes it a flat table
    assert rows_of(path, {"product_id": "SKU"})[0]["product_id"] == "R-1"
    assert read_as(path, {"product_id": "SKU"}).layout == "flat"
