"""Parquet and Arrow, including Hugging Face data sets, and columns in folder names."""

import json
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from moemoe.catalog.find import find_partitions
from moemoe.errors import CatalogError
from tests.support.catalog_files import REQUIRED, minimal, read_as, rows_of, write_lines, write_parquet

FEATURES = {
    "product_type": {"names": ["Kurtas", "Shirts"], "_type": "ClassLabel"},
    "season": {"names": ["Summer", "Winter"], "_type": "ClassLabel"},
    "image": {"_type": "Image"},
}


def hugging_face_table() -> pa.Table:
    table = pa.table(
        {
            "product_id": [1, 2, 3],
            "product_type": pa.array([0, 1, None], pa.int64()),
            "title": ["Red kurta", "Shirt", "t"],
            "season": pa.array([1, 0, None], pa.int64()),
            "image": pa.array(
                [{"bytes": b"raw", "path": "1.jpg"}, {"bytes": None, "path": "2.jpg"}, None],
                pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            ),
        }
    )
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": FEATURES}})})


def write_arrow(path, table, new):
    with new(str(path), table.schema) as writer:
        writer.write_table(table, max_chunksize=2)


@pytest.mark.parametrize("kind", ["parquet", "arrow stream", "arrow file", "feather"])
def test_a_hugging_face_data_set(tmp_path, kind):
    """Folders as ``save_to_disk`` and the Hub have them: class labels are names, images structs."""
    table, folder = hugging_face_table(), tmp_path / "train"
    folder.mkdir()
    for name in ("dataset_info.json", "state.json", "README.md"):
        (folder / name).write_text("{}")
    if kind == "parquet":
        pq.write_table(table, folder / "train-00000-of-00001.parquet")
    else:
        new = pa.ipc.new_stream if kind == "arrow stream" else pa.ipc.new_file
        ending = "feather" if kind == "feather" else "arrow"
        write_arrow(folder / f"data-00000-of-00001.{ending}", table, new)
    (file,) = find_partitions(str(tmp_path))
    rows = rows_of(file)
    assert [row["product_type"] for row in rows] == ["Kurtas", "Shirts", None]
    assert [row["attributes"] for row in rows] == [[("season", "Winter")], [("season", "Summer")], []]
    assert [row["image"] for row in rows] == [
        {"bytes": b"raw", "path": "1.jpg"}, {"bytes": None, "path": "2.jpg"}, None,
    ]  # fmt: skip
    assert read_as(file).layout == "flat"


def test_arrow_in_the_catalogs_own_layout_and_cut_short(tmp_path):
    path = tmp_path / "a.arrow"
    write_arrow(path, pa.table(minimal()), pa.ipc.new_stream)
    assert rows_of(path)[0]["attributes"] == [("baseColour", "Red")]
    for content in (b"", b"PK\x03\x04", path.read_bytes()[:100]):
        path.write_bytes(content)
        with pytest.raises(CatalogError, match=r"a\.arrow is not a Arrow file or is cut short"):
            rows_of(path)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_columns_that_folders_name(tmp_path, kind):
    """Hive's folders, as Spark writes them."""
    folder = tmp_path / "run=7" / "x" / "marketplace=IN" / "product_type=Kurta%20Sets"
    folder.mkdir(parents=True)
    path = folder / f"part-0.{kind}"
    row = {"product_id": "p1", "title": "t", "attributes": {"Fit": "Slim"}}
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    elif kind == "jsonl":
        write_lines(path, row)
    else:
        write_lines(path, "product_id,title,attributes.Fit", "p1,t,Slim")
    (found,) = rows_of(path)
    assert (found["product_type"], found["marketplace"]) == ("Kurta Sets", "IN")
    assert found["attributes"] == [("Fit", "Slim")]
    assert read_as(path).columns["product_type"] == "product_type"
    assert "run" not in read_as(path).columns  # not right above the file


def test_a_files_own_column_comes_before_its_folders(tmp_path):
    folder = tmp_path / "product_type=Shirts" / "color=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(minimal()), folder / "a.parquet")
    (row,) = rows_of(folder / "a.parquet")
    assert row["product_type"] == "Kurtas"


