"""Values of a row in the forms that other programs write."""

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.layouts.records import attributes, image, images, record, text
from tests.support.catalog_files import REQUIRED, minimal, read_as, rows_of, write_lines, write_parquet


@pytest.mark.parametrize(
    ("written", "pairs"),
    [
        ("Fit: Slim; Neck: Round", [("Fit", "Slim"), ("Neck", "Round")]),
        ("Fit=Slim|Heel height=5 cm|", [("Fit", "Slim"), ("Heel height", "5 cm")]),
        ("Fit : Slim\nNeck: V, deep\n", [("Fit", "Slim"), ("Neck", "V, deep")]),
        ("Color: red, blue, Fit: Slim", [("Color", "red, blue"), ("Fit", "Slim")]),
        ("Fit: Slim", [("Fit", "Slim")]),
        ("Fit => Slim, Neck=>V", [("Fit", "Slim"), ("Neck", "V")]),
        (["Fit: Slim", "Color: red, blue"], [("Fit", "Slim"), ("Color", "red, blue")]),
        ("Fit:; Neck: Round", [("Fit", ""), ("Neck", "Round")]),
        (r'"{\"Fit\": \"Slim\"}"', [("Fit", "Slim")]),  # written as JSON, or as CSV, twice
        ('"{""Fit"": ""Slim""}"', [("Fit", "Slim")]),
        ([{"id": 6, "name": "Fit", "option": "Slim"}], [("Fit", "Slim")]),
        ([{"name": "Fit", "options": ["Slim", "Wide"]}], [("Fit", "Slim, Wide")]),
        ([{"attribute_code": "fit", "value": "7"}], [("fit", "7")]),
        ([{"attributeId": 5, "attributeName": "Fit", "valueName": "Slim"}], [("Fit", "Slim")]),
        (
            [{"specName": "Fit", "specValue": "Slim"}, {"feature_label": "Neck", "feature_value": "V"}],
            [("Fit", "Slim"), ("Neck", "V")],
        ),
        ({"propertyName": "Fit", "propertyValue": "Slim"}, [("Fit", "Slim")]),
        ([{"k": "Fit", "v": "Slim"}, {"k": "Width", "v": 3, "u": "cm"}], [("Fit", "Slim"), ("Width", "3 cm")]),
        # of Mercado Libre, whose values say it again with a struct
        (
            [{"id": "F", "name": "Fit", "value_name": "3 cm", "values": [{"name": "3 cm", "struct": {"unit": "cm"}}]}],
            [("Fit", "3 cm")],
        ),
        # of Akeneo
        (
            {
                "fit": [{"locale": None, "scope": None, "data": "slim"}],
                "width": [{"locale": None, "scope": None, "data": {"amount": "3.0", "unit": "CENTIMETER"}}],
            },
            [("fit", "slim"), ("width", "3.0 CENTIMETER")],
        ),
    ],
)
def test_attributes(written, pairs):
    assert attributes(written) == pairs


@pytest.mark.parametrize(
    "written",
    [
        *("Slim", "see https://shop.test", "10:30", "Fit: Slim; round neck", "We made this shirt for you: buy it"),
        *('"quoted"', '"[NEW] tee"', "Slim, Neck: Round"),
    ],
)
def test_other_texts_are_no_attributes(written):
    with pytest.raises(RowError, match="is not a JSON object"):
        attributes(written)


@pytest.mark.parametrize("value", [["Shirts"], {"name": "Shirts"}, {"id": 7, "name": "Shirts"}, [{"value": "Shirts"}]])
def test_a_text_in_a_list_or_an_object(value):
    assert text("product_type", value) == "Shirts"


@pytest.mark.parametrize("value", [["a", "b"], {"en": "Shirts"}, [["a"]]])
def test_several_texts_or_an_object(value):
    with pytest.raises(RowError) as told:
        text("title", value)
    assert told.value.reason == "title is not a text"


