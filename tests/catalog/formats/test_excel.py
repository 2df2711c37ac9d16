"""Excel workbooks are read like CSV; a zip bomb is refused."""

import sys
import zipfile
from datetime import date

import pytest

from moemoe.catalog.formats import excel
from moemoe.errors import CatalogError, ConfigError
from tests.support.catalog_files import read_as, rows_of
from tests.support.excel_files import OLD_WORKBOOK, write_excel, write_ods

HEADER = ["Product_ID", "product_type", "title", "description", "attributes.Fit", "attributes.Year"]
#: Sheets of one header.
SHOES = [["product_id", "product_type", "title", "Fit"], ["p1", "Shoes", "a", "Slim"], ["p2", "Shoes", "b", "Wide"]]
HATS = [["Fit", "title", "product_id ", "product_type"], ["Wide", "c", "p3", "Hats"]]


def test_cells_become_text(tmp_path):
    rows = [[8900123450001, "Kurtas", "लाल कुर्ता", None, "Slim", 2012], [], ["007", "Kurtas", "t", "d", True, 1.5]]
    path = write_excel(tmp_path / "a.xlsx", [], [HEADER, *rows])
    first, second = rows_of(path)
    assert (first["product_id"], first["title"], first["description"]) == ("8900123450001", "लाल कुर्ता", None)
    assert first["attributes"] == [("Fit", "Slim"), ("Year", "2012")]
    assert (second["product_id"], second["attributes"]) == ("007", [("Fit", "true"), ("Year", "1.5")])
    assert (read_as(path).format, read_as(path).layout) == ("Excel", "own")


def test_dates_and_numbers_are_labels_as_a_person_reads_them(tmp_path):
    header = ["product_id", "product_type", "title", "Launch", "Length", "Waist"]
    path = write_excel(tmp_path / "a.xlsx", [header, ["p1", "Kurtas", "t", date(2024, 3, 5), 32.0, 0.1 + 0.2]])
    assert dict(rows_of(path)[0]["attributes"]) == {"Launch": "2024-03-05", "Length": "32", "Waist": "0.3"}


def test_control_characters_that_a_workbook_has_as_their_numbers(tmp_path):
    """As Excel stores the line breaks of Windows, and a text that looks like one."""
    row = ["p1", "Kurtas", "a_x000D_\nb", "d", "Slim_x000d_", "A_x005F_x000D_"]
    (found,) = rows_of(write_excel(tmp_path / "a.xlsx", [HEADER, row]))
    assert found["title"] == "a\r\nb"
    assert found["attributes"] == [("Fit", "Slim\r"), ("Year", "A_x000D_")]


def test_an_opendocument_workbook(tmp_path):
    path = write_ods(tmp_path / "a.ods", ["Shirts", ""], HEADER, ["007", "Kurtas", "t", "d", "Slim", 2012.0])
    assert rows_of(path)[0]["attributes"] == [("Fit", "Slim"), ("Year", "2012")]
    assert (read_as(path).format, read_as(path).counts) == ("OpenDocument", {"rows above the header, left out": 1})
    path.write_bytes(b"PK\x03\x04 half")
    with pytest.raises(CatalogError, match=r"a\.ods is not an OpenDocument workbook or is damaged"):
        rows_of(path)


def test_of_several_sheets_the_first_that_has_a_layout_is_read(tmp_path):
    notes = [["Fill in the sheet Template"], ["Required", "Optional"]]
    path = write_excel(
        tmp_path / "a.xlsx", notes, [HEADER, ["p1", "Kurtas", "t", "d", "Slim", 2012]], [["Valid values"]]
    )
    assert [row["product_id"] for row in rows_of(path)] == ["p1"]
    assert (read_as(path).format, read_as(path).layout) == ("Excel (sheet 's2')", "own")
    assert read_as(path).counts == {f"other sheets with rows, not read: 's1', 's3'; {excel.TO_READ_ONE}": 2}


def test_titles_above_the_header_are_left_out(tmp_path):
    rows = [["All products"], ["Exported on", date(2026, 11, 27)], [], HEADER, ["p1", "Kurtas", "t", "d", "Slim", 2012]]
    path = write_excel(tmp_path / "a.xlsx", rows)
    assert [row["product_id"] for row in rows_of(path)] == ["p1"]
    assert read_as(path).counts == {"rows above the header, left out": 2}