def test_columns_of_every_kind_are_labels(tmp_path):
    """What pandas, Polars and Arrow make of texts, numbers, dates and lists."""
    table = pa.table(
        {
            "product_id": pa.array(["1", "2"]).dictionary_encode(),
            "product_type": pa.array(["Kurtas", "Shirts"], pa.large_string()).dictionary_encode(),
            "title": pa.array(["a", "b"], pa.string_view()),
            "color": pa.array(["Red", None], pa.large_string()),
            "fit": pa.array(["Slim", None]).dictionary_encode(),
            "size": pa.array([38.0, None]),
            "tags": pa.array([["x", "y"], None], pa.large_list(pa.large_string())),
            "launch": pa.array([datetime(2024, 3, 5), None], pa.timestamp("ns")),
            "made": pa.array([datetime(2024, 3, 5, 7, 30), None], pa.timestamp("ms")),
            "washable": pa.array([True, None]),
            "weight": pa.array([Decimal("1.50"), None], pa.decimal128(6, 2)),
            "width": pa.array([Decimal("38.00"), None], pa.decimal256(60, 2)),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    first, second = rows_of(tmp_path / "a.parquet")
    assert (first["product_id"], first["product_type"], first["title"]) == ("1", "Kurtas", "a")
    assert dict(first["attributes"]) == {
        "color": "Red", "fit": "Slim", "size": "38", "tags": "x, y", "launch": "2024-03-05",
        "made": "2024-03-05 07:30:00", "washable": "true", "weight": "1.50", "width": "38",
    }  # fmt: skip
    assert {label for _, label in second["attributes"]} <= {None}


def test_class_labels_in_lists_and_none(tmp_path):
    """-1 is what test splits have for a label; a number that has no name stays one."""
    features = {"color": {"_type": "Sequence", "feature": FEATURES["season"]}, "season": FEATURES["season"]}
    table = pa.table(
        {
            **{name: ["p1", "p2", "p3"] for name in ("product_id", "product_type", "title")},
            "color": pa.array([[0, 1], None, [0, 9]], pa.list_(pa.int64())),
            "season": [1, -1, 9],
        }
    ).replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "a.parquet")
    first, second, third = rows_of(tmp_path / "a.parquet")
    assert first["attributes"] == [("color", "Summer, Winter"), ("season", "Winter")]
    assert second["attributes"] == []
    assert third["attributes"] == [("color", "Summer, 9"), ("season", "9")]


@pytest.mark.parametrize(
    ("column", "values", "row", "field", "reason"),
    [
        ("attributes", ['{"Fit": "Slim"}', '{"Fit": "cut', None], 1, "attributes", "attributes are not a map"),
        ("title", [b"Red", b"caf\xe9", b"Blue"], 1, "title", "text is not UTF-8"),
        ("product_id", [1.0, 2.0, 2.0**60], 2, "product_id", "product id has lost digits"),
    ],
)
def test_a_bad_value_costs_its_row_alone(tmp_path, column, values, row, field, reason):
    rows = {name: [value] * 3 for name, value in REQUIRED.items()} | {"attributes": [None] * 3, column: values}
    path = write_parquet(tmp_path / "a.parquet", **rows)
    problems = []
    found = rows_of(path, quarantine=lambda *problem: problems.append(problem[:3]))
    assert problems == [(row, field, reason)]
    assert [one["product_type"] is None for one in found] == [number == row for number in range(3)]
    with pytest.raises(CatalogError, match=rf"a\.parquet: row {row} cannot be read: {reason}"):
        rows_of(path)


def test_lists_and_structs_of_texts(tmp_path):
    """As data sets have them that were JSON; JSON lines are read alike."""
    rows = {
        "product_id": [["1"], ["2"], ["3"]],
        "product_type": [["Shirts"], ["Men", "Hats"], []],
        "title": [{"value": "A"}, {"value": "B"}, {"value": None}],
        "bullet_points": [[["a"], ["b"]], [["c"]], []],
        "attributes": [{"Fit": "Slim"}] * 3,
    }
    pq.write_table(pa.table(rows), tmp_path / "a.parquet")
    write_lines(tmp_path / "a.jsonl", *(dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)))
    for name in ("a.parquet", "a.jsonl"):
        found = rows_of(tmp_path / name)
        assert [(row["product_id"], row["product_type"], row["title"], row["bullet_points"]) for row in found] == [
            ("1", "Shirts", "A", ["a", "b"]),
            ("2", "Men > Hats", "B", ["c"]),
            ("3", None, None, []),
        ]


def test_several_titles_cost_their_row_alone(tmp_path):
    told = []
    path = tmp_path / "a.parquet"
    columns = {name: values * 2 for name, values in minimal().items() if name not in ("title", "attributes")}
    pq.write_table(pa.table({**columns, "title": [["A"], ["B", "b"]], "attributes": [{"Fit": "Slim"}] * 2}), path)
    found = rows_of(path, quarantine=lambda *problem: told.append(problem))
    assert [row["title"] for row in found] == ["A", None]
    assert told == [(1, "title", "title is not a text", "['B', 'b']")]
    pq.write_table(pa.table({**columns, "title": [["A", "a"]] * 2, "attributes": [{"Fit": "Slim"}] * 2}), path)
    with pytest.raises(
        CatalogError, match=r"column 'title' has type list.*allowed is text or numbers, or lists of one"
    ):
        rows_of(path, quarantine=lambda *_: None)


