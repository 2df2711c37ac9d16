"""Rows of a template below its header."""

import pytest

from moemoe.catalog.formats.note_rows import NOTES
from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.excel_files import write_excel

HEADER = ["product_id", "product_type", "title", "Color", "Fit"]
DESCRIPTIONS = ["Your number", "Kind of item", "As customers see it", "Main color", ""]


@pytest.mark.parametrize(
    "notes",
    [
        [["Required", "Required", "REQUIRED", "optional", ""]],
        [DESCRIPTIONS, ["Required", "Required", "Required", "Optional", "Optional"]],
        [["Required", "Required", "Required", "Optional", "Optional"], DESCRIPTIONS, ["string"] * 5],
    ],
)
def test_they_are_left_out_and_counted(tmp_path, notes):
    rows = [HEADER, *notes, ["p1", "Shirts", "a", "Red", "Slim"], ["p2", "Shirts", "b", "Blue", "Slim"]]
    for path in (write_lines(tmp_path / "a.csv", *map(",".join, rows)), write_excel(tmp_path / "a.xlsx", rows)):
        assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]
        assert read_as(path).counts[NOTES] == len(notes)


def test_a_product_of_such_words_is_one(tmp_path):
    path = write_lines(tmp_path / "a.csv", ",".join(HEADER), "p1,Text,List,Optional,url", "p2,Date,Number,,")
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]
