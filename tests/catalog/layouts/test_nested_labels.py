"""Labels that are objects or lists of objects, in JSON, Parquet and cells."""

import json

import pyarrow as pa
import pytest

from moemoe.catalog.layouts.nested_labels import plain_label
from moemoe.catalog.layouts.records import attributes
from moemoe.errors import CatalogError
from tests.support.catalog_files import REQUIRED, minimal, read_as, rows_of, write_lines, write_parquet

LABELS = [
    ({"value": "red"}, "red"),
    ({"Value": "red", "id": 7}, "red"),
    ({"value": "32", "unit": "cm"}, "32 cm"),
    ({"unit": "cm", "value": "1.5"}, "1.5 cm"),
    ({"value": "32 cm", "unit": "cm"}, "32 cm"),
    ({"value": "red", "unit": ""}, "red"),
    ({"name": "Color", "value": "red"}, "red"),
    ({"label": "red", "id": 3}, "red"),
    ({"name": "Color", "values": ["red", "blue"]}, "red, blue"),
    ([{"value": "red"}, {"label": "blue"}, "green"], "red, blue, green"),
    ([{"name": "Color", "value": "red"}, {"name": "Color", "value": "blue"}], "red, blue"),
    (["red", None, "blue"], "red, blue"),
    ({"amount": "3.5", "unit": "kg"}, "3.5 kg"),
    ({"value": {"number": 32, "unit": "cm"}}, "32 cm"),
    ({"data": ["red", "blue"]}, "red, blue"),
    ({"name": "red"}, "red"),
    ({"id": 15, "name": "red", "slug": "red"}, "red"),
    ([{"name": "red"}, {"id": 2, "Name": "blue"}], "red, blue"),
    ([{"name": "Color", "value": "red"}, {"name": "blue"}], "red, blue"),
]
#: What is left out -> what is left.
ODD = [
    ({"unit": "cm"}, None),
    ({"amount": "3.50", "currency": "EUR"}, None),
    ({"name": "Color", "tone": "red"}, None),
    ({"name": {"tone": "red"}}, None),
    ({"value": {"tone": "red"}}, None),
    ({"value": [{"tone": "red"}]}, None),
    ([{"name": "Fit", "value": "Slim"}, {"name": "Neck", "value": "Round"}], None),
    ([["red"]], None),
    ([{"tone": "red"}, {"value": "blue"}], "blue"),
]
LEFT_OUT = "objects that are not labels, left out under 'Color'"


@pytest.mark.parametrize(("value", "label"), LABELS)
def test_the_label_of_an_object(value, label):
    assert plain_label(value) == (label, None)


def test_a_number_of_parquet():
    assert plain_label({"value": 32.0, "unit": "cm"}) == ("32 cm", None)


@pytest.mark.parametrize("value", [{}, {"value": None}, {"label": None, "id": 3}])
def test_no_label(value):
    assert plain_label(value) == (None, None)


@pytest.mark.parametrize(("value", "label"), ODD)
def test_an_object_without_one_is_left_out_alone(tmp_path, value, label):
    row = {**REQUIRED, "attributes": {"Color": value, "Fit": {"value": "Slim"}}}
    path = write_lines(tmp_path / "a.jsonl", row, row)
    expected = [("Color", label)] * (label is not None) + [("Fit", "Slim")]
    assert [one["attributes"] for one in rows_of(path)] == [expected] * 2
    assert read_as(path).counts == {LEFT_OUT: 2}


def test_in_a_cell(tmp_path):
    cell = json.dumps({"Color": {"tone": "red"}, "Size": {"value": 32, "unit": "cm"}}).replace('"', '""')
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,attributes", f'p1,K,t,"{cell}"')
    assert rows_of(path)[0]["attributes"] == [("Size", "32 cm")]
    assert read_as(path).counts == {LEFT_OUT: 1}
    both = write_lines(
        tmp_path / "b.csv", "product_id,product_type,title,attributes,attributes.Fit", f'p1,K,t,"{cell}",Slim'
    )
    assert rows_of(both)[0]["attributes"] == [("Size", "32 cm"), ("Fit", "Slim")]
    assert read_as(both).counts == {LEFT_OUT: 1}


