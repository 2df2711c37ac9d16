"""A row of units below the header: added to the numbers below it, and not a product."""

import pytest

from moemoe.catalog.formats.unit_row import UNITS, units_of
from tests.support.catalog_files import read_as, rows_of
from tests.support.excel_files import write_excel

HEADER = ["product_id", "product_type", "title", "Width", "Weight", "Colour", "In stock"]
ROWS = [["1", "Chairs", "Oak chair", "40,5", "3.2", "Brown", ""], ["2", "Chairs", "t", "50 mm", "n/a", "5", ""]]
LABELS = [
    [("Width", "40,5 cm"), ("Weight", "3.2 kg"), ("Colour", "Brown")],
    [("Width", "50 mm"), ("Weight", "n/a"), ("Colour", "5")],
]


@pytest.mark.parametrize(
    "units",
    [
        ["", "", "", "cm", "kg", "", ""],
        ["-", "-", "-", "[cm]", "(kg)", "-", "pcs"],
        ["Unit", "text", "text", "cm", "kg", "text"],  # the last cells may be left out
    ],
)
def test_numbers_have_the_unit_above_them(tmp_path, units):
    path = tmp_path / "a.csv"
    path.write_text("".join(";".join(cells) + "\n" for cells in [HEADER, units, *ROWS]))
    assert [row["attributes"] for row in rows_of(path)] == LABELS
    assert read_as(path).counts == {UNITS: 1}


def test_in_a_workbook(tmp_path):
    units = ["", "", "", "cm", "g/m2"]
    path = write_excel(tmp_path / "a.xlsx", [HEADER, units, ["1", "Chairs", "t", 40.5, 180, "5", True]])
    assert rows_of(path)[0]["attributes"] == [
        *(("Width", "40.5 cm"), ("Weight", "180 g/m2"), ("Colour", "5"), ("In stock", "true")),
    ]


def test_short_rows_below_it(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("product_id,product_type,title,Width,Fit\n,,,cm,\n1,Chairs,t,40\n2,Chairs,t,41,Slim\n")
    assert [row["attributes"] for row in rows_of(path)] == [
        [("Width", "40 cm")],
        [("Width", "41 cm"), ("Fit", "Slim")],
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "Chairs", "Oak chair", "cm", "kg"],
        ["", "", "", "M", "red"],
        ["", "", "", "40 cm", ""],
        ["", "", "", "", ""],
        ["-", "-", "-", "-", "-"],
        ["m", "l", "g"],
        ["", None, "cm"],
        ["unit", "text", "text", "", ""],
    ],
)
def test_other_rows_are_none(cells):
    assert units_of(cells) == []


def test_only_right_below_the_header(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("product_id,product_type,title,Width\n1,Chairs,t,40\n,,,cm\n2,Chairs,t,41\n")
    assert [row["attributes"] for row in rows_of(path)] == [[("Width", "40")], [("Width", "cm")], [("Width", "41")]]