def test_a_column_in_which_no_value_fits(tmp_path):
    """The column is wrong, not its rows."""
    path = write_parquet(tmp_path / "a.parquet", **minimal(attributes=["Slim"]))
    with pytest.raises(CatalogError, match="column 'attributes' has type string, which cannot become"):
        rows_of(path, quarantine=lambda *_: None)


@pytest.mark.parametrize("own", [True, False])
def test_values_as_databases_type_them(tmp_path, own):
    """UUIDs of DuckDB, texts that Impala leaves as bytes, floats of 32 bits."""
    number = bytes(range(16))
    columns = {
        "product_id": pa.array([number], pa.uuid()),
        "product_type": pa.array([b"Kurtas"]),
        "title": pa.array(["Rot · Größe"]).cast(pa.binary()),
    }
    labels = {"Weight": pa.array([0.1], pa.float32()), "Fit": pa.array([b"Slim"]), "Raw": pa.array([b"\xff\xd8"])}
    if own:
        labels = {"attributes": pa.StructArray.from_arrays(list(labels.values())[:2], list(labels)[:2])}
    path = write_parquet(tmp_path / "a.parquet", **columns, **labels)
    (row,) = rows_of(path)
    assert row["product_id"] == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    assert (row["product_type"], row["title"]) == ("Kurtas", "Rot · Größe")
    assert row["attributes"] == [("Weight", "0.1"), ("Fit", "Slim")]
    assert own or read_as(path).counts == {"objects and bytes that are not labels, left out of column 'Raw'": 1}


@pytest.mark.parametrize(
    ("labels", "kind", "expected"),
    [
        (["Red", "Blue"], pa.list_(pa.string()), "Red, Blue"),
        (datetime(2024, 3, 5), pa.timestamp("us"), "2024-03-05"),
        (Decimal("1.50"), pa.decimal128(5, 2), "1.50"),
        (Decimal("38.00"), pa.decimal128(5, 2), "38"),
        (True, pa.bool_(), "true"),
    ],
)
def test_maps_of_other_values_than_texts(tmp_path, labels, kind, expected):
    attributes = pa.array([[("a", labels)]], pa.map_(pa.string(), kind))
    path = write_parquet(tmp_path / "a.parquet", **minimal(attributes=attributes))
    assert rows_of(path)[0]["attributes"] == [("a", expected)]


def test_two_columns_of_one_name(tmp_path):
    path = tmp_path / "a.parquet"
    names = ["product_id", "product_type", "title", "Fit", "Fit"]
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 5, names=names), path)
    with pytest.raises(CatalogError, match=r"a\.parquet: column 'Fit' comes twice; each is allowed once"):
        rows_of(path)


@pytest.mark.parametrize(
    ("kind", "value", "label"),
    [
        (pa.list_(pa.float32()), [0.1, None, 0.25], "0.1, 0.25"),
        (pa.list_(pa.float32(), 2), [0.1, 2], "0.1, 2"),
        (pa.list_(pa.struct({"value": pa.float32(), "unit": pa.string()})), [{"value": 0.1, "unit": "m"}], "0.1 m"),
        (pa.float32(), 0.1, "0.1"),
    ],
)
def test_short_floats_within_labels(tmp_path, kind, value, label):
    """Python has 0.1 of 32 bits as 0.10000000149011612."""
    whole = {"product_id": ["1"], "product_type": ["S"], "title": ["T"]}
    maps = pa.array([[("Width", value)]], pa.map_(pa.string(), kind))
    pq.write_table(pa.table({**whole, "attributes": maps}), tmp_path / "a.parquet")
    columns = {**whole, "Width": pa.array([value], kind)}
    pq.write_table(pa.table(columns), tmp_path / "b.parquet")
    found = [rows_of(tmp_path / name)[0]["attributes"] for name in ("a.parquet", "b.parquet")]
    assert found == [[("Width", label)]] * 2


def test_categories_of_short_floats(tmp_path):
    columns = {"product_id": ["1"], "product_type": ["S"], "title": ["T"], "Width": pa.array([0.1], pa.float32())}
    feather.write_feather(pa.table({**columns, "Width": columns["Width"].dictionary_encode()}), tmp_path / "a.arrow")
    assert rows_of(tmp_path / "a.arrow")[0]["attributes"] == [("Width", "0.1")]
