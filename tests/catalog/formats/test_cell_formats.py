"""Numbers that Excel shows as percentages, or with a unit that is only in the cell's format."""

import zipfile

import pytest

from moemoe.catalog.formats.cell_formats import PERCENTAGES, WITH_UNITS, units_of_cells
from tests.support.catalog_files import read_as, rows_of
from tests.support.excel_files import Formatted, write_excel

HEADER = ["product_id", "product_type", "title", "Cotton", "Price"]


@pytest.mark.parametrize("shown_as", ["0%", "0.00%", "0.0 %;-0.0 %", "[Red]0%"])
def test_numbers_shown_as_percentages(tmp_path, shown_as):
    rows = [["p1", "Shirts", "a", Formatted(0.65), 0.5], ["p2", "Shirts", "b", "all", Formatted(0.07)]]
    notes = [["Notes"], ["x"]]
    path = write_excel(
        tmp_path / "a.xlsx", notes, [[None, *row] for row in ([], ["Our shirts"], [], HEADER, *rows)], shown_as=shown_as
    )
    assert [dict(row["attributes"]) for row in rows_of(path)] == [
        {"Cotton": "65%", "Price": "0.5"}, {"Cotton": "all", "Price": "7%"}
    ]  # fmt: skip
    assert read_as(path).counts[PERCENTAGES] == 2


@pytest.mark.parametrize(
    ("shown_as", "unit"),
    [
        ('0.0" cm"', "cm"),
        ('#,##0.00\\ "kg"', "kg"),
        ('0.0" cm";[Red]-0.0" cm";0" cm"', "cm"),
        ('General" mm"', "mm"),
        (r"0\ \m\l", "ml"),
        ('0"°C"', "°C"),
        ('0\\"', '"'),
    ],
)
def test_numbers_shown_with_a_unit(tmp_path, shown_as, unit):
    rows = [["p1", "Shirts", "a", Formatted(12.25), 0.5], ["p2", "Shirts", "b", Formatted(1200), Formatted(3)]]
    path = write_excel(tmp_path / "a.xlsx", [HEADER, *rows], shown_as=shown_as)
    assert [dict(row["attributes"]) for row in rows_of(path)] == [
        {"Cotton": f"12.25 {unit}", "Price": "0.5"}, {"Cotton": f"1200 {unit}", "Price": f"3 {unit}"}
    ]  # fmt: skip
    assert read_as(path).counts == {WITH_UNITS: 3}


@pytest.mark.parametrize(
    "shown_as",
    [
        "0.00",
        '0" %"',
        '0.0" €"',
        '0" pcs"',
        '"ca. "0" cm"',
        '0.0,"kg"',
        "[$cm]0",
        r"0\%",
        "0[" + "[" * 10**6 + "%",
    ],
    ids=lambda name: name[:9],
)
def test_other_formats(tmp_path, shown_as):
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["p1", "Shirts", "a", Formatted(0.65), 1]], shown_as=shown_as)
    assert dict(rows_of(path)[0]["attributes"])["Cotton"] == "0.65"
    assert PERCENTAGES not in read_as(path).counts


def test_places_are_those_that_cells_name(tmp_path):
    """Excel leaves out blank cells, and says where the others are."""
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["p1", "Shirts", "a", Formatted(0.65), 1]])
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    files[sheet] = (
        '<x:worksheet xmlns:x="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><x:sheetData>'
        '<x:row r="7"><x:c r="B7" s="0"><x:v>1</x:v></x:c><x:c r="AB7" s="2"><x:v>0.5</x:v></x:c></x:row>'
        "</x:sheetData></x:worksheet>"
    )
    for declared, found in (("", [(6, 27, "%")]), ("<!DOCTYPE worksheet>", [])):
        files[sheet] = declared + files[sheet]
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        assert list(units_of_cells(path, "s1")) == found
        assert list(units_of_cells(path, "no such")) == []
