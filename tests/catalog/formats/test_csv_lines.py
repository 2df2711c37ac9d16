"""CSV of other tools: headers, quotes and lines that deviate from RFC 4180."""

import pytest

from moemoe.catalog.formats.csv_lines import STRAY, has_blanks_before_quotes, unwrapped, whole_records
from moemoe.catalog.formats.csv_records import BLANK_CELLS, WRAPPED
from moemoe.catalog.formats.table import RULES
from tests.support.catalog_files import read_as, rows_of, write_lines

HEADER = "product_id,product_type,title,description,Fit"


def ids_and_labels(path) -> list[tuple]:
    return [(row["product_id"], row["description"], *row["attributes"]) for row in rows_of(path)]


def test_blanks_before_quotes(tmp_path):
    lines = [f'"{HEADER}"'.replace(",", '", "'), '"p1", "Shirts", "t", "Red, long, \n""new""", "Slim"']
    path = write_lines(tmp_path / "a.csv", *lines, '"p2", "Shirts", "t", "", "Wide"')
    assert ids_and_labels(path) == [("p1", 'Red, long, \n"new"', ("Fit", "Slim")), ("p2", None, ("Fit", "Wide"))]
    assert has_blanks_before_quotes(["id, title", '1, "a, b"'], ",")
    assert not has_blanks_before_quotes(["id,title", '1,"he said, ""b"""'], ",")
    assert not has_blanks_before_quotes(["id,title", '1, "b" shirt'], ",")


@pytest.mark.parametrize("header", [HEADER, f'"{HEADER}"'.replace(",", '" , "')])
@pytest.mark.parametrize("before", ["", " "])
def test_blanks_behind_quotes(tmp_path, header, before):
    lines = [
        f'"p1" ,{before}"Shirts" ,{before}"t" ,{before}"Red, ""new"" , long" ,{before}"Slim" ',
        "p2,Shirts,t,d,Wide",
    ]
    path = write_lines(tmp_path / "a.csv", header, *lines, '"p3" ,"Shirts" ,"5"" tall" ,"" ,"Wide"')
    assert ids_and_labels(path) == [
        ("p1", 'Red, "new" , long', ("Fit", "Slim")), ("p2", "d", ("Fit", "Wide")), ("p3", None, ("Fit", "Wide")),
    ]  # fmt: skip
    write_lines(path, HEADER, 'p1,Shirts,"a 5" , nice shirt",Slim', "p2,Shirts,t,d,Wide")
    told = []
    assert len(rows_of(path, quarantine=lambda *problem: told.append(problem))) == 2
    assert [problem[3] for problem in told] == [f"line 2: {STRAY}"]


def test_lines_that_are_quoted_as_a_whole(tmp_path):
    """A program that expects semicolons saves a line with quotes as one cell."""
    lines = [f'"{HEADER}"', '"p1,Shirts,t,""Red, long"",Slim"', "p2,Shirts,t,plain,Wide"]
    path = write_lines(tmp_path / "a.csv", *lines, '"p3,Shirts,t,""one\ntwo"",Slim"')
    assert ids_and_labels(path) == [
        ("p1", "Red, long", ("Fit", "Slim")), ("p2", "plain", ("Fit", "Wide")), ("p3", "one\ntwo", ("Fit", "Slim")),
    ]  # fmt: skip
    assert read_as(path).counts == {WRAPPED: 2}
    for title in ('"Catalog, all of it, 2024"\n', '"Shirts, kurtas, jeans, hats, 2024"\n'):
        assert unwrapped(title) == title


@pytest.mark.parametrize("begin", [0, 1])
@pytest.mark.parametrize("between", [",", "\t"])
def test_row_numbers_without_a_name(tmp_path, begin, between):
    """As R's write.table writes them."""
    rows = [HEADER, "p1,Shirts,t,d,Slim", "p2,Shirts,t,d,", "p3,Shirts,t,d,Wide"]
    lines = [rows[0], *(f"{number},{row}" for number, row in enumerate(rows[1:], start=begin))]
    path = write_lines(tmp_path / "a.csv", *(line.replace(",", between) for line in lines))
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2", "p3"]
    assert ids_and_labels(path)[2] == ("p3", "d", ("Fit", "Wide"))


def test_blank_cells_behind_records_of_several_lines(tmp_path):
    path = write_lines(tmp_path / "a.csv", HEADER, '1,Shirts,t,"one\ntwo",Slim,', '2,Shirts,t,"one\ntwo",,')
    assert [row["product_id"] for row in rows_of(path)] == ["1", "2"]
    assert read_as(path).counts == {BLANK_CELLS: 2}


