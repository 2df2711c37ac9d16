"""PrestaShop's product CSV."""

import pytest

from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.shop_samples import PRESTASHOP, PRESTASHOP_SHIRT


def test_a_product(tmp_path):
    mug = "2;1;Mug;Accessories;11;R-2;;;0;0;;;;;Material:Ceramic;used"
    path = write_lines(tmp_path / "a.csv", PRESTASHOP, PRESTASHOP_SHIRT, mug, ";1;Cap;;11;R-3;;;0;0;;;;;;")
    shirt, mug, cap = rows_of(path, images=9)
    assert (shirt["product_id"], shirt["product_type"], shirt["title"]) == ("1", "Shirts", "Red & Blue Shirt")
    assert (shirt["description"], shirt["bullet_points"]) == ("Soft.\nWarm", ["Cotton"])
    assert [one["path"] for one in (shirt["image"], *shirt["images"])] == [
        "https://x.test/1.jpg",
        "https://x.test/2.jpg",
    ]
    assert dict(shirt["attributes"]) == {
        "Fabric": "Cotton, Linen",
        "Fit": "Slim",
        "Manufacturer": "Acme",
        "Condition": "new",
        "Weight": "0.3",
        "Categories": "Home, Home/Clothes/Shirts, Sale",
        "Tags": "bird, shirt",
    }
    assert (mug["product_type"], dict(mug["attributes"])["Material"]) == ("Accessories", "Ceramic")
    assert (cap["product_id"], cap["product_type"]) == ("R-3", None)
    told = read_as(path)
    assert (told.layout, told.columns["EAN13"]) == ("prestashop", "unused")


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("Fabric:Cotton:1:0,Fit:Slim:2:1", {"Fabric": "Cotton", "Fit": "Slim"}),
        ("Fabric:Cotton,Fit:Slim:2", {"Fabric": "Cotton", "Fit": "Slim"}),
        ("Ratio:16:9 wide:1", {"Ratio": "16:9 wide"}),
        ("", {}),
    ],
)
def test_features(tmp_path, cell, labels):
    header = "ID;Name;Categories (x,y,z...);Feature (Name:Value:Position:Customized)"
    (row,) = rows_of(write_lines(tmp_path / "a.csv", header, f"1;Shirt;Shirts;{cell}"))
    assert {key: label for key, label in row["attributes"] if key != "Categories"} == labels


def test_features_that_are_no_pairs_are_counted(tmp_path):
    header = "ID;Name;Categories (x,y,z...);Feature (Name:Value:Position:Customized)"
    path = write_lines(tmp_path / "a.csv", header, "1;Shirt;Shirts;Fabric:Cotton:1,Soft,:Slim:3,Fit")
    (row,) = rows_of(path)
    assert [key for key, _ in row["attributes"]] == ["Fabric", "Categories"]
    assert read_as(path).counts == {"features without a name or without a value, left out": 3}