def test_a_workbook_without_a_sheet_that_has_a_layout(tmp_path):
    path = write_excel(tmp_path / "a.xlsx", [["SKU", "Price"], ["1", "2"]], [["Notes"], ["x"]])
    with pytest.raises(CatalogError, match=r"a\.xlsx: column 'product_id' is missing; the file has 'SKU', 'Price'"):
        rows_of(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"product_id,title\n1,a\n"])
def test_no_workbook(tmp_path, content):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=r"a\.xlsx is not an Excel workbook or is damaged"):
        rows_of(path)


def test_a_web_page_that_is_called_a_workbook(tmp_path):
    (tmp_path / "a.xlsx").write_text("\n<table><tr><td>product_id</td></tr></table>")
    with pytest.raises(CatalogError, match=r"a\.xlsx is a web page or XML, whatever its name says; save it as \.xlsx"):
        rows_of(tmp_path / "a.xlsx")


def test_an_empty_workbook(tmp_path):
    with pytest.raises(CatalogError, match=r"a\.xlsx has no rows in any sheet"):
        rows_of(write_excel(tmp_path / "a.xlsx", [], []))


@pytest.mark.parametrize("lies", [False, True])
def test_a_zip_bomb(tmp_path, monkeypatch, lies):
    """It is counted while it unpacks, whatever its directory says."""
    monkeypatch.setattr(excel, "MAX_UNPACKED", 2**22)
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["p1", "K", "t" * 2**23, None, None, None]])
    assert path.stat().st_size < 2**17
    if lies:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
        path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(CatalogError, match=r"a\.xlsx unpacks to more than 4 MiB \(a zip bomb\?\); save it as CSV"):
        rows_of(path)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ConfigError, match=r"python-calamine: pip install 'moemoe\[flows\]', or save it as CSV"):
        rows_of(write_excel(tmp_path / "a.xlsx", [HEADER]))


def test_the_sheet_with_most_rows_is_the_catalog(tmp_path):
    example = [HEADER, ["ABC123", "Kurtas", "An example", "d", "Slim", 2012]]
    products = [HEADER, *(["p1", "Kurtas", "t", "d", "Slim", 2012], ["p2", "Kurtas", "t", "d", "Slim", 2012])]
    path = write_excel(tmp_path / "a.xlsx", example, products)
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]


class TestSeveralSheetsOfOneHeader:
    """As people keep a sheet for each category."""

    def test_they_are_one_table(self, tmp_path):
        others = [["product_id", "product_type", "title", "Brim"], ["p1", "Hats", "d", "Wide"]]
        path = write_excel(tmp_path / "a.xlsx", SHOES, others, HATS, names=["Shoes", "Caps", "Hats"])
        rows = [(row["product_id"], row["product_type"], row["title"], row["attributes"]) for row in rows_of(path)]
        assert rows == [
            ("p1", "Shoes", "a", [("Fit", "Slim")]),
            ("p2", "Shoes", "b", [("Fit", "Wide")]),
            ("p3", "Hats", "c", [("Fit", "Wide")]),
        ]
        reading = read_as(path)
        assert reading.format == "Excel (sheets 'Shoes', 'Hats')"
        assert reading.counts == {f"other sheets with rows, not read: 'Caps'; {excel.TO_READ_ONE}": 1}
        assert reading.columns["(sheet)"] == "unused"

    def test_a_sheets_name_can_be_the_product_type(self, tmp_path):
        header = ["product_id", "title", "Fit"]
        sheets = [[header, ["p1", "a", "Slim"]], [header, ["p2", "b", "Wide"]]]
        path = write_excel(tmp_path / "a.xlsx", *sheets, names=["Shoes", "Hats"])
        with pytest.raises(CatalogError, match=r"'product_type' is missing.*the sheets' names are column '\(sheet\)'"):
            rows_of(path)
        rows = rows_of(path, {"product_type": "(sheet)"})
        assert [(row["product_id"], row["product_type"], row["attributes"]) for row in rows] == [
            ("p1", "Shoes", [("Fit", "Slim")]),
            ("p2", "Hats", [("Fit", "Wide")]),
        ]

    def test_a_sheet_of_all_products_beside_them(self, tmp_path):
        whole = [*SHOES, ["p3", "Hats", "c", "Wide"]]
        path = write_excel(tmp_path / "a.xlsx", SHOES, HATS, whole, names=["Shoes", "Hats", "All"])
        assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2", "p3"]
        assert read_as(path).counts == {excel.REPEATED: 3}

    def test_each_has_a_row_of_units(self, tmp_path):
        header, units = ["product_id", "product_type", "title", "Width"], ["", "", "", "cm"]
        sheets = [[header, units, [f"p{i}", "Shoes", "a", 30 + i]] for i in range(2)]
        path = write_excel(tmp_path / "a.xlsx", *sheets)
        assert [row["attributes"] for row in rows_of(path)] == [[("Width", "30 cm")], [("Width", "31 cm")]]

    @pytest.mark.parametrize(("name", "title"), [("Example", "c"), ("s1", "An example")])
    def test_an_example_is_no_product(self, tmp_path, name, title):
        example = [SHOES[0], ["p0", "Shoes", title, "Slim"]]
        path = write_excel(tmp_path / "a.xlsx", example, SHOES, names=[name, "Template"])
        assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]
        assert list(read_as(path).counts) == [f"other sheets with rows, not read: {name!r}; {excel.TO_READ_ONE}"]