@pytest.mark.parametrize("rule", ["----------,------------,-----,--,---", "=====,==,===,===,==="])
def test_dashes_below_the_header(tmp_path, rule):
    path = write_lines(tmp_path / "a.csv", HEADER, rule, "p1,Shirts,t,d,Slim", "--,Shirts,t,d,Slim")
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "--"]
    assert read_as(path).counts == {RULES: 1}


@pytest.mark.parametrize(
    "lines",
    [
        ("| product_id | product_type | title | Fit |", "|---|:---|---:|---|", "| p1 | Shirts | Red | Slim |"),
        (" product_id | product_type | title | Fit ", "------------+----+----+-----", " p1 | Shirts | Red | Slim "),
    ],
)
def test_tables_drawn_with_bars(tmp_path, lines):
    path = write_lines(tmp_path / "a.txt", *lines)
    (row,) = rows_of(path)
    assert (row["product_type"], row["title"], row["attributes"]) == ("Shirts", "Red", [("Fit", "Slim")])
    assert read_as(path).counts == {RULES: 1}


@pytest.mark.parametrize(
    "marked", ["*{}", "{}*", "#{}", "{}:", "[{}]", "{} (required)", "{} (Optional)*", "\u200b{}", "{}\u00a0"]
)
def test_marked_names_in_the_header(tmp_path, marked):
    names = ["product_id", "product_type", "title", "attributes.Fit"]
    path = write_lines(tmp_path / "a.csv", ",".join(map(marked.format, names)), "p1,Shirts,Red,Slim")
    (row,) = rows_of(path)
    assert (row["product_id"], row["title"], dict(row["attributes"])) == ("p1", "Red", {"Fit": "Slim"})


def test_line_breaks_in_the_names_of_the_header(tmp_path):
    header = ",".join(f'"{name}"' for name in ("product\nid", "product\ntype", "title", "Neck\nline"))
    path = write_lines(tmp_path / "a.csv", "My shop", header, "p1,Shirts,Red,V", "p2,Shirts,Blue,Round")
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]
    assert whole_records(['"a\n', 'b"\n', "c\n", '5"\n', "d\n"]) == [['"a\n', 'b"\n'], ["c\n"], ['5"\n'], ["d\n"]]


@pytest.mark.parametrize("between", [",", ";"])
def test_groups_of_columns_above_the_header(tmp_path, between):
    lines = ["Product,,,Looks,,", "product_id,product_type,title,Color,Fit,Neck", "p1,Shirts,Red,Red,,", "p2,S,t,,,V"]
    path = write_lines(tmp_path / "a.csv", *(line.replace(",", between) for line in lines))
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]
    assert read_as(path).counts == {"rows above the header, left out": 1}


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_names_below_groups_of_columns(tmp_path, between):
    """As a spreadsheet saves a header of two rows."""
    lines = [
        "product_id,product_type,title,Looks,,Size",
        ",,,Color,Fit,",
        "p1,S,t,Red,Slim,1",
        "p2,S,t,,,2",
    ]
    path = write_lines(tmp_path / "a.csv", *(line.replace(",", between) for line in lines))
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]
    assert dict(rows_of(path)[0]["attributes"]) == {"Color": "Red", "Fit": "Slim", "Size": "1"}
    assert read_as(path).counts == {"rows above the header, left out": 1}


@pytest.mark.parametrize("below", [",,,,Red,", "p1,S,t,Red,Slim,", ",,,12,Slim,", ",,,Red,Slim,1"])
def test_no_names_below_groups_of_columns(tmp_path, below):
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,Looks,,Size", below, "p2,S,t,Red,Slim,1")
    assert len(rows_of(path)) == 2


def test_a_header_of_few_names_is_no_row_of_groups(tmp_path):
    path = write_lines(
        tmp_path / "a.csv", "product_id,product_type,title,Fit,,,,", "1,S,a,b,c,d,e,f", "2,S,a,b,c,d,e,f"
    )
    assert [row["product_id"] for row in rows_of(path)] == ["1", "2"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header",
    [
        ["product_id,product_type,title,Product,,Package,", ",,,Width,Height,Width,Height"],
        ["Article,,,Product,,Package,", "product_id,product_type,title,Width,Height,Width,Height"],
    ],
)
def test_names_that_come_in_several_groups_have_their_group_in_front(tmp_path, header, delimiter):
    lines = [line.replace(",", delimiter) for line in (*header, "p1,Chair,a,45,90,50,95", "p2,Chair,b,46,91,51,96")]
    path = write_lines(tmp_path / "a.csv", *lines)
    assert rows_of(path)[0]["attributes"] == [
        ("Product Width", "45"), ("Product Height", "90"), ("Package Width", "50"), ("Package Height", "95")
    ]  # fmt: skip
    assert read_as(path).counts == {"rows above the header, left out": 1}
