"""CSV records without their trailing blank cells, and records that only look like them."""

import pytest

from tests.support.catalog_files import read_as, rows_of, write_lines
from tests.support.seller_files import write
from tests.support.shop_samples import GOOGLE, GOOGLE_ROW, KAGGLE, SHOPIFY, write_tabs

HEADER = "product_id,product_type,title,description,Fit,Neck,Color"
FULL = "p0,Kurtas,t,long,Slim,Round,Red"
PADDED = "rows with fewer cells than the header, padded with blank cells"


def read(path):
    told = []
    rows = rows_of(path, quarantine=lambda *problem: told.append(problem))
    return [row["product_id"] for row in rows], [detail for *_, detail in told]


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("Fit", "attributes.Fit")])
@pytest.mark.parametrize("short", ["p1,Kurtas,t", "p1,Kurtas,t,long,Slim", 'p1,Kurtas,"t, x",long'])
def test_missing_cells_are_blank(tmp_path, header, short):
    path = write_lines(tmp_path / "a.csv", header, FULL, short, FULL)
    assert read(path) == (["p0", "p1", "p0"], [])
    assert read_as(path).counts == {PADDED: 1}


def test_the_values_stay_in_their_columns(tmp_path):
    path = write_lines(tmp_path / "a.csv", HEADER, FULL, 'p1,Kurtas,t,long,="7"', FULL)
    assert [row["attributes"] for row in rows_of(path)][1] == [("Fit", "7")]


def test_below_each_other_if_both_are_too_long_to_be_one(tmp_path):
    path = write_lines(tmp_path / "a.csv", HEADER, "p1,Kurtas,t,long,Slim", "p2,Kurtas,t,long", "p3,Kurtas,t,long,Slim")
    assert read(path) == (["p1", "p2", "p3"], [])


@pytest.mark.parametrize("short", ["p1", "p1,Kurtas", "p1,,"[:-1]])
def test_id_type_and_title_must_be_there(tmp_path, short):
    path = write_lines(tmp_path / "a.csv", HEADER, FULL, short, FULL)
    assert read(path) == (["p0", None, "p0"], [f"line 3 has {short.count(',') + 1} cells; the header has 7"])


@pytest.mark.parametrize(
    "lines",
    [
        ("p1,Kurtas,t,lo", "ng,Slim,Round,Red"),
        ("p1,Kurtas,t,lo", "", "ng,Slim,Round,Red"),
        ("p1,Kurtas,t,long,Slim,Ro", "und,Red"),
        ("p1,Kurtas,t,lo", "ng,Slim,Round"),  # and without the blank cell at its end
        ("p1,Kurtas,t", "t,lo", "ng,Slim,Round,Red"),
        ("p1,Kurtas,t,lo", 'ng,"Slim"x,Round,Red'),
    ],
)
def test_parts_of_a_record_with_a_line_break_are_no_products(tmp_path, lines):
    """The second part may have three cells too."""
    path = write_lines(tmp_path / "a.csv", HEADER, FULL, *lines, FULL)
    ids, told = read(path)
    assert (ids[0], ids[-1], set(ids[1:-1])) == ("p0", "p0", {None})
    assert len(told) == sum(map(bool, lines))
    assert PADDED not in read_as(path).counts


def test_a_file_that_was_cut(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join([HEADER, FULL, "p1,Kurtas,t,lo"]))
    assert read(path)[0] == ["p0", None]
    path.write_text("\n".join([HEADER, FULL, "p1,Kurtas,t,long", ""]))
    assert read(path)[0] == ["p0", "p1"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_bytes(end.join([HEADER, "p1,Kurtas,t", FULL, ""]).encode())
    assert read(path)[0] == ["p1", "p0"]


class TestSeveralLines:
    """A quoted cell may have line breaks; a stray quote takes the lines behind it with it."""

    @pytest.mark.parametrize("inner", ["red", "soft, red, long", "soft, red, long, warm, wide"])
    def test_a_quoted_cell(self, tmp_path, inner):
        path = write_lines(tmp_path / "a.csv", HEADER, FULL, 'p1,Kurtas,t,"long', inner, 'it is"', FULL)
        assert read(path) == (["p0", "p1", "p0"], [])
        assert rows_of(path)[1]["description"] == f"long\n{inner}\nit is"

    def test_a_record_within_the_quotes_is_not_lost(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", HEADER, 'p1,Kurtas,"t', FULL, 'p2,K,t",long', FULL)
        ids, _ = read(path)
        assert ids == [None, "p0", None, "p0"]

    def test_what_is_left_of_one_with_more_cells_is_no_product(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", HEADER, 'p1,Kurtas,"t', "a,b,c,d,e,f", 'x,y,z",1,2,3,4,5,6', FULL)
        assert read(path)[0] == [None, None, None, "p0"]


class TestShops:
    """What a layout needs is what becomes id, product type and title there."""

    def test_shopify(self, tmp_path):
        width, needed = SHOPIFY.count(",") + 1, SHOPIFY.split(",").index("Type") + 1
        cells = ["shirt", "Shirt", "", "", "", "Shirts", *[""] * (width - 6)]
        for number, first in ((needed, "shirt"), (needed - 1, None)):
            path = write(tmp_path / "a.csv", SHOPIFY, ",".join(cells[:number]), ",".join(["hat", *cells[1:]]))
            assert read(path)[0] == [first, "hat"]

    def test_google(self, tmp_path):
        path = write_tabs(tmp_path / "a.tsv", GOOGLE, GOOGLE_ROW, ["2", *GOOGLE_ROW[1:-1]])
        ids, told = read(path)
        assert (ids[1], told) == ("2", [])

    def test_kaggle_still_repairs_those_with_too_many(self, tmp_path):
        row = "1,Men,Apparel,Topwear,Shirts,Navy,Fall,2011,Casual,{}"
        path = write_lines(tmp_path / "styles.csv", KAGGLE, row.format("Shirt, long"), row.format("Shirt"))
        assert read(path) == (["1", "1"], [])
        assert PADDED not in read_as(path).counts
