"""CSV finds its feet again whatever a cell holds; encodings of text files are named."""

import pytest

from moemoe.errors import CatalogError
from tests.support.catalog_files import rows_of, write_lines


class TestCsv:
    HEADER = "product_id,product_type,title,bullet_points,image,attributes.Fit,attributes.Neck"

    def test_rows(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_bytes(
            f"\ufeff{self.HEADER}\r\n"
            'p1,Kurtas,"Red, long\nकुर्ता","[""soft"", ""red""]",img/1.jpg,Slim,\r\n'
            "\r\n"
            "p2,Kurtas,t,[Imported] cotton,,,Round\r\n".encode()
        )
        first, second = rows_of(path)
        assert first["title"] == "Red, long\nकुर्ता"
        assert first["bullet_points"] == ["soft", "red"]
        assert first["image"] == {"bytes": None, "path": "img/1.jpg"}
        assert first["attributes"] == [("Fit", "Slim")]
        assert second["bullet_points"] == ["[Imported] cotton"]
        assert second["image"] is None
        assert second["attributes"] == [("Neck", "Round")]

    def test_bad_rows_are_told(self, tmp_path):
        path = tmp_path / "a.csv"
        lines = [self.HEADER, "p1,Kurtas", 'p2,Kurtas,"a"b,,,,', "p3,Kurtas,\xff,,,,", "p4,Kurtas,t,,,Slim,"]
        path.write_bytes("\n".join(lines).encode("latin-1"))
        told = []
        rows = rows_of(path, set_aside=lambda *problem: told.append(problem))
        assert [row["product_id"] for row in rows] == [None, None, None, "p4"]
        assert [(row, reason) for row, _, reason, _ in told] == [
            (0, "row is not readable"), (1, "row is not readable"), (2, "text is not UTF-8"),
        ]  # fmt: skip
        assert told[0][3] == "line 2 has 2 cells; the header has 7"

    def test_cut_short_in_a_quote(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text(f'{self.HEADER}\np1,Kurtas,"Red')
        with pytest.raises(CatalogError, match=r"a\.csv is cut short or is not CSV: line \d"):
            rows_of(path, set_aside=lambda *_: None)

    def test_not_csv(self, tmp_path):
        path = tmp_path / "a.csv"
        for content in (b"", b"\x89PNG\r\n\x1a\n\x00\x00", b"SKU;Titel\n1;2\n"):
            path.write_bytes(content)
            with pytest.raises(CatalogError, match=r"a\.csv"):
                rows_of(path, set_aside=lambda *_: None)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"PK\x03\x04 xl/workbook.xml", "an Excel workbook or a ZIP archive"),
            (b"\x1f\x8b\x08 gz", "compressed"),
            (b"PAR1 columns", "a Parquet file"),
            (b"\n<!DOCTYPE html><html>log in</html>", "a web page or XML"),
            (b'[{"product_id": 1}]', "JSON"),
        ],
    )
    def test_files_of_other_kinds_are_named(self, tmp_path, content, kind):
        path = tmp_path / "a.csv"
        path.write_bytes(content)
        with pytest.raises(CatalogError, match=rf"a\.csv is {kind}, whatever its name says"):
            rows_of(path)

    def test_blank_lines_before_the_header_are_left_out(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text(f"\n \r\n{self.HEADER}\np1,Kurtas,t,,,Slim,\n")
        assert [row["product_id"] for row in rows_of(path)] == ["p1"]

    @pytest.mark.parametrize(
        ("cell", "told"),
        [
            ('"never closed', "line 3: unexpected end of data: a quote opens a cell that does not close"),
            ('"closed" late', "line 3: a quote stands inside of a quoted cell; there it is written twice"),
            ("one,more", "line 3 has 8 cells; the header has 7"),
        ],
    )
    @pytest.mark.parametrize(
        "after", ["{},Kurtas,t,,,Slim,", '{},Kurtas,"t, ""x""",,,"Slim",', '{},Kurtas,5" t,,,Slim,']
    )
    def test_a_bad_record_takes_no_other_with_it(self, tmp_path, cell, told, after):
        lines = [self.HEADER, after.format("p0"), f"bad,Kurtas,{cell},,,Slim,"]
        path = write_lines(tmp_path / "a.csv", *lines, *(after.format(f"p{i}") for i in range(1, 300)))
        problems = []
        rows = rows_of(path, set_aside=lambda *problem: problems.append(problem))
        assert [row["product_id"] for row in rows] == ["p0", None, *(f"p{i}" for i in range(1, 300))]
        assert [(row, reason) for row, _, reason, _ in problems] == [(1, "row is not readable")]
        if '"' not in after or not cell.startswith('"never'):  # an open quote ends at the next one
            assert problems[0][3] == told
        assert rows[-1]["title"] in ("t", 't, "x"', '5" t')

    def test_lines_that_all_open_a_quote_are_read_once_each(self, tmp_path):
        """And not to the end of the file from each of them."""
        path = write_lines(tmp_path / "a.csv", self.HEADER, *['a","b'] * 20_000, "p1,Kurtas,t,,,Slim,")
        problems = []
        rows = rows_of(path, set_aside=lambda *problem: problems.append(problem))
        assert len(rows) == 20_001
        assert rows[-1]["product_id"] == "p1"
        assert len(problems) == 20_000

    def test_cells_may_be_as_long_as_json_lines(self, tmp_path):
        long = "<li>one, two</li>\n" * 20_000
        path = write_lines(tmp_path / "a.csv", self.HEADER, f'p1,Kurtas,"{long}",,,Slim,', "p2,Kurtas,t,,,,")
        first, second = rows_of(path)
        assert first["title"] == long.replace('""', '"')
        assert (first["attributes"], second["product_id"]) == ([("Fit", "Slim")], "p2")

    def test_lines_are_counted_as_an_editor_counts_them(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", self.HEADER, 'p1,Kurtas,"one\ntwo\n",,,,', "", "p2,Kurtas", "p3,K,t,,,,")
        problems = []
        rows = rows_of(path, set_aside=lambda *problem: problems.append(problem))
        assert [row["product_id"] for row in rows] == ["p1", None, "p3"]
        assert problems[0][3] == "line 6 has 2 cells; the header has 7"

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            (HEADER.replace(",", ";") + "\n", r"has semicolons \(;\) between its cells; save it with commas"),
            (HEADER.replace(",", "\t") + "\n", "has tabs between its cells"),
            (HEADER.replace(",", "|") + "\n", r"has vertical bars \(\|\) between its cells"),
            ("sep=;\n" + HEADER.replace(",", ";") + "\n", "begins with 'sep=;'.*delete this line and save"),
            ("sep=,\n" + HEADER + "\n", "begins with 'sep=,'.*delete this line$"),
        ],
    )
    def test_other_separators_are_named(self, tmp_path, content, named):
        path = tmp_path / "a.csv"
        path.write_text(content)
        with pytest.raises(CatalogError, match=named):
            rows_of(path)

    def test_a_column_of_json_text(self, tmp_path):
        header = "product_id,product_type,title,attributes,attributes.Neck"
        lines = [
            'p1,K,t,"{""Fit"": ""Slim"", ""year"": NaN}",Round',
            """p2,K,t,"{'Fit': 'Slim', 'x': nan}",""",
            "p3,K,t,Slim,",
        ]
        problems = []
        path = write_lines(tmp_path / "a.csv", header, *lines)
        first, second, _ = rows_of(path, set_aside=lambda *problem: problems.append(problem))
        assert first["attributes"] == [("Fit", "Slim"), ("year", None), ("Neck", "Round")]
        assert second["attributes"] == [("Fit", "Slim"), ("x", None)]
        assert problems == [(2, "attributes", "attributes are not a map", "'Slim' is no JSON object")]

    def test_a_column_twice(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,title,attributes.Fit", "p1,K,a,b,Slim")
        with pytest.raises(CatalogError, match="column 'title' comes twice"):
            rows_of(path)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
class TestEncodings:
    def content(self, kind, title):
        if kind == "csv":
            return f"product_id,product_type,title,attributes.Fit\np1,K,{title},Slim\np2,K,t,Slim\n"
        row = '{{"product_id": "{}", "product_type": "K", "title": "{}", "attributes": {{}}}}\n'
        return row.format("p1", title) + row.format("p2", "t")

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
    def test_utf_16_is_named(self, tmp_path, kind, encoding):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, "café").encode(encoding))
        with pytest.raises(CatalogError, match="is in UTF-16 or UTF-32; save it as UTF-8"):
            rows_of(path)

    def test_windows_1252_is_named(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, "Édition d\u2019été").encode("cp1252"))
        problems = []
        rows = rows_of(path, set_aside=lambda *problem: problems.append(problem))
        assert [row["product_id"] for row in rows] == [None, "p2"]
        expected = "title: as Windows-1252 it reads 'Édition d\u2019été'; save the file as UTF-8"
        assert problems == [(0, "title", "text is not UTF-8", expected)]
