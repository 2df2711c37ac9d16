import csv
import io
from pathlib import Path

import pyarrow as pa
import pytest

from moemoe.errors import CatalogError
from moemoe.inference.audit import Sampler, checked_verdicts, draw_audit, with_verdicts
from moemoe.schemas import AUDIT, AUDIT_CANDIDATES
from tests.support.excel_files import write_excel

HEAD = b"product_id,attribute,prediction,verdict\n"


def audit(cells=(("color", 3), ("material", 2)), size=600):
    rows = [
        {"product_id": f"{name}{i}", "product_type": "shirt", "attribute": name, "prediction": "a, \"b\"",
         "decision": "filled", "confidence": 0.9, "model_version": "m/1", "place": i}
        for name, number in cells for i in range(number)
    ]  # fmt: skip
    return draw_audit(
        pa.Table.from_pylist(rows, AUDIT_CANDIDATES), {("shirt", name): 10 * number for name, number in cells}, size
    )


def test_the_cells_that_filled_most_come_first_and_the_size_is_kept():
    drawn = audit((("material", 2), ("color", 3), ("style", 1)), size=4)
    assert drawn["attribute"].to_pylist() == ["color"] * 3 + ["material"] * 2


def test_the_sample_keeps_the_product_s_text():
    record = {"product_id": "p", "product_type": "shirt", "attribute": "color", "decision": "filled"}
    sampler = Sampler("m/1")
    sampler.offer(record, "A title", "A title | and what else is written", None)
    [row] = sampler.table().to_pylist()
    assert (row["title"], row["text"]) == ("A title", "A title | and what else is written")


ROWS = [
    ("product_id", "attribute", "prediction", "verdict"),
    ("color1", "color", 'a, "b"', "Right"),
    ("color2", "color", 'a, "b"', ""),
]


def as_csv(delimiter: str, encoding: str) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(ROWS)
    return text.getvalue().encode(encoding)


def saved(folder: Path, text: bytes) -> Path:
    (folder / "v.csv").write_bytes(text)
    return folder / "v.csv"


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(",", "utf-8-sig"), (";", "cp1252"), ("\t", "utf-16")],
    ids=["as the page makes it", "as Excel saves it in Germany", "as Unicode text"],
)
def test_verdicts_come_back_by_product_and_attribute(delimiter, encoding, tmp_path):
    judged = with_verdicts(audit(), saved(tmp_path, as_csv(delimiter, encoding)), "v.csv").to_pylist()
    assert {row["product_id"]: row["verdict"] for row in judged if row["verdict"]} == {"color1": "right"}


def test_verdicts_come_back_from_a_workbook(tmp_path):
    rows = [("product_id", "attribute", "prediction", "verdict"), (17, "size", 42.0, "right"), (18, "size", 43.0, None)]
    write_excel(tmp_path / "v.xlsx", [list(row) for row in rows])
    numbers = [("17", "42"), ("18", "43")]
    filled = [
        {**row, "product_id": product, "attribute": "size", "prediction": value}
        for row, (product, value) in zip(audit().to_pylist(), numbers, strict=False)
    ]
    judged = with_verdicts(pa.Table.from_pylist(filled, AUDIT), tmp_path / "v.xlsx", "v.xlsx")
    assert judged["verdict"].to_pylist() == ["right", None]


def test_an_audit_from_before_there_were_ids_is_read():
    old = audit().drop_columns(["attribute_id", "value_id"])
    read = checked_verdicts(old, "audit.parquet")
    assert read.schema.equals(AUDIT)
    assert read["value_id"].null_count == read.num_rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"product_id,verdict\n", "v.csv: column 'attribute' is missing"),
        (HEAD + b"x,color,Red,right\n", "v.csv: row 1: product x, color: 'Red' is not a row"),
        (HEAD + b'color1,color,"a, ""b""",yes\n', "verdict 'yes' is unknown; allowed are right"),
        (b"\xff\xfe\x00", "v.csv is (damaged|cut short)"),
        (HEAD + b'color1,color,"a",""b"",right\n', "v.csv is not a file of verdicts: line 2"),
        (
            HEAD + b"8.90123E+12,color,Red,right\n",
            "v.csv: row 1: '8.90123E.12' is a number that a spreadsheet has rounded",
        ),
        (
            HEAD + b'color1,color,"a, ""b""",right\n' + b'color1,color,"a, ""b""",wrong\n',
            "v.csv: row 2: .* another verdict",
        ),
    ],
    ids=["column", "row", "verdict", "bytes", "quotes", "rounded", "twice"],
)
def test_verdicts_that_cannot_be_read(text, message, tmp_path):
    with pytest.raises(CatalogError, match=message):
        with_verdicts(audit(), saved(tmp_path, text), "v.csv")


def test_a_verdict_column_that_is_not_text_is_refused():
    """As pandas writes back a column that nobody has filled, or that people have filled with 1 and 0."""
    table = audit()
    at = table.schema.get_field_index("verdict")
    numbers = table.set_column(at, "verdict", pa.array([1.0] * len(table)))
    with pytest.raises(CatalogError, match=r"audit\.parquet is not an audit: "):
        checked_verdicts(numbers, "audit.parquet")
    nothing = table.set_column(at, "verdict", pa.array([None] * len(table), pa.null()))
    assert checked_verdicts(nothing, "audit.parquet")["verdict"].null_count == len(table)


@pytest.mark.parametrize("name", ["product_type", "attribute", "prediction", "decision", "model_version", "filled"])
def test_a_row_that_lacks_something_is_named(name):
    """As of an audit that another program has written again."""
    rows = audit().to_pylist()
    rows[2][name] = None
    with pytest.raises(CatalogError, match=rf"audit\.parquet is not an audit: row 2 has no {name}"):
        checked_verdicts(pa.Table.from_pylist(rows, AUDIT), "audit.parquet")
