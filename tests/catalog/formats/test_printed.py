"""Lists and objects in one cell: as JSON, or as Python, NumPy and pandas print them."""

import pytest

from moemoe.catalog.formats.printed import as_python_prints, nested
from tests.support.catalog_files import rows_of


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
