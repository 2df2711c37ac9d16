"""Tables with one row per attribute of a product."""

import random

import pytest

from moemoe.catalog.layouts import joined, long_form
from moemoe.errors import CatalogError
from tests.support.catalog_files import read_as, rows_of, write_lines

HEADER = "id\timages\tcategory\ttexts\tattribute_names\tattribute_values"


def test_rows_of_a_product_are_joined(tmp_path):
    lines = [
        "p1\t1.jpg\tShirts\t[Title] Red  shirt\tNeckline\tV-Neck",
        'p2\t\tPants\t"[Title] 17"" wide"\tLength\tCapri',
    ]
    lines += ["p1\t1.jpg\tShirts\t[Title] Red  shirt\tSleeve\tLong", "p3\tx", "\t\tShirts\tno id\tNeckline\tV-Neck"]
    lines += ["p1\t1.jpg\tShirts\tanother title\tSleeve\tShort"]
    path = write_lines(tmp_path / "a.tsv", HEADER, *lines)
    problems = []
    rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
    assert problems == [(0, "row", "row is not readable", "line 5 has 2 cells; the header has 6")]
    assert [row["title"] for row in rows[1:]] == ["no id", "Red  shirt", '17" wide']
    assert rows[2]["product_id"] == "p1"
    assert rows[2]["product_type"] == "Shirts"
    assert rows[2]["image"] == {"bytes": None, "path": "1.jpg"}
    assert rows[2]["attributes"] == [("Neckline", "V-Neck"), ("Sleeve", "Long"), ("Sleeve", "Short")]
    told = read_as(path)
    assert told.layout == "long"
    assert told.columns["attribute_names"] == "attribute (its name)"
    assert list(told.counts.values()) == [1]


def test_further_images_and_bullet_points(tmp_path):
    header = "product_id,product_type,title,image,image_2,bullet_point_1,bullet_point_2,attribute_name,attribute_value"
    lines = ["p1,S,t,1.jpg,2.jpg,soft,warm,Color,Red", "p1,S,t,1.jpg,,,,Fit,Slim", "p2,S,t,3.jpg,,,,Fit,Slim"]
    path = write_lines(tmp_path / "a.csv", header, *lines)
    one, two = rows_of(path, images=9)
    assert [image["path"] for image in (one["image"], *one["images"])] == ["1.jpg", "2.jpg"]
    assert (one["bullet_points"], one["attributes"]) == (["soft", "warm"], [("Color", "Red"), ("Fit", "Slim")])
    assert (two["image"]["path"], two["bullet_points"]) == ("3.jpg", None)
    assert (read_as(path).columns["image_2"], read_as(path).columns["bullet_point_2"]) == ("images", "bullet_points")
    assert read_as(path).counts == {}


def test_a_large_file_is_joined_in_parts(tmp_path, monkeypatch):
    lines = [f"p{i},Shirts,t{i},key {k},value {i}" for i in range(100) for k in range(3)]
    random.Random(0).shuffle(lines)
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,attribute,value", *lines)
    whole = rows_of(path)
    monkeypatch.setattr(long_form, "ROWS_IN_MEMORY", 20)
    monkeypatch.setattr(joined, "PARTS", 4)
    parted = rows_of(path)
    assert parted == rows_of(path)
    assert len(whole) == 100
    assert [row["product_id"] for row in whole] != [row["product_id"] for row in parted]
    assert sorted(whole, key=lambda row: row["product_id"]) == sorted(parted, key=lambda row: row["product_id"])


def test_columns_that_are_called_otherwise(tmp_path):
    path = write_lines(tmp_path / "a.csv", "Nr,Art,Name,Property,Property Value", "p1,Kurtas,Red,Farbe,Rot")
    with pytest.raises(CatalogError, match="column 'product_id' is missing"):
        rows_of(path)
    with pytest.raises(CatalogError, match="is not in long form: it needs columns such as attribute_name"):
        rows_of(path, layout="long")
    (row,) = rows_of(path, {"product_id": "Nr", "product_type": "Art"})
    assert (row["title"], row["attributes"]) == ("Red", [("Farbe", "Rot")])


