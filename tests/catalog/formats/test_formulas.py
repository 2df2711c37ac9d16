"""Formulas in cells of CSV and workbooks: their texts, or a count of those without a result."""

from collections import Counter

import pytest

from moemoe.catalog.formats.formulas import NO_RESULT, TEXTS, without_formulas
from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.excel_files import Formula, write_excel

HEADER = "product_id,product_type,title,Fit"


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('="007"', "007"),
        ('="a "" b"', 'a " b'),
        ('=T("Slim")', "Slim"),
        ('=CONCATENATE("Sl"; "im")', "Slim"),
        ('="Sl" & "im"', "Slim"),
        ('=A2&"x"', ""),
        ("=B3", ""),
        ("=$B$3*2", ""),
        ("=Sheet2!B3", ""),
        ("=VLOOKUP(A2,Sheet2!A:B,2,FALSE)", ""),
        ('=CONCATENATE("Blue ";B2)', ""),
        ("=1+1", ""),
        ("=1", "=1"),
        ("= 5 cm", "= 5 cm"),
        ("=> wash cold", "=> wash cold"),
        ("=)", "=)"),
        ('=IMAGE("https://a.test/1.jpg")', '=IMAGE("https://a.test/1.jpg")'),
        ('=HYPERLINK("https://a.test";"red")', '=HYPERLINK("https://a.test";"red")'),
        ("- cotton", "- cotton"),
    ],
)
def test_a_cell(cell, text):
    counts = Counter()
    assert without_formulas(["p1", cell], counts) == ["p1", text]
    assert counts == ({NO_RESULT: 1} if not text else {TEXTS: 1} if text != cell else {})


def test_csv(tmp_path):
    path = write_lines(
        tmp_path / "a.csv", HEADER, "p1,K,t,=A2", 'p2,K,"=CONCATENATE(""a"",B2)",Slim', '="p3",K,"t\n",=B2'
    )
    found = rows_of(path)
    assert [(row["product_id"], row["title"], row["attributes"]) for row in found] == [
        ("p1", "t", []), ("p2", None, [("Fit", "Slim")]), ("p3", "t\n", [])
    ]  # fmt: skip
    assert read_as(path).counts == {NO_RESULT: 3, TEXTS: 1}


def test_a_workbook_of_a_program_that_does_not_reckon(tmp_path):
    rows = [HEADER.split(","), ["p1", "K", "t", Formula('"Sl"&"im"')], ["p2", "K", "u", "Wide"]]
    path = write_excel(tmp_path / "a.xlsx", rows)
    assert [row["attributes"] for row in rows_of(path)] == [[], [("Fit", "Wide")]]
    assert read_as(path).counts == {NO_RESULT: 1}