@pytest.mark.parametrize("value", [[], {}, [None], [""]])
def test_a_list_without_a_text_is_missing(value):
    found = record({"title": value, "product_type": value}, ["title", "product_type"])
    assert not any(found.values())


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ([{"name": "Width", "value": "3", "unit": "cm"}], [("Width", "3 cm")]),
        ([{"name": "Width", "value": 3.5, "unit": "cm"}, {"name": "Neck", "value": "V", "unit": "cm"}],
         [("Width", "3.5 cm"), ("Neck", "V")]),
        ([{"name": "Width", "value": "3 mm", "unit": "cm"}, {"name": "Fit", "value": "Slim", "unit": None}],
         [("Width", "3 mm"), ("Fit", "Slim")]),
        ([{"name": "Fit", "value": None, "values": ["Slim", "Wide"]}, {"name": "Neck", "value": "V", "values": None}],
         [("Fit", "Slim, Wide"), ("Neck", "V")]),
    ],
)  # fmt: skip
def test_an_object_of_a_list_gives_name_value_and_unit(given, pairs):
    assert record({"attributes": given}, ["attributes"]) == {"attributes": pairs}
    assert record({"attributes": json.dumps(given)}, ["attributes"]) == {"attributes": pairs}


def test_a_list_of_product_types_is_a_path():
    assert record({"product_type": ["Men", None, "Shirts"]}, ["product_type"]) == {"product_type": "Men > Shirts"}


def test_an_id_in_a_list():
    assert record({"product_id": ["007"]}, ["product_id"]) == {"product_id": "007"}


@pytest.mark.parametrize("name", ["path", "url", "src", "contentUrl"])
def test_an_image_by_its_path(tmp_path, name):
    assert image({name: "1.jpg", "alt": "Front"}) == {"bytes": None, "path": "1.jpg"}
    assert images([{name: "1.jpg"}, "2.jpg"]) == [{"bytes": None, "path": path} for path in ("1.jpg", "2.jpg")]
    path = write_parquet(tmp_path / "a.parquet", **minimal(image=pa.array([{name: "1.jpg", "width": 3}])))
    assert rows_of(path)[0]["image"] == {"bytes": None, "path": "1.jpg"}


@pytest.mark.parametrize("name", ["Image URL", "image_path", "imageLink", "image_urls", "img", "Product Image URL"])
@pytest.mark.parametrize("own", [True, False])
def test_a_column_that_says_that_it_is_the_image(tmp_path, name, own):
    labels = {"attributes": {"Fit": "Slim"}} if own else {"Fit": "Slim"}
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, **labels, name: "1.jpg"})
    (row,) = rows_of(path)
    assert (row["image"]["path"], row["attributes"]) == ("1.jpg", [("Fit", "Slim")])
    assert read_as(path).columns[name] == "image"


@pytest.mark.parametrize("beside", [{"images": ["2.jpg"]}, {"image": "2.jpg"}, {"image_path": "2.jpg"}])
def test_of_several_columns_of_images_those_of_our_own_names_count(tmp_path, beside):
    (row,) = rows_of(write_lines(tmp_path / "a.jsonl", {**REQUIRED, "Fit": "Slim", "image_url": "1.jpg", **beside}))
    assert (row["image"] or {}).get("path") == (None if "image_path" in beside else "2.jpg")
    assert row["attributes"] == [("Fit", "Slim")]
    why = "; --column image=NAME says which of several columns is the image" if "image_path" in beside else ""
    assert read_as(tmp_path / "a.jsonl").columns["image_url"] == f"unused{why}"


OF_R = ("image", "images", "marketplace")


def test_what_r_writes_where_no_image_is():
    assert record({"image": "NA", "images": ["NA", "a.jpg"], "marketplace": "NA"}, OF_R) == {
        "image": None, "images": [{"bytes": None, "path": "a.jpg"}], "marketplace": "NA"
    }  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        "{color=Red, fit=Slim, long}",
        "{color -> Red, fit -> Slim, long}",
        """{'color': Red, 'fit': 'Slim, long'}""",
        '"color"=>"Red", "fit"=>"Slim, long"',
    ],
)
def test_maps_as_databases_write_them(given):
    assert attributes(given) == [("color", "Red"), ("fit", "Slim, long")]


@pytest.mark.parametrize("given", ['["Men", "Shirts"]', "['Men' 'Shirts']", "[Men, Shirts]"])
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_list_in_a_cell_that_is_one_text(tmp_path, given, ending):
    row = {"product_id": "1", "product_type": given, "title": "Shirt", "description": given, "attributes": "{}"}
    pd.DataFrame([row]).to_csv(path := tmp_path / "a.csv", index=False)
    if ending == "parquet":
        path = write_parquet(tmp_path / "a.parquet", **{name: [value] for name, value in row.items()})
    (found,) = rows_of(path)
    assert (found["product_type"], found["description"]) == ("Men > Shirts", "Men\nShirts")


