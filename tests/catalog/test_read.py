"""Catalog files of every kind, and everything that can be wrong with one."""

import base64
import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.catalog.read import read_batches
from moemoe.errors import CatalogError, StorageError
from moemoe.schemas import CATALOG
from tests.support.catalog_files import REQUIRED, ROW, minimal, rows_of, write_lines, write_parquet


class TestParquet:
    def test_catalog_schema_comes_back_as_it_is(self, tmp_path):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.Table.from_pylist([ROW] * 600, CATALOG), path)
        batches = list(read_batches(str(path), batch_rows=256))
        assert [batch.num_rows for batch in batches] == [256, 256, 88]
        assert pa.Table.from_batches(batches).to_pylist() == [ROW] * 600

    def test_other_types_become_the_catalogs(self, tmp_path):
        path = write_parquet(
            tmp_path / "a.parquet",
            product_id=pa.array([10**12]),
            product_type=pa.array(["Kurtas"]).dictionary_encode(),
            title=pa.array(["t"], pa.large_string()),
            bullet_points=pa.array(["one point"]),
            description=pa.nulls(1),
            image=pa.array([{"path": "1.jpg", "width": 3}]),
            attributes=pa.array([{"Fit": "Slim", "year": 2012, "Neck": None}]),
        )
        (row,) = rows_of(path)
        assert row["product_id"] == "1000000000000"
        assert (row["product_type"], row["title"], row["bullet_points"]) == ("Kurtas", "t", ["one point"])
        assert row["marketplace"] is row["description"] is None
        assert row["image"] == {"bytes": None, "path": "1.jpg"}
        assert row["attributes"] == [("Fit", "Slim"), ("year", "2012"), ("Neck", None)]

    @pytest.mark.parametrize(
        ("attributes", "expected"),
        [
            (pa.array([[("year", 2012)]], pa.map_(pa.string(), pa.int32())), [("year", "2012")]),
            (
                pa.array([[{"key": "Fit", "value": "Slim"}, {"key": "Fit", "value": "Loose"}]]),
                [("Fit", "Slim"), ("Fit", "Loose")],
            ),
            (pa.array([{"Fit": ["Slim", "Short"]}]), [("Fit", "Slim, Short")]),
        ],
    )
    def test_attributes_of_other_shapes(self, tmp_path, attributes, expected):
        (row,) = rows_of(write_parquet(tmp_path / "a.parquet", **minimal(attributes=attributes)))
        assert row["attributes"] == expected

    @pytest.mark.parametrize(
        ("image", "expected"),
        [
            (pa.array(["1.jpg"]), {"bytes": None, "path": "1.jpg"}),
            (pa.array([b"raw"], pa.large_binary()), {"bytes": b"raw", "path": None}),
            (pa.array([None], pa.struct([("bytes", pa.binary()), ("path", pa.large_string())])), None),
        ],
    )
    def test_images_of_other_shapes(self, tmp_path, image, expected):
        assert rows_of(write_parquet(tmp_path / "a.parquet", **minimal(image=image)))[0]["image"] == expected

    @pytest.mark.parametrize(
        ("column", "allowed"),
        [
            ({"attributes": pa.array(["Red"])}, "map<text, text>.*a JSON object as text"),
            ({"attributes": pa.array([[{"size": "S", "unit": "cm"}]])}, "map<text, text>"),
            ({"title": pa.array([["a", "b"]])}, "text or numbers"),
            ({"image": pa.array([{"height": 3}])}, "struct<bytes, path>"),
        ],
    )
    def test_a_type_that_cannot_be_converted(self, tmp_path, column, allowed):
        (name,) = column
        with pytest.raises(CatalogError, match=rf"a\.parquet: column '{name}' has type .*; allowed is {allowed}"):
            rows_of(write_parquet(tmp_path / "a.parquet", **minimal(**column)))

    def test_what_is_no_attribute_is_named_and_cut(self, tmp_path):
        labels = [{"Color": "Red", **{f"key {i}": "text" for i in range(50)}}]
        named = r"\(\{'Color': 'Red', 'key 0': .* is not a pair; allowed are .*\); allowed is map"
        with pytest.raises(CatalogError, match=named) as found:
            rows_of(write_parquet(tmp_path / "a.parquet", **minimal(attributes=pa.array([labels]))))
        assert len(str(found.value).replace(str(tmp_path), "")) < 550

    def test_ids_of_32_bits_that_have_lost_digits(self, tmp_path):
        ids = pa.array([float(2**24)], pa.float32())
        with pytest.raises(CatalogError, match=r"column 'product_id': .*beyond 2\^24, .*write ids as text"):
            rows_of(write_parquet(tmp_path / "a.parquet", **minimal(product_id=ids)))

    def test_not_parquet_and_cut_short(self, tmp_path):
        whole = tmp_path / "whole.parquet"
        pq.write_table(pa.Table.from_pylist([ROW] * 50, CATALOG), whole)
        data = whole.read_bytes()
        broken = tmp_path / "broken.parquet"
        for content in (b"", b"PK\x03\x04 a zip", data[: len(data) // 2], data[:-1]):
            broken.write_bytes(content)
            with pytest.raises(CatalogError, match=r"broken\.parquet is not a Parquet file or is cut short"):
                rows_of(broken)

    def test_damaged_page(self, tmp_path):
        path = tmp_path / "a.parquet"
        options = {
            "compression": "none",
            "use_dictionary": False,
            "write_statistics": False,
            "write_page_checksum": True,
        }
        pq.write_table(pa.table(minimal(title=["x" * 1000])), path, **options)
        data = bytearray(path.read_bytes())
        data[data.index(b"xxxxx")] ^= 1
        path.write_bytes(data)
        with pytest.raises(CatalogError, match=r"a\.parquet is damaged or cut short"):
            rows_of(path)

    def test_reads_only_the_columns_asked_for(self, tmp_path):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.Table.from_pylist([ROW], CATALOG), path)
        (row,) = rows_of(path, only=("product_id",))
        assert row == dict.fromkeys(CATALOG.names) | {"product_id": "p1"}


class TestColumns:
    @pytest.mark.parametrize("kind", ["parquet", "jsonl", "csv"])
    def test_a_missing_column_names_file_columns_and_remedy(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        if kind == "parquet":
            write_parquet(path, SKU=["p1"], **{k: v for k, v in minimal().items() if k != "product_id"})
        elif kind == "jsonl":
            write_lines(path, {"SKU": "p1", "product_type": "Kurtas", "title": "t", "attributes": {}})
        else:
            write_lines(path, "SKU,product_type,title,attributes.Fit", "p1,Kurtas,t,Slim")
        expected = (
            r"a\.\w+: column 'product_id' is missing; the file has 'SKU', .*`columns: \{product_id: THEIR COLUMN\}`"
        )
        with pytest.raises(CatalogError, match=expected):
            rows_of(path)
        assert rows_of(path, {"product_id": "SKU"})[0]["product_id"] == "p1"

    def test_a_renamed_column_that_is_nowhere(self, tmp_path):
        with pytest.raises(CatalogError, match="column 'photo' is missing"):
            rows_of(write_parquet(tmp_path / "a.parquet", **minimal()), {"image": "photo"})

    def test_csv_without_attribute_columns(self, tmp_path):
        path = write_lines(tmp_path / "a.csv", "product_id,product_type,title", "p1,Kurtas,t")
        with pytest.raises(CatalogError, match=r"column 'attributes' is missing.*attributes\.<key>"):
            rows_of(path)
        needed = ("product_id", "product_type", "title")  # backfill
        assert rows_of(path, required=needed)[0]["attributes"] is None
        assert rows_of(path, {"attributes": "labels"}, required=needed)[0]["title"] == "t"

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    def test_case_and_blanks_of_a_column_do_not_matter(self, tmp_path, kind):
        path = tmp_path / f"a.{kind}"
        if kind == "csv":
            write_lines(path, "Product_ID, Product_Type,TITLE,Attributes.Fit", "p1,Kurtas,t,Slim")
        elif kind == "jsonl":
            write_lines(
                path, {"Product_ID": "p1", " Product_Type": "Kurtas", "TITLE": "t", "Attributes": {"Fit": "Slim"}}
            )
        else:
            columns = {" Product_ID": ["p1"], "Product_Type": ["Kurtas"], "TITLE": ["t"]}
            write_parquet(path, **columns, Attributes=pa.array([{"Fit": "Slim"}]))
        (row,) = rows_of(path)
        assert (row["product_id"], row["product_type"], row["title"]) == ("p1", "Kurtas", "t")
        assert row["attributes"] == [("Fit", "Slim")]


class TestJsonLines:
    def test_values_become_text(self, tmp_path):
        attributes = {"year": 2012, "price": 1.50, "organic": True, "Neck": None, "usage": ["Party", "Casual"]}
        image = {"bytes": base64.b64encode(b"raw").decode(), "path": None}
        path = write_lines(
            tmp_path / "a.jsonl",
            {**REQUIRED, "product_id": 10**20, "attributes": attributes, "image": image, "bullet_points": "soft"},
            "",
            {**REQUIRED, "attributes": [{"key": "Fit", "value": "Slim"}], "image": "1.jpg", "bullet_points": ["a", 2]},
        )
        first, second = rows_of(path)
        assert first["product_id"] == "1" + "0" * 20
        assert first["attributes"] == [
            ("year", "2012"), ("price", "1.5"), ("organic", "true"), ("Neck", None), ("usage", "Party, Casual"),
        ]  # fmt: skip
        assert first["image"] == {"bytes": b"raw", "path": None}
        assert first["bullet_points"] == ["soft"]
        assert second["attributes"] == [("Fit", "Slim")]
        assert second["image"] == {"bytes": None, "path": "1.jpg"}
        assert second["bullet_points"] == ["a", "2"]

    def test_bad_rows_are_told_and_keep_their_number(self, tmp_path):
        good = {**REQUIRED, "attributes": {"Fit": "Slim"}}
        bad = ["{not json", "[1]", {**good, "title": {"fit": "t"}}, {**good, "attributes": "Slim"}]
        bad += [{**good, "title": "\ud800"}, {**good, "image": {"bytes": "%"}}, "[" * 20_000]
        bad += [{**good, "image": {"alt": "a shirt"}}]
        path = write_lines(tmp_path / "a.jsonl", good, *bad, good)
        told = []
        rows = rows_of(path, quarantine=lambda *problem: told.append(problem))
        assert len(rows) == 10
        assert [row["product_id"] for row in rows] == ["p1", None, None, None, None, None, "p1", None, "p1", "p1"]
        assert [(row, field) for row, field, _, _ in told] == [
            (1, "row"), (2, "row"), (3, "title"), (4, "attributes"), (5, "title"), (6, "image"), (7, "row"),
            (8, "image"),
        ]  # fmt: skip
        assert told[0][2:] == (
            "row is not readable",
            "line 2: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        )
        with pytest.raises(CatalogError, match=r"a\.jsonl: row 1 cannot be read: row is not readable \(line 2"):
            rows_of(path)

    def test_numbers_stay_as_they_are_written(self, tmp_path):
        path = write_lines(
            tmp_path / "a.jsonl",
            '{"product_id": 123456789012345678901, "product_type": "K", "title": 1.50, "attributes": {"price": 1e3}}',
        )
        (row,) = rows_of(path)
        assert (row["product_id"], row["title"], row["attributes"]) == (
            "123456789012345678901",
            "1.50",
            [("price", "1e3")],
        )

    def test_cut_short(self, tmp_path):
        path = tmp_path / "a.jsonl"
        path.write_text(json.dumps({**REQUIRED, "attributes": {}}) + '\n{"product_id": "p2", "ti')
        with pytest.raises(CatalogError, match=r"a\.jsonl is cut short or is not JSON lines: line 2"):
            rows_of(path, quarantine=lambda *_: None)

    def test_not_json_lines(self, tmp_path):
        path = tmp_path / "a.jsonl"
        for content in ("hello\nworld\n", '[\n{"product_id": "p1"}\n]\n', "{}\n"):
            path.write_text(content)
            with pytest.raises(
                CatalogError, match=r"a\.jsonl .*not JSON lines|a\.jsonl: column 'product_type' is missing"
            ):
                rows_of(path, quarantine=lambda *_: None)

    def test_gzip_and_its_damage(self, tmp_path):
        path = tmp_path / "a.jsonl.gz"
        data = gzip.compress((json.dumps({**REQUIRED, "attributes": {}}) + "\n").encode() * 500)
        path.write_bytes(data)
        assert len(rows_of(path)) == 500
        for content, problem in ((data[:-20], "is damaged or cut short"), (b"not gzip\n", "is not JSON lines")):
            path.write_bytes(content)
            with pytest.raises(CatalogError, match=rf"a\.jsonl\.gz {problem}"):
                rows_of(path)


class TestCells:
    """Every reader gives the same clean values."""

    def written(self, tmp_path, kind, **columns):
        path = tmp_path / f"a.{kind}"
        row = {**REQUIRED, "attributes": {"Fit": "Slim"}} | columns
        if kind == "jsonl":
            return write_lines(path, row)
        if kind == "parquet":
            pq.write_table(pa.Table.from_pylist([row]), path)
            return path
        pairs = {k: v for k, v in row.items() if k != "attributes"}
        pairs |= {f"attributes.{k}": v for k, v in row["attributes"].items()}
        buffer = io.StringIO()
        writer = csv.writer(buffer)
        writer.writerows([pairs, pairs.values()])
        path.write_text(buffer.getvalue())
        return path

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    def test_invisible_characters_go(self, tmp_path, kind):
        attributes = {"F\u200bit": "Sl\u00adim\u200e"}
        path = self.written(tmp_path, kind, title="Re\u200bd\x00", product_type="\u202aKurtas", attributes=attributes)
        (row,) = rows_of(path)
        assert (row["title"], row["product_type"], row["attributes"]) == ("Red", "Kurtas", [("Fit", "Slim")])

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    def test_nan_is_missing(self, tmp_path, kind):
        nan = float("nan")
        path = self.written(tmp_path, kind, description=nan, attributes={"Fit": nan, "Neck": "V"}, image=nan)
        (row,) = rows_of(path)
        assert row["description"] is row["image"] is None
        assert [(k, v) for k, v in row["attributes"] if v is not None] == [("Neck", "V")]

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize(
        ("given", "expected"), [(8900123450001.0, "8900123450001"), ("0150 ", "0150"), (" 7\u00a0", "7"), (15.0, "15")]
    )
    def test_ids_stay_what_they_were(self, tmp_path, kind, given, expected):
        assert rows_of(self.written(tmp_path, kind, product_id=given))[0]["product_id"] == expected

    def test_ids_of_doubles_beyond_their_digits_are_refused(self, tmp_path):
        path = self.written(tmp_path, "parquet", product_id=2.0**60)
        with pytest.raises(CatalogError, match=r"a\.parquet: column 'product_id': .* beyond 2\^53.*write ids as text"):
            rows_of(path)
        problems = []
        rows_of(self.written(tmp_path, "csv", product_id="8.9E+12"), quarantine=lambda *p: problems.append(p))
        assert problems[0][:3] == (0, "product_id", "product id has lost digits")

    @pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
    @pytest.mark.parametrize(
        ("given", "points"),
        [
            ('["soft", "red"]', ["soft", "red"]),
            ("['soft', 'red']", ["soft", "red"]),
            ("\u2022 soft\n\u2022 red\n", ["soft", "red"]),
            ("[Imported] cotton", ["[Imported] cotton"]),
        ],
    )
    def test_bullet_points_as_text(self, tmp_path, kind, given, points):
        assert rows_of(self.written(tmp_path, kind, bullet_points=given))[0]["bullet_points"] == points

    @pytest.mark.parametrize("kind", ["jsonl", "parquet"])
    def test_a_list_as_description(self, tmp_path, kind):
        path = self.written(tmp_path, kind, description=["Soft.", "", "Red."])
        assert rows_of(path)[0]["description"] == "Soft.\nRed."
        assert rows_of(self.written(tmp_path, kind, description=[]))[0]["description"] is None

    def test_json_text_in_parquet(self, tmp_path):
        path = write_parquet(tmp_path / "a.parquet", **minimal(attributes=pa.array(['{"Fit": "Slim"}'])))
        assert rows_of(path)[0]["attributes"] == [("Fit", "Slim")]


def test_a_file_that_is_gone(tmp_path):
    with pytest.raises(StorageError, match=r"a\.parquet: no such file"):
        rows_of(tmp_path / "a.parquet")