def test_false_and_nought_are_values(tmp_path):
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["p1", "Kurtas", "t", "d", False, 0]])
    assert rows_of(path)[0]["attributes"] == [("Fit", "false"), ("Year", "0")]


def test_comments_above_the_header_are_left_out(tmp_path):
    comments = ["# Required | The id", "# Required", "# Required", "# Optional", "# Optional", "# Optional"]
    path = write_excel(tmp_path / "a.xlsx", [comments, HEADER, ["a", "K", "t", None, "Slim", None]])
    assert [row["product_id"] for row in rows_of(path)] == ["a"]
    assert read_as(path).counts == {"rows above the header, left out": 1}


def test_cells_that_are_merged_below_each_other_all_have_the_value(tmp_path):
    """As a person sees them; a range beside the table, a blank one and a merged title change nothing."""
    header = ["product_id", "product_type", "title", "attributes.Fit"]
    rows = [["p1", "Kurtas", "a", "Slim"], ["p2", None, "b", None], [], ["p3", None, "c", None], ["p4", "Shirts", "d"]]
    merged = ("B4:B7", "D4:D5", "K1:K9", "C20:C30", "A1:D1", "A12:A13")
    path = write_excel(tmp_path / "a.xlsx", [["Catalog"], [], header, *rows, ["p5", "Shirts", "e"]], merged=merged)
    found = rows_of(path)
    assert [(row["product_id"], row["product_type"], dict(row["attributes"] or ())) for row in found] == [
        ("p1", "Kurtas", {"Fit": "Slim"}), ("p2", "Kurtas", {"Fit": "Slim"}), ("p3", "Kurtas", {}),
        ("p4", "Shirts", {}), ("p5", "Shirts", {}),
    ]  # fmt: skip
    assert read_as(path).counts["blank cells of merged ranges, filled with the range's value"] == 3


def test_a_header_of_two_rows(tmp_path):
    """Groups of columns above their names, the other names merged over both."""
    above = ["product_id", "product_type", "title", "Looks", None, "Size"]
    below = [None, None, None, "Color", "Fit", None]
    rows = [[f"p{i}", "Kurtas", "a", "Red", "Slim", i] for i in range(3)]
    merged = ("A1:A2", "B1:B2", "C1:C2", "D1:E1", "F1:F2")
    path = write_excel(tmp_path / "a.xlsx", [above, below, *rows], merged=merged)
    assert [row["product_id"] for row in rows_of(path)] == ["p0", "p1", "p2"]
    assert dict(rows_of(path)[1]["attributes"]) == {"Color": "Red", "Fit": "Slim", "Size": "1"}
    assert read_as(path).counts["rows above the header, left out"] == 1


def test_a_header_of_two_rows_of_which_only_the_groups_are_merged(tmp_path):
    above = ["product_id", "product_type", "title", "Looks", None, "Size"]
    rows = [above, [None, None, None, "Color", "Fit", None], ["p1", "Kurtas", "a", "Red", "Slim", 1]]
    path = write_excel(tmp_path / "a.xlsx", rows, merged=("D1:E1",))
    (row,) = rows_of(path)
    assert (row["product_id"], dict(row["attributes"])) == ("p1", {"Color": "Red", "Fit": "Slim", "Size": "1"})
    assert read_as(path).counts == {"rows above the header, left out": 1}


