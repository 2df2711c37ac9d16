"""Kaggle's Fashion Product Images: unquoted commas, and photos beside the file or behind links."""

import pytest

from tests.support.catalog_files import read_as, rows_of, write_parquet
from tests.support.seller_files import read, write
from tests.support.shop_samples import KAGGLE, KAGGLE_ROW


def test_rows(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").touch()
    write(tmp_path / "images.csv", "filename,link", "1.jpg,http://img.test/1.jpg")
    found = read(write(tmp_path / "styles.csv", KAGGLE, KAGGLE_ROW))
    assert found.first == {
        "product_id": "1",
        "marketplace": None,
        "product_type": "Shirts",
        "title": "Check Shirt",
        "bullet_points": None,
        "description": None,
        "image": "images/1.jpg",
        "attributes": {
            "gender": "Men",
            "masterCategory": "Apparel",
            "subCategory": "Topwear",
            "baseColour": "Blue",
            "season": "Fall",
            "year": "2011",
            "usage": "Casual",
        },
    }
    assert found.how.layout == "kaggle-fashion"


def test_links_where_there_are_no_photos(tmp_path):
    links = write(tmp_path / "images.csv", "filename,link", "1.jpg,http://img.test/1.jpg")
    styles = write(tmp_path / "styles.csv", KAGGLE, KAGGLE_ROW, KAGGLE_ROW.replace("1,", "2,", 1))
    assert [product["image"] for product in read(styles).products] == ["http://img.test/1.jpg", None]
    of_links = read(links)
    assert (of_links.products, of_links.how.layout) == ([], "kaggle-fashion")


@pytest.mark.parametrize(
    ("header", "row", "title"),
    [
        (KAGGLE, f"{KAGGLE_ROW}, Pack of 2,large", "Check Shirt, Pack of 2,large"),
        (  # the title in the middle: what is behind it counts from the right
            KAGGLE.replace(",usage,productDisplayName", ",productDisplayName,usage"),
            "1,Men,Apparel,Topwear,Shirts,Blue,Fall,2011,Check Shirt,Pack of 2,Casual",
            "Check Shirt,Pack of 2",
        ),
    ],
)
def test_unquoted_commas_are_repaired_and_counted(tmp_path, header, row, title):
    found = read(write(tmp_path / "styles.csv", header, row))
    assert found.aside == []
    assert (found.first["title"], found.first["attributes"]["usage"]) == (title, "Casual")
    assert found.how.counts == {"rows with unquoted commas in the title repaired": 1}


@pytest.mark.parametrize(
    "row",
    [
        KAGGLE_ROW.replace("Blue", "Blue,dark"),  # the year is no number then: the comma is not the title's
        KAGGLE_ROW.rpartition(",")[0],
    ],
)
def test_other_rows_are_not_guessed(tmp_path, row):
    found = read(write(tmp_path / "styles.csv", KAGGLE, row, KAGGLE_ROW))
    assert len(found.products) == 1
    assert [reason for reason, _ in found.aside] == ["row is not readable"]
    assert not found.how.counts


def test_rows_of_blanks_are_no_products(tmp_path):
    """As workbooks have them below the last one."""
    found = read(write(tmp_path / "styles.csv", KAGGLE, KAGGLE_ROW, ",".join(" " for _ in KAGGLE.split(","))))
    assert len(found.products) == 1
    assert found.how.counts == {"blank rows, left out": 1}


def test_the_same_data_on_hugging_face_has_the_images(tmp_path):
    names, cells = KAGGLE.split(","), KAGGLE_ROW.split(",")
    columns = {name: [cell] for name, cell in zip(names, cells, strict=True)}
    path = write_parquet(tmp_path / "train.parquet", **columns, image=[{"bytes": b"a", "path": None}])
    (row,) = rows_of(path)
    assert row["image"] == {"bytes": b"a", "path": None}
    assert read_as(path).columns["image"] == "image"
