"""Lists and objects in one cell: as JSON, or as Python, NumPy and pandas print them."""

import pyarrow as pa
import pytest

from moemoe.catalog.formats.printed import as_python_prints, nested
from tests.support.catalog_files import REQUIRED, minimal, rows_of, write_lines, write_parquet


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("['S' 'M']", ["S", "M"]),
        ("['S'\n \"It's L\" None nan]", ["S", "It's L", None, None]),
        ("[1.5 2. -3]", [1.5, 2.0, -3]),
        ("['a [1 2] b', 'c']", ["a [1 2] b", "c"]),
        (
            "[{'name': 'Fit', 'value': 'a} {b'}\n {'name': 'Neck'}]",
            [{"name": "Fit", "value": "a} {b"}, {"name": "Neck"}],
        ),
        ("{'size': array(['S', 'M'], dtype=object), 'width': np.float64(2.5)}", {"size": ["S", "M"], "width": 2.5}),
        ("OrderedDict([('fit', 'Slim')])", {"fit": "Slim"}),
        ("{'S', 'M'}", ["S", "M"]),
        ("{'fit': nan, 'lined': true, 'low': -1}", {"fit": None, "lined": True, "low": -1}),
    ],
)
def test_what_programs_print(given, found):
    assert as_python_prints(given) == found


@pytest.mark.parametrize("given", ["[" + "," * 10**6 + "=", "[1 " + "0" * 10**6 + "!]", "[{" + "\\'" * 10**6])
def test_a_long_text_takes_no_longer_than_its_length(given):
    """Where a pattern takes the square of it, this takes hours."""
    assert nested(given) == given


@pytest.mark.parametrize(
    ("given", "found"), [("[S, M]", ["S", "M"]), ("{Round Neck,Polo}", ["Round Neck", "Polo"]), ("[S]", "[S]")]
)
def test_lists_of_databases_without_quotes(given, found):
    assert nested(given) == found


@pytest.mark.parametrize(
    "given", ["[S M]", "{color: Red}", "['S' 'M' ... 'L']", "[__import__('os').system('true')]", "{**{}}", "[" * 9999]
)
def test_other_texts_stay_as_they_are(given):
    assert nested(given) == given


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("('S', 'M')", ["S", "M"]),
        ("(('fit', 'Slim'), ('neck', 'V'))", [["fit", "Slim"], ["neck", "V"]]),
        ('c("S", "M", NA)', ["S", "M", None]),
        ('list(fit = "Slim", size = c("S", "M"))', {"fit": "Slim", "size": ["S", "M"]}),
        ("WrappedArray(S, M)", ["S", "M"]),
        ("List(Round Neck)", ["Round Neck"]),
        ("Map(color -> Red, Blue, fit -> Slim)", {"color": "Red, Blue", "fit": "Slim"}),
    ],
)
def test_lists_and_maps_in_round_brackets(given, found):
    assert nested(given) == found


@pytest.mark.parametrize(
    "given", ["(S, M)", "('S')", "Map(World)", "c(S, M)", 'c("S", fit = "M")', "List(dark (blue), M)", "Set(3 pcs)"]
)
def test_other_texts_with_round_brackets(given):
    assert nested(given) == given


@pytest.mark.parametrize("given", ["('S', 'M')", 'c("S", "M")', "WrappedArray(S, M)"])
def test_a_label_in_round_brackets(tmp_path, given):
    labels = pa.array([[("size", given)]], pa.map_(pa.string(), pa.string()))
    write_parquet(tmp_path / "a.parquet", **minimal(attributes=labels))
    write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": {"size": given}})
    for path in (tmp_path / "a.parquet", tmp_path / "a.jsonl"):
        assert rows_of(path)[0]["attributes"] == [("size", "S, M")]


@pytest.mark.parametrize(
    "given", ['{"color": "Red", "fit": "Slim", "color": "Blue"}', "{'color': 'Red', 'fit': 'Slim', 'color': 'Blue'}"]
)
def test_a_key_that_comes_again(given):
    """An object would keep the last one."""
    assert nested(given) == {"color": ["Red", "Blue"], "fit": "Slim"}
    again = '{"a": "1", "a": "1", "b": {"c": ["x"], "c": "y", "c": "z"}, "d": ["1", "1"]}'
    assert nested(again) == {"a": "1", "b": {"c": ["x", "y", "z"]}, "d": ["1", "1"]}


def test_a_pair_in_a_label_that_is_no_map(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", {**REQUIRED, "attributes": "{'size': [('a', 'b', 'c')], 'fit': 'Slim'}"})
    assert rows_of(path)[0]["attributes"] == [("fit", "Slim")]


def test_a_pandas_table_that_was_saved_as_csv(tmp_path):
    (tmp_path / "c.csv").write_text(
        "product_id,product_type,title,bullet_points,images,size\n"
        "1,Shirts,Shirt,['Soft' 'Light'],['a.jpg' 'b.jpg'],['S' 'M']\n"
    )
    (row,) = rows_of(tmp_path / "c.csv", images=2)
    assert row["bullet_points"] == ["Soft", "Light"]
    assert row["attributes"] == [("size", "S, M")]
    assert [row["image"]["path"], *(image["path"] for image in row["images"])] == ["a.jpg", "b.jpg"]


def test_an_image_that_is_an_object(tmp_path):
    (tmp_path / "c.csv").write_text(
        "product_id,product_type,title,image,color\n"
        """1,Shirts,Shirt,"{'bytes': b'\\xff\\xd8', 'path': 'a.jpg'}",Red\n"""
        '2,Shirts,Shirt,"{""src"": ""https://x.test/b.jpg"", ""height"": 9}",Red\n'
    )
    first, second = (row["image"] for row in rows_of(tmp_path / "c.csv"))
    assert first == {"bytes": b"\xff\xd8", "path": "a.jpg"}
    assert second["path"] == "https://x.test/b.jpg"
