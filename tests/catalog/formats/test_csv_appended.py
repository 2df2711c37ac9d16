"""Concatenated CSV files: the second header is not a product."""

import pytest

from moemoe.errors import CatalogError
from tests.support.catalog_files import read_as, rows_of, write_lines

HEADER = "product_id,product_type,title,Fit"


def test_files_that_were_put_one_behind_the_other(tmp_path):
    header = "product_id,product_type,title,Fit"
    again = header.upper().replace(",", " ,")
    path = write_lines(tmp_path / "a.csv", header, "p1,Kurtas,t,Slim", header, "p2,Kurtas,t,Slim", again, "p3,K,t,Slim")
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2", "p3"]
    assert read_as(path).counts == {"rows that repeat the header, left out": 2}


def test_files_of_other_orders_put_one_behind_the_other(tmp_path):
    header, other = "product_id,product_type,title,Fit", "Fit,title,product_type,product_id"
    lines = (header, "p1,K,t,Slim", other, "Wide,u,S,p2", "Wide,u,S", header, "p3,K,t,Slim")
    path, problems = write_lines(tmp_path / "a.csv", *lines), []
    rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
    assert [(row["product_id"], row["product_type"], row["title"]) for row in rows] == [
        ("p1", "K", "t"), ("p2", "S", "u"), (None, None, None), ("p3", "K", "t")
    ]  # fmt: skip
    assert [detail for *_, detail in problems] == ["line 5 has 3 cells; the header has 4"]
    told = "repeated headers in another order, applied to the rows below"
    assert read_as(path).counts[told] == 1


def test_another_table_behind_the_first_is_an_error(tmp_path):
    """Its cells would be read under the names of others; one whose names stand where they did is only a row."""
    lines = ("product_id,product_type,title,Fit,Color", "p1,K,t,Slim,Red", "product_id,title,product_type,Fit,Neck")
    path = write_lines(tmp_path / "a.csv", *lines, "p2,t,K,Slim,Round")
    with pytest.raises(
        CatalogError, match=r"a second header, 'product_id', 'title', .* column 'title' is at another place"
    ):
        rows_of(path)
    path = write_lines(tmp_path / "b.csv", *lines[:2], "product_id,product_type,title,Fit,Colour", "p2,K,t,Slim,Red")
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "product_id", "p2"]


def test_a_second_header_with_two_columns_of_one_name_is_an_error(tmp_path):
    """In another order nobody knows which of the two is which; in the same one it is left out."""
    lines = ("product_id,product_type,title,Fit,Fit", "p1,K,t,Slim,Wide")
    path = write_lines(tmp_path / "a.csv", *lines, "product_id,Fit,product_type,title,Fit", "p2,Slim,K,t,Wide")
    with pytest.raises(CatalogError, match="allowed are the names of the first header, each once"):
        rows_of(path)
    path = write_lines(tmp_path / "b.csv", *lines, lines[0], "p2,K,t,Slim,Wide")
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p2"]


def test_files_with_marks_put_one_behind_the_other(tmp_path):
    path = tmp_path / "a.csv"
    one = f"{HEADER}\np1,K,t,Slim\n".encode("utf-8-sig")
    path.write_bytes(b"\xef\xbb\xbf" + one + one)
    assert [row["product_id"] for row in rows_of(path)] == ["p1", "p1"]
    assert read_as(path).counts == {"rows that repeat the header, left out": 1}


def test_names_of_a_program_below_labels_are_no_product(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Product ID,Product Type,Title,Colour of it\nproduct_id,product_type,title,color\n"
        "1,Shirts,A,Red\n2,Shirts,Title,\n"
    )
    assert [row["product_id"] for row in rows_of(tmp_path / "a.csv")] == ["1", "2"]
    assert read_as(tmp_path / "a.csv").counts == {"rows that repeat the header, left out": 1}