@pytest.mark.parametrize("merged", [(), ("D1:E1", "F1:G1"), ("A1:A2", "B1:B2", "C1:C2", "D1:E1", "F1:G1")])
def test_names_that_come_in_several_groups_have_their_group_in_front(tmp_path, merged):
    above = ["product_id", "product_type", "title", "Frame", None, "Seat", None]
    below = [None, None, None, "Material", "Color", "Material", "Finish"]
    path = write_excel(
        tmp_path / "a.xlsx", [above, below, ["p1", "Chair", "a", "Oak", "Red", "Silk", "Matt"]], merged=merged
    )
    assert dict(rows_of(path)[0]["attributes"]) == {
        "Frame Material": "Oak",
        "Color": "Red",
        "Seat Material": "Silk",
        "Finish": "Matt",
    }


def test_groups_of_columns_above_the_header(tmp_path):
    groups = ["Product", None, None, None, "Looks", None]
    path = write_excel(tmp_path / "a.xlsx", [["Our shop"], groups, HEADER, ["p1", "Kurtas", "t", "d", "Slim", 2012]])
    assert [row["product_id"] for row in rows_of(path)] == ["p1"]
    assert read_as(path).counts == {"rows above the header, left out": 2}


@pytest.mark.parametrize("name", ["a.xls", "a.xlsx"])
def test_a_workbook_of_excel_97(tmp_path, name):
    (tmp_path / name).write_bytes(OLD_WORKBOOK)
    rows = rows_of(tmp_path / name)
    assert [(row["product_id"], row["product_type"], row["title"]) for row in rows] == [
        ("p1", "Shirts", "größer"), ("p2", "Shirts", "t"), ("p3", "Merged", "x"), ("p4", "Merged", "y"),
    ]  # fmt: skip
    assert rows[0]["attributes"] == [("Fit", "Slim"), ("Year", "2012"), ("Launch", "2024-03-05")]
    assert read_as(tmp_path / name).format == "Excel"
    (tmp_path / name).write_bytes(OLD_WORKBOOK[:2000])
    with pytest.raises(CatalogError, match=rf"{name} is a workbook of Excel 97 that cannot be read, or has a password"):
        rows_of(tmp_path / name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_text_that_is_called_a_workbook(tmp_path, encoding):
    path = tmp_path / "a.xls"
    path.write_text("product_id\tproduct_type\ttitle\tFit\np1\tShirts\tgrößer Ā\tSlim\n", encoding)
    assert [(row["title"], row["attributes"]) for row in rows_of(path)] == [("größer Ā", [("Fit", "Slim")])]
    assert read_as(path).format == "CSV (tab)"
    path.write_text("<table><tr><td>product_id</td></tr></table>")
    with pytest.raises(CatalogError, match=r"a\.xls is a web page or XML, whatever its name says"):
        rows_of(path)


def test_a_newer_workbook_with_the_old_ending(tmp_path):
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["p1", "Kurtas", "t", "d", "Slim", 2012]]).rename(
        tmp_path / "a.xls"
    )
    assert [row["product_id"] for row in rows_of(path)] == ["p1"]


SHIRTS = [["product_id", "product_type", "title", "Neck"], ["p3", "Shirts", "c", "V"], ["p4", "Shirts", "d", "Round"]]


def test_sheets_of_products_with_columns_of_their_own(tmp_path):
    """As workbooks have a sheet for each kind of product."""
    path = write_excel(tmp_path / "a.xlsx", SHOES, SHIRTS, names=["Shoes", "Shirts"])
    assert [(row["product_id"], dict(row["attributes"])) for row in rows_of(path)] == [
        ("p1", {"Fit": "Slim"}), ("p2", {"Fit": "Wide"}), ("p3", {"Neck": "V"}), ("p4", {"Neck": "Round"}),
    ]  # fmt: skip
    assert read_as(path).format == "Excel (sheets 'Shoes', 'Shirts')"
    assert read_as(path).counts == {}


@pytest.mark.parametrize("other", [[*SHIRTS, ["p1", "Shoes", "a", None]], [*SHIRTS, ["p3", "Shirts", "e", "V"]]])
def test_a_sheet_that_tells_more_of_the_same_products_is_another_table(tmp_path, other):
    path = write_excel(tmp_path / "a.xlsx", [*SHOES, ["p5", "Shoes", "e", "Slim"]], other, names=["Shoes", "More"])
    assert read_as(path).format in ("Excel (sheet 'Shoes')", "Excel (sheet 'More')")
    assert sum(read_as(path).counts.values()) == 1
