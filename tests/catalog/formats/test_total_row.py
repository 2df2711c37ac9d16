"""Rows of totals below a table."""

import pytest

from moemoe.catalog.formats.total_row import TOTALS, is_total
from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.excel_files import write_excel

HEADER = ["product_id", "product_type", "title", "Fit", "Price"]


@pytest.mark.parametrize(
    "total", [["Total", "", "", "", "7"], ["", "", "", "Grand Total:", "$7.00"], ["Summe", "2", "", "", "7,00 €"]]
)
def test_a_row_of_totals_is_left_out(tmp_path, total):
    rows = [["p1", "Shirts", "a", "Slim", "3"], ["p2", "Shirts", "b", "Wide", "4"]]
    path = write_lines(tmp_path / "a.csv", *(";".join(row) for row in [HEADER, *rows, total]))
    book = write_excel(tmp_path / "a.xlsx", [HEADER, *rows, [int(cell) if cell.isdigit() else cell for cell in total]])
    for file in (path, book):
        assert [row["product_id"] for row in rows_of(file)] == ["p1", "p2"]
        assert read_as(file).counts == {TOTALS: 1}


@pytest.mark.parametrize(
    "cells",
    [
        ["Total", "Cereals", "Total 500 g", "", "3"],
        ["5", "12", "Total", "", "3"],
        ["TOTAL-5", "", "", "", "7"],
        ["p1", "", "", "Total", ""],
        ["", "", "", "", "7"],
        [5, None, "Sum", "", 7.5],
    ],
)
def test_other_rows_are_not(cells):
    assert not is_total(cells)


@pytest.mark.parametrize(
    "word", ["total", "Subtotal", "GESAMT:", "Итого", "合計", "Suma", "Totale", "Grand total (2 items)"]
)
def test_words(word):
    assert is_total([word, None, "", 7, "1.234,50"])
