"""CSV: reading recovers after any malformed cell; delimiter and encoding are detected."""

import gzip

import pytest

from moemoe.errors import CatalogError
from tests.support.catalog_files import read_as, rows_of, write_lines


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
        lines = [
            self.HEADER,
            "p1,Kurtas",
            'p2,Kurtas,"a"b,,,,',
            "p3,Kurtas,\xe0\xe1\xe2\xe3,,,,",
            "p4,Kurtas,t,,,Slim,",
        ]
        path.write_bytes("\n".join(lines).encode("latin-1"))
        told = []
        rows = rows_of(path, quarantine=lambda *problem: told.append(problem))
        assert [row["product_id"] for row in rows] == [None, None, None, "p4"]
        assert [(row, reason) for row, _, reason, _ in told] == [
            (0, "row is not readable"), (1, "row is not readable"), (2, "text is not UTF-8"),
        ]  # fmt: skip
        assert told[0][3] == "line 2 has 2 cells; the header has 7"

    def test_cut_short_in_a_quote(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text(f'{self.HEADER}\np1,Kurtas,"Red')
        with pytest.raises(CatalogError, match=r"a\.csv is cut short or is not CSV: line \d"):
            rows_of(path, quarantine=lambda *_: None)

    def test_not_csv(self, tmp_path):
        path = tmp_path / "a.csv"
        for content in (b"\x89PNG\r\n\x1a\n\x00\x00", b"SKU;Titel\n1;2\n"):
            path.write_bytes(content)
            with pytest.raises(CatalogError, match=r"a\.csv"):
                rows_of(path, quarantine=lambda *_: None)

    @pytest.mark.parametrize(
        ("content", "kind"),
        [
            (b"PK\x03\x04 xl/workbook.xml", "an Excel workbook or a ZIP archive"),
            (gzip.compress(gzip.compress(b"product_id", mtime=0), mtime=0), "compressed"),
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

    @pytest.mark.parametrize(
        "above", ["My shop\n", '"My shop, all of it"\nExported on,27.11.2026\n\n', ";;\nMy shop;;;;\n\n"]
    )
    def test_titles_above_the_header_are_left_out(self, tmp_path, above):
        path = tmp_path / "a.csv"
        path.write_text(f"{above}{self.HEADER}\np1,Kurtas,t,,,Slim,\np2,Kurtas\n".replace(",", ";"))
        told = []
        rows = rows_of(path, quarantine=lambda *problem: told.append(problem))
        assert [row["product_id"] for row in rows] == ["p1", None]
        lines = above.count("\n") + 3
        assert told[0][3] == f"line {lines} has 2 cells; the header has 7"
        left_out = sum(bool(line.strip()) for line in above.splitlines())
        assert read_as(path).counts["rows above the header, left out"] == left_out

    @pytest.mark.parametrize("header", ["SKU,Title", "SKU,Title,Color"])
    def test_a_narrow_header_is_no_title(self, tmp_path, header):
        path = tmp_path / "a.csv"
        path.write_text(f"{header}\n1,2\n1,2,3,4,5\n1,2\n")
        with pytest.raises(CatalogError, match="the file has 'SKU', 'Title'"):
            rows_of(path, quarantine=lambda *_: None)

    def test_blank_lines_before_the_header_are_left_out(self, tmp_path):
        path = tmp_path / "a.csv"
        path.write_text(f"\n \r\n{self.HEADER}\np1,Kurtas,t,,,Slim,\n")
        assert [row["product_id"] for row in rows_of(path)] == ["p1"]

    @pytest.mark.parametrize(
        ("cell", "told"),
        [
            ('"never closed', "line 3: unexpected end of data: a quote opens a cell that does not close"),
            ('"closed" late', "line 3: a quote inside a quoted cell must be doubled"),
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
        rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
        assert [row["product_id"] for row in rows] == ["p0", None, *(f"p{i}" for i in range(1, 300))]
        assert [(row, reason) for row, _, reason, _ in problems] == [(1, "row is not readable")]
        if '"' not in after or not cell.startswith('"never'):  # an open quote ends at the next one
            assert problems[0][3] == told
        assert rows[-1]["title"] in ("t", 't, "x"', '5" t')

    def test_lines_that_all_open_a_quote_are_read_once_each(self, tmp_path):
        """And not to the end of the file from each of them."""
        path = write_lines(tmp_path / "a.csv", self.HEADER, *['a","b'] * 20_000, "p1,Kurtas,t,,,Slim,")
        problems = []
        rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
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
        rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
        assert [row["product_id"] for row in rows] == ["p1", None, "p3"]
        assert problems[0][3] == "line 6 has 2 cells; the header has 7"

    @pytest.mark.parametrize(
        ("content", "format"),
        [
            ("product_id,product_type,title,attributes.Fit\np1,K,a;b|c,Slim\n", "CSV (comma)"),
            ("product_id;product_type;title;attributes.Fit\r\np1;K;a,b;Slim\r\n", "CSV (semicolon)"),
            ("product_id\tproduct_type\ttitle\tattributes.Fit\np1\tK\ta,b\tSlim\n", "CSV (tab)"),
            ("product_id|product_type|title|attributes.Fit\np1|K|a,b|Slim\n", "CSV (vertical bar)"),
            ("sep=;\r\nproduct_id;product_type;title;attributes.Fit\r\np1;K;a,b;Slim\r\n", "CSV (semicolon)"),
            ('"sep=,"\nproduct_id,product_type,title,attributes.Fit\np1,K,"a;b",Slim\n', "CSV (comma)"),
            ("sep=~\nproduct_id~product_type~title~attributes.Fit\np1~K~a,b~Slim\n", "CSV (tilde)"),
            # more commas than semicolons, but the rows do not agree
            ("product_id;product_type;title;attributes.Fit (a, b, c, d, e)\np1;K;a;Slim\n", "CSV (semicolon)"),
            ('product_id;"product_type";title;"attributes.Fit"\np1;"K";"a\nb";"Slim"\n', "CSV (semicolon)"),
        ],
    )
    def test_the_delimiter_is_found(self, tmp_path, content, format):
        path = tmp_path / "a.csv"
        path.write_text(content, newline="")
        (row,) = rows_of(path)
        assert (row["product_id"], row["product_type"], len(row["attributes"])) == ("p1", "K", 1)
        assert row["attributes"][0][1] == "Slim"
        assert read_as(path).format == format

    def test_quotes_between_tabs_as_they_are(self, tmp_path):
        """Programs that write tabs often quote nothing, others quote as in CSV; both are read."""
        header = "product_id\tproduct_type\ttitle\tattributes.Fit"
        lines = ['p1\tK\t"Red" kurta\tSlim', 'p2\tK\t"never closed\tSlim', 'p3\tK\t5" wide\tSlim']
        lines += ['p4\tK\t"quoted ""red""\tkurta"\tSlim', 'p5\tK\t"two\nlines"\tSlim', "p6\tK"]
        problems = []
        path = write_lines(tmp_path / "a.tsv", header, *lines)
        titles = [row["title"] for row in rows_of(path, quarantine=lambda *problem: problems.append(problem))]
        assert titles == ['"Red" kurta', '"never closed', '5" wide', 'quoted "red"\tkurta', "two\nlines", None]
        assert [problem[3] for problem in problems] == ["line 8 has 2 cells; the header has 4"]

    def test_a_column_of_json_text(self, tmp_path):
        header = "product_id,product_type,title,attributes,attributes.Neck"
        lines = [
            'p1,K,t,"{""Fit"": ""Slim"", ""year"": NaN}",Round',
            """p2,K,t,"{'Fit': 'Slim', 'x': nan}",""",
            "p3,K,t,Slim,",
        ]
        problems = []
        path = write_lines(tmp_path / "a.csv", header, *lines)
        first, second, _ = rows_of(path, quarantine=lambda *problem: problems.append(problem))
        assert first["attributes"] == [("Fit", "Slim"), ("year", None), ("Neck", "Round")]
        assert second["attributes"] == [("Fit", "Slim"), ("x", None)]
        assert problems == [(2, "attributes", "attributes are not a map", "'Slim' is not a JSON object")]

    def test_a_column_twice(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,title,attributes.Fit", "p1,K,a,b,Slim")
        with pytest.raises(CatalogError, match="column 'title' is repeated"):
            rows_of(path)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
class TestEncodings:
    def content(self, kind, title):
        if kind == "csv":
            return f"product_id,product_type,title,attributes.Fit\np1,K,{title},Slim\np2,K,t,Slim\n"
        row = '{{"product_id": "{}", "product_type": "K", "title": "{}", "attributes": {{}}}}\n'
        rows = [row.format("p1", title), row.format("p2", "t")]
        return "".join(rows) if kind == "jsonl" else f"[{','.join(rows)}]"

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
    def test_unicode_with_and_without_mark(self, tmp_path, kind, encoding):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, "café \u0915\U0001f600").encode(encoding))
        assert [row["title"] for row in rows_of(path)] == ["café \u0915\U0001f600", "t"]
        assert not read_as(path).counts

    def test_utf_16_cut_within_a_character(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, "café").encode("utf-16")[:-1])
        with pytest.raises(CatalogError, match=rf"a\.{kind} is damaged or cut short"):
            rows_of(path)

    def test_windows_1252_is_read_and_counted(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, "Édition d\u2019été \u2013 20 \u20ac").encode("cp1252"))
        assert [row["title"] for row in rows_of(path)] == ["Édition d\u2019été \u2013 20 \u20ac", "t"]
        assert read_as(path).counts == {"lines that are not UTF-8, read as Windows-1252": 1}

    def test_a_byte_of_windows_1252_among_utf_8(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, "कुर्ता caf@").encode().replace(b"@", b"\xe9"))
        assert rows_of(path)[0]["title"] == "कुर्ता café"

    @pytest.mark.parametrize("encoding", ["cp1251", "shift_jis", "gbk"])
    def test_words_in_another_encoding_cost_their_row(self, tmp_path, kind, encoding):
        words = {"cp1251": "Красное платье", "shift_jis": "ひらがな", "gbk": "红色连衣裙"}
        path = tmp_path / f"a.{kind}"
        path.write_bytes(self.content(kind, words[encoding]).encode(encoding))
        problems = []
        rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
        assert [row["product_id"] for row in rows] == [None, "p2"]
        assert problems[0][:3] == (0, "title", "text is not UTF-8")


def test_blank_cells_behind_the_last_column(tmp_path):
    """A delimiter at the end of every line but the header's."""
    header = "product_id,product_type,title,Fit"
    lines = ["p1,Kurtas,t,Slim,", "p2,Kurtas,t,Slim,", "p3,Kurtas,t,Slim,x", "p4,Kurtas,t,Slim"]
    path = write_lines(tmp_path / "a.csv", header, *lines)
    problems = []
    rows = rows_of(path, quarantine=lambda *problem: problems.append(problem))
    assert [row["product_id"] for row in rows] == ["p1", "p2", None, "p4"]
    assert problems[0][3] == "line 4 has 5 cells; the header has 4"
    assert read_as(path).counts == {"rows with blank cells behind the last column, left out": 2}


@pytest.mark.parametrize(("fit", "is_read"), [("Slim", True), ("", False)])
def test_blank_cells_behind_the_last_column_of_one_record(tmp_path, fit, is_read):
    """A delimiter in a text moves the last cell behind the last column, and that may be a blank one."""
    lines = [f"p1,Kurtas,t,{fit}", "p2,Kurtas,t,Slim,,", "p3,Kurtas,t,Slim,x"]
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,Fit", *lines)
    rows = rows_of(path, quarantine=lambda *_: None)
    assert [row["product_id"] for row in rows] == ["p1", "p2" if is_read else None, None]
    assert read_as(path).counts == ({"rows with blank cells behind the last column, left out": 1} if is_read else {})


def test_columns_are_told_in_one_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('product_id,product_type,title,"Color\n(main)",\u200bFit,,\np1,K,t,Red,Slim,x,y\n')
    assert read_as(path).by_use()["attribute"] == ["Color (main)", "Fit"]
    assert read_as(path).by_use()["unused"] == ["(no name)", "(no name) (2)"]


HEADER = "product_id,product_type,title,Fit"


@pytest.mark.parametrize("header", [HEADER, "product_id,product_type,title,attributes.Fit"])
def test_rows_of_blank_cells(tmp_path, header):
    """Spreadsheets save those that were once used."""
    path = write_lines(tmp_path / "a.csv", header, ",,,", "p1,Kurtas,t,Slim", ' ,," ",', ",,,")
    assert [row["product_id"] for row in rows_of(path)] == ["p1"]
    assert read_as(path).counts == {"blank rows, left out": 3}


def test_an_empty_file_beside_others(tmp_path):
    """As databases write a part without rows."""
    path = tmp_path / "part-1.csv"
    for content in ("", "\n\n", "\ufeff"):
        path.write_text(content)
        assert rows_of(path) == []
        assert read_as(path).counts == {"empty files": 1}


def test_quotes_behind_backslashes(tmp_path):
    """As Spark and MySQL write them; a record that has another reading keeps its backslashes."""
    path = tmp_path / "a.csv"
    rows = [
        r'p1,Kurtas,"a \"red\" kurta, C:\new",Slim',
        r'p2,Kurtas,"two',
        r'lines of \"text\"",Slim',
        "p3,K,C:\\new,Slim",
    ]
    path.write_text("\n".join([HEADER, *rows, r'p4,K,"never \" closed,Slim', "p5,K,t,Slim\n"]))
    problems = []
    found = rows_of(path, quarantine=lambda *problem: problems.append(problem[0]))
    titles = ['a "red" kurta, C:\\new', 'two\nlines of "text"', "C:\\new", None, "t"]
    assert ([row["title"] for row in found], problems) == (titles, [3])
    assert read_as(path).counts == {"rows with backslash-escaped quotes, read as quotes": 2}


def test_quotes_behind_backslashes_in_cells_without_quotes(tmp_path):
    """As pandas writes them with an ``escapechar``; JSON has backslashes of its own, and doubled quotes are whole."""
    rows = [r"p1,K,5\" heel,Slim", r"p2,K,[5\" heel],Slim", r'p3,K,"a \""b\""",Slim']
    path = write_lines(tmp_path / "a.csv", HEADER, *rows)
    assert [row["title"] for row in rows_of(path)] == ['5" heel', r"[5\" heel]", r"a \"b\""]
    assert read_as(path).counts == {"rows with backslash-escaped quotes, read as quotes": 1}


def test_texts_written_as_formulas(tmp_path):
    """What keeps the zeros of an id when Excel opens the file."""
    rows = ['="007",K,t,Slim', '"=""008""",K,"=""a "" b""",Slim', 'p3,K,"<a href=""x"">",=1']
    path = write_lines(tmp_path / "a.csv", HEADER, *rows)
    found = rows_of(path)
    assert [row["product_id"] for row in found] == ["007", "008", "p3"]
    assert [row["title"] for row in found] == ["t", '="a " b"', '<a href="x">']
    assert read_as(path).counts == {'rows with cells written ="...", read as text': 2}


def test_a_line_break_in_the_header(tmp_path):
    path = tmp_path / "a.csv"
    for between in ",;":
        lines = [HEADER.replace(",title", ',"ti\r\ntle') + '"', "p1,K,a,Slim", "p2,K,b,Slim"]
        path.write_text("\r\n".join(lines).replace(',Fit"', '",Fit').replace(",", between), newline="")
        names = {"title": "ti\r\ntle"}
        assert [(row["product_id"], row["title"]) for row in rows_of(path, names)] == [("p1", "a"), ("p2", "b")]


@pytest.mark.parametrize(("between", "name"), [("^", "caret"), ("~", "tilde"), ("\x01", "control character 1")])
def test_delimiters_that_few_use(tmp_path, between, name):
    """The last one is Hive's."""
    lines = ["product_id,product_type,title,color", "1,Shirt,Tee; nice,red", "2,Shirt,Tee,blue"]
    path = write_lines(tmp_path / "a.csv", *(line.replace(",", between) for line in lines))
    assert [(row["title"], *row["attributes"]) for row in rows_of(path)] == [
        ("Tee; nice", ("color", "red")), ("Tee", ("color", "blue")),
    ]  # fmt: skip
    assert read_as(path).format == f"CSV ({name})"


def test_a_delimiter_that_is_not_known(tmp_path):
    path = write_lines(tmp_path / "a.csv", "product_id:product_type:title:color", "1:Shirt:Tee:red")
    hint = r"the file has 'product_id:product_type:title:color'.* if its delimiter is not among "
    with pytest.raises(CatalogError, match=hint + r"comma, .*, declare it above the header, as in `sep=:`"):
        rows_of(path)
    write_lines(path, "sep=:", "product_id:product_type:title:color", "1:Shirt:Tee:red")
    assert rows_of(path)[0]["attributes"] == [("color", "red")]


@pytest.mark.parametrize("end", ["\x1a", "\0" * 4096])
def test_what_stands_behind_the_end(tmp_path, end):
    path = tmp_path / "a.csv"
    path.write_text(f"{HEADER}\np1,K,t,Slim\n{end}")
    assert [row["product_id"] for row in rows_of(path)] == ["p1"]


class TestDelimitersWithoutQuotes:
    """A blank behind one shows that it is within a cell, unless all cells of the file begin so."""

    @pytest.mark.parametrize("between", [",", ";", "|"])
    def test_are_read_as_one_cell(self, tmp_path, between):
        rows = ["p1,K,Bags, Belts,Slim", "p2,K,t,Slim, stretch, soft", 'p3,K,"x, y", z,Slim']
        lines = [HEADER, "p0,K,t,Slim", *rows]
        path = write_lines(tmp_path / "a.csv", *(line.replace(",", between) for line in lines))
        found = rows_of(path)
        expected = ["t", "Bags, Belts", "t", "x, y, z"]
        assert [row["title"] for row in found] == [title.replace(",", between) for title in expected]
        assert found[2]["attributes"] == [("Fit", "Slim, stretch, soft".replace(",", between))]
        assert read_as(path).counts == {"rows with a delimiter inside an unquoted cell, read as one cell": 3}

    @pytest.mark.parametrize(
        "lines",
        [
            ["p1,K,Bags,Belts,Slim"],
            ["p1,K,Bags, big,small,Slim"],  # which of the two is in a cell?
            ["p0, K, t, Slim", "p1, K, Bags, Belts, Slim"],
            ["p0,K,t, Slim", "p1,K,Bags,Belts, Slim"],
        ],
    )
    def test_others_cost_their_row(self, tmp_path, lines):
        told = []
        rows_of(write_lines(tmp_path / "a.csv", HEADER, *lines), quarantine=lambda *problem: told.append(problem))
        assert [(row, reason) for row, _, reason, _ in told] == [(len(lines) - 1, "row is not readable")]