@pytest.mark.parametrize(
    "given",
    [
        '=IMAGE("https://x.test/a.jpg", 1)',
        '=HYPERLINK("https://x.test/a.jpg"; "Front, side")',
        '<img alt="Front" src="https://x.test/a.jpg">',
        "<a href='https://x.test/a.jpg'>Front</a>",
        "front (1).jpg (https://x.test/a.jpg)",  # of Airtable
        "![Front](https://x.test/a.jpg)",
    ],
)
@pytest.mark.parametrize("name", ["image", "images", "Image 1", "picture"])
def test_an_image_in_a_formula_or_in_html(tmp_path, given, name):
    path = tmp_path / "a.csv"
    pd.DataFrame([{**REQUIRED, name: given, "Fit": "Slim"}]).to_csv(path, index=False)
    (row,) = rows_of(path, images=2)
    assert (row["image"]["path"], row["images"], row["attributes"]) == (
        "https://x.test/a.jpg", None, [("Fit", "Slim")]
    )  # fmt: skip


def test_a_link_in_a_formula_is_the_text_that_it_shows(tmp_path):
    link = '"=HYPERLINK(""https://x.test"", ""{}"")"'
    path = write_lines(
        tmp_path / "a.csv", "product_id,product_type,title,Fit", f"1,S,{link.format('T')},{link.format('Slim')}"
    )
    (row,) = rows_of(path)
    assert (row["title"], row["attributes"]) == ("T", [("Fit", "Slim")])


def test_several_images_in_html(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "Fit": "Slim", "image": "<img src=a.jpg><img src='b.jpg'/>"})
    (row,) = rows_of(path, images=2)
    assert [row["image"]["path"], *(one["path"] for one in row["images"])] == ["a.jpg", "b.jpg"]


def test_several_images_behind_their_names(tmp_path):
    cell = "a.jpg (https://x.test/a.jpg),b, c.jpg (https://x.test/b.jpg)"
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "Fit": "Slim", "Photos": cell})
    (row,) = rows_of(path, images=2)
    assert [row["image"]["path"], *(one["path"] for one in row["images"])] == [f"https://x.test/{n}.jpg" for n in "ab"]
    assert row["attributes"] == [("Fit", "Slim")]


@pytest.mark.parametrize("header", ["attributes.", "attributes. "])
def test_a_column_of_attributes_without_a_key_is_unused(tmp_path, header):
    path = write_lines(tmp_path / "a.csv", f"product_id,product_type,title,attributes.Fit,{header}", "1,S,t,Slim,x")
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]
    assert read_as(path).by_use()["unused"] == [header.strip()]


def test_a_label_without_a_name_is_counted(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": {"Fit": "Slim", " ": "x", "": None}})
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]
    assert read_as(path).counts == {"labels without a name, left out": 1}


def test_a_label_without_a_name_in_parquet_is_counted(tmp_path):
    labels = pa.array([[("Fit", "Slim"), ("", "x")]], pa.map_(pa.string(), pa.string()))
    path = write_parquet(tmp_path / "a.parquet", **minimal(attributes=labels))
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]
    assert read_as(path).counts == {"labels without a name, left out": 1}


@pytest.mark.parametrize(
    "given",
    [
        {"name": "Fit", "value": "Slim"},
        {"Key": "Fit", "Value": "Slim", "unit": None},
        {"@type": "PropertyValue", "name": "Fit", "value": "Slim"},
    ],
)
def test_a_list_of_one_attribute_that_is_unwrapped(tmp_path, given):
    """As programs that turn XML into JSON leave it: its keys are no attributes."""
    for row in ({**REQUIRED, "attributes": given}, {**REQUIRED, "specs": given}):
        path = write_lines(tmp_path / "a.jsonl", row)
        assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": {"type": "Slim", "value": "1", "color": "red"}})
    assert len(rows_of(path)[0]["attributes"]) == 3


def test_objects_of_one_label_each_in_parquet(tmp_path):
    """Each has the fields of all."""
    labels = pa.array([[{"Fit": "Slim"}, {"Neck": "Round"}], [{"Fit": None}]])
    whole = {"product_id": ["1", "2"], "product_type": ["S", "S"], "title": ["T", "U"]}
    pq.write_table(pa.table({**whole, "attributes": labels}), tmp_path / "a.parquet")
    told = []
    rows = rows_of(tmp_path / "a.parquet", quarantine=lambda *problem: told.append(problem))
    assert rows[0]["attributes"] == [("Fit", "Slim"), ("Neck", "Round")]
    assert (rows[1]["product_id"], rows[1]["attributes"], told) == ("2", [("Fit", None)], [])