@pytest.mark.parametrize(
    "columns",
    [
        ("ProductId", "AttributeName", "AttributeValue", "AttributeUOM"),
        ("product id", "Feature Name", "Feature Value", "unit"),
        ("sku", "spec_label", "spec_values", "Unit of measure"),
        ("sku", "Merkmal", "Wert", "Einheit"),
        ("sku", "Feature", "Value", "attribute unit"),
    ],
)
def test_names_of_the_two_columns(tmp_path, columns):
    """As a flat table each of the rows would be a product of its own."""
    lines = [";".join(("product_type", "Product Name", *columns)), "K;Red;p1;Neck;V;", "K;Red;p1;Width;3;cm"]
    path = write_lines(tmp_path / "a.csv", *lines)
    (row,) = rows_of(path)
    assert (row["product_id"], row["title"], row["attributes"]) == ("p1", "Red", [("Neck", "V"), ("Width", "3 cm")])


def test_the_unit_of_the_attribute_comes_first(tmp_path):
    header = "product_id,product_type,title,unit,attribute_name,attribute_value,attribute_unit"
    (row,) = rows_of(write_lines(tmp_path / "a.csv", header, "p1,K,Red,piece,Width,3,cm"))
    assert row["attributes"] == [("Width", "3 cm")]


def test_a_number_has_the_unit_beside_it(tmp_path):
    header = "product_id,product_type,title,attribute_name,attribute_value,unit"
    rows = ["p1,Desks,t,Width,120,cm", "p1,Desks,t,Color,Oak,", "p1,Desks,t,Depth,60 cm,cm", "p1,Desks,t,Count,2,"]
    path = write_lines(tmp_path / "a.csv", header, *rows)
    (row,) = rows_of(path)
    assert row["attributes"] == [("Width", "120 cm"), ("Color", "Oak"), ("Depth", "60 cm"), ("Count", "2")]
    assert read_as(path).columns["unit"] == "attribute (the unit of a number)"


def test_a_later_row_has_what_the_first_one_lacks(tmp_path):
    header = "product_id,product_type,title,image,description,attribute_name,attribute_value"
    path = write_lines(tmp_path / "a.csv", header, "p1,Shirts,t,,,Fit,Slim", "p1,Shirts,t,1.jpg,warm,Neck,Round")
    (row,) = rows_of(path)
    assert (row["image"]["path"], row["description"]) == ("1.jpg", "warm")
    assert row["attributes"] == [("Fit", "Slim"), ("Neck", "Round")]
    assert read_as(path).counts == {}


def test_without_labels_being_needed_it_is_still_long(tmp_path):
    """As ``moemoe convert`` and a backfill read it."""
    header = "product_id,product_type,title,attribute_name,attribute_value"
    path = write_lines(tmp_path / "a.csv", header, "p1,Shirts,t,Fit,Slim", "p1,Shirts,t,Neck,Round")
    required = ("product_id", "product_type", "title")
    (row,) = rows_of(path, required=required)
    assert row["attributes"] == [("Fit", "Slim"), ("Neck", "Round")]


def test_a_row_without_an_attribute_costs_nothing(tmp_path):
    """As an outer join leaves it of a product without any; a value without its name is counted."""
    header = "product_id,product_type,title,attribute_name,attribute_value"
    rows = ["p1,Shirts,t,,", "p1,Shirts,t,Fit,Slim", "p2,Shirts,t,,", "p3,Shirts,t,,Round", "p4,Shirts,t,Neck,"]
    path = write_lines(tmp_path / "a.csv", header, *rows)
    assert [(row["product_id"], row["attributes"]) for row in rows_of(path)] == [
        ("p1", [("Fit", "Slim")]), ("p2", []), ("p3", []), ("p4", [("Neck", None)]),
    ]  # fmt: skip
    assert read_as(path).counts == {"attribute values without a name, left out": 1}