@pytest.mark.parametrize("fits", [True, False])
def test_in_parquet(tmp_path, fits):
    """A row that does not fit has its batch read row by row."""
    kind = pa.struct([("Color", pa.struct([("tone", pa.string())])), ("Size", pa.struct([("value", pa.int64())]))])
    labels = pa.array([{"Color": {"tone": "red"}, "Size": {"value": 32}}], kind)
    two = pa.concat_arrays([labels, labels])
    columns = {name: value * 2 for name, value in minimal().items() if name != "attributes"}
    columns["product_id"] = ["p1", "p2"] if fits else [1.0, 2.0**60]
    path = write_parquet(tmp_path / "a.parquet", **columns, attributes=two)
    rows = rows_of(path, quarantine=lambda *_: None)
    assert rows[0]["attributes"] == [("Size", "32")]
    assert (rows[1]["product_id"] is not None) == fits
    assert read_as(path).counts == {LEFT_OUT: 2 if fits else 1}


def test_a_measure_in_parquet(tmp_path):
    labels = pa.array([{"Color": "Red", "size": {"unit": "cm", "value": 42}}])
    path = write_parquet(tmp_path / "a.parquet", **minimal(attributes=labels))
    assert rows_of(path)[0]["attributes"] == [("Color", "Red"), ("size", "42 cm")]


@pytest.mark.parametrize(("value", "label"), LABELS)
def test_in_a_column_of_a_flat_table(tmp_path, value, label):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "Color": value, "Fit": "Slim"})
    assert rows_of(path)[0]["attributes"] == [("Color", label), ("Fit", "Slim")]
    assert not read_as(path).counts


def test_without_a_count_they_are_errors():
    """A request to the served model has none."""
    assert attributes({"Size": {"value": 3, "unit": "cm"}}) == [("Size", "3 cm")]
    with pytest.raises(Exception, match="'Color' holds"):
        attributes({"Color": {"tone": "red"}})


def test_a_label_that_is_not_utf_8_costs_its_row(tmp_path):
    path = tmp_path / "a.jsonl"
    row = json.dumps({**REQUIRED, "attributes": {"Color": [{"value": "@"}]}})
    path.write_bytes(row.replace("@", "????").encode().replace(b"????", b"\xe0\xe1\xe2\xe3") + b"\n")
    with pytest.raises(CatalogError, match="text is not UTF-8"):
        rows_of(path)


def test_a_map_in_parquet_is_no_label(tmp_path):
    """Of a table whose further columns are the attributes; of the catalog's own, a map is the attributes."""
    assert plain_label([("value", 32), ("unit", "cm")]) == ("32 cm", None)
    care = pa.array([[("wash", "cold"), ("iron", "no")]] * 2, pa.map_(pa.string(), pa.string()))
    columns = {name: ["a", "b"] for name in ("product_id", "product_type", "title", "Fit")}
    path = write_parquet(tmp_path / "a.parquet", **columns, Care=care)
    assert [row["attributes"] for row in rows_of(path)] == [[("Fit", "a")], [("Fit", "b")]]
    assert read_as(path).counts == {"objects and bytes that are not labels, left out of column 'Care'": 2}


#: What pandas and databases write of a list or an object in one cell.
TEXTS = [
    ("['S', 'M']", "S, M"),
    ('["S", "M"]', "S, M"),
    ("[32, 34]", "32, 34"),
    ("{'value': 32, 'unit': 'cm'}", "32 cm"),
    ("[Navy] with dots", "[Navy] with dots"),
    ("{'tone': 'red', 'shade': 'dark'}", "{'tone': 'red', 'shade': 'dark'}"),
]


@pytest.mark.parametrize(("text", "label"), TEXTS)
def test_a_text_that_is_a_list(tmp_path, text, label):
    """Read alike in a column of its own, in an object, in a map of Parquet, and in a request."""
    cell = text.replace('"', '""')
    for header in ("Size", "attributes.Size"):
        lines = (f"product_id,product_type,title,{header},attributes.Fit", f'p1,K,t,"{cell}",Slim')
        path = write_lines(
            tmp_path / f"{header}.csv",
            *(line.replace(",attributes.Fit", "").replace(",Slim", "") for line in lines)
            if header == "Size"
            else lines,
        )
        assert dict(rows_of(path)[0]["attributes"])["Size"] == label
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": {"Size": text}})
    assert rows_of(path)[0]["attributes"] == [("Size", label)]
    labels = pa.array([[("Size", text)]], pa.map_(pa.string(), pa.string()))
    columns = {name: ["a"] for name in ("product_id", "product_type", "title")}
    assert rows_of(write_parquet(tmp_path / "a.parquet", **columns, attributes=labels))[0]["attributes"] == [
        ("Size", label)
    ]
    assert attributes({"Size": text}) == [("Size", label)]
