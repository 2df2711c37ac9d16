"""Text written by databases, with backslash escapes instead of quotes."""

from moemoe.catalog.formats.escaped_lines import ESCAPED
from tests.support.catalog_files import read_as, rows_of

HEADER = "product_id\tproduct_type\ttitle\tdescription\tFit\n"


def test_backslashes_stand_for_what_a_cell_cannot_have(tmp_path):
    path = tmp_path / "a.tsv"
    lines = [
        'p1\tShirts\t5" \\\\ wide\tOne.\\nTwo\\tthree.\t\\N',
        "p2\tShirts\tt\tOne.\\\nTwo\\\tthree.\tSlim",
        "p3\tShirts",
        "\\.",
    ]
    path.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    told = []
    one, two, _ = rows_of(path, quarantine=lambda *problem: told.append(problem))
    assert (one["title"], one["description"], one["attributes"][0][1]) == ('5" \\ wide', "One.\nTwo\tthree.", None)
    assert two["description"] == one["description"]
    assert (two["product_id"], two["attributes"]) == ("p2", [("Fit", "Slim")])
    assert told == [(2, "row", "row is not readable", "line 5 has 2 cells; the header has 5")]
    assert read_as(path).counts == {ESCAPED: 2}


def test_other_text_between_tabs_keeps_its_backslashes(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text(HEADER + "p1\tShirts\tt\tC:\\new\\N\tSlim\n")
    assert rows_of(path)[0]["description"] == "C:\\new\\N"
