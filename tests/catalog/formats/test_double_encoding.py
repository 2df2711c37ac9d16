"""UTF-8 text that was misread as Windows-1252 is repaired in every format; text that only looks like it stays."""

import json
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.catalog.formats.double_encoding import LOST, UNDONE, undo, undo_in, undo_in_array
from tests.support.catalog_files import read_as, rows_of, write_parquet
from tests.support.excel_files import write_excel

#: Texts of catalogs in the languages of sellers.
MEANT = (
    *("größer", "MÖBEL", "GRÜN", "Straße", "café", "CAFÉ", "naïve", "à la carte déjà", "señora", "línea", "Íñigo"),
    *("20 €", "l’été", "“quote”", "10–20 cm", "½ in", "5″", "™", "25 °C", "10 × 20", "±2", "•", "… ", "№ 5", "é"),
    *("Łódź", "Žižek", "țară", "Çok güzel ışık", "Tiếng Việt", "Đà Nẵng", "e\u0301te\u0301", "a\u00a0b", "30 µm", "3²"),
    *("Привет", "Ελλάδα", "שלום", "مرحبا", "कुर्ता", "ไทย", "日本語", "한국", "（カ）", "👗 dress"),
)
#: What people write that is spelled like it.
LIKE_IT = (
    *("« Le café\u00a0»", "grâce à\u00a0« Foo »", "CAFÉ®", "CHLOÉ™", "LANCÔME™", "ESPAÑ®", "HERMÈS–PARIS"),
    *("“LÃ”", "LÃ™", "LÃ MERINO", "AVELÃ–200g", "IRMÃ…", "10 Å–20 Å", "10 Å±2", "20×½ in", "Ø “25”", "PÅ™"),
    *(
        "Größe – Länge",
        "ÎLE™",
        "MOËT™",
        "CÂU LẠC BỘ",
        "NAÏF«",
        "Café\u00a0½ l",
        "Šaty",
        "été\u00a0»",
        "30–40 °C",
        "à\u00a0½",
    ),
)
ROW = {"product_id": "p1", "product_type": "Stühle", "title": "Größer Stuhl für 20 €", "description": "línea"}
LABELS = {"Höhe": "32 cm", "Farbe": "grün"}


def misread(text: str, times: int = 1) -> str:
    """UTF-8 as Windows-1252 has it; its five gaps come as browsers read them."""
    for _ in range(times):
        read = (bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode())
        text = "".join(read)
    return text


@pytest.mark.parametrize("text", MEANT)
def test_text_comes_back(text):
    assert undo(misread(text))[0] == text
    assert undo(misread(text, times=2))[0] == text
    assert undo(misread(text, times=6))[0] == text
    assert undo(text) == (text, 0)


@pytest.mark.parametrize("text", LIKE_IT)
def test_what_is_spelled_like_it_stays(text):
    assert undo(text) == (text, 0)


def test_a_doubtful_one_counts_beside_a_sure_one():
    assert undo("Ã–") == ("Ã–", 0)
    assert undo("Ã– 12 fÃ¼r") == ("Ö 12 für", 2)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("formalÂ trousers", "formal\u00a0trousers"),
        ("10Â cm. Â Wash", "10\u00a0cm. \u00a0Wash"),
        ("voilÃ  Ã  la carte", "voilà à la carte"),
        ("CottonÂ piquÃ©", "Cotton\u00a0piqué"),
        ("5'8â€\ufffd tall, 33â€? chest", "5'8” tall, 33” chest"),
    ],
)
def test_a_last_byte_that_was_lost(text, meant):
    assert undo(text) == (meant, sum(map(text.count, "ÃÂâ")))


@pytest.mark.parametrize("text", ["grÃ¼Ã?n", "Ã?Ã¼ber", "Ã?Â ber", "LÃ  E", "Ã la", "A Ă Â B"])
def test_a_rest_beside_is_left(text):
    assert undo(text) == (text, 0)


def test_rests_are_left_and_counted(tmp_path):
    """A program has written ? for the bytes that it could not show; what the others were is not known."""
    lost, half = "· Synthetic Ã?Â??Ã?Â?Ã?Â· leather", "33Ã?Â¢Ã¢Â?Â¬Ã¯Â¿Â½ is cafÃ©"
    path = tmp_path / "a.csv"
    rows = [f"1,Chairs,{lost}", f"2,Chairs,{half}", "3,Chairs,LÃ? Não? Sim"]
    path.write_text("\n".join(["product_id,product_type,title", *rows, ""]))
    titles = [row["title"] for row in rows_of(path, required=("product_id", "title"))]
    assert titles == [lost, half.replace("Ã©", "é"), "LÃ? Não? Sim"]
    assert read_as(path, required=("product_id", "title")).counts == {UNDONE: 1, LOST: 2}


def _write(kind: str, folder):
    row, labels = ({misread(k): misread(v) for k, v in given.items()} for given in (ROW, LABELS))
    path, whole = folder / f"a.{kind}", row | {"attributes": labels}
    flat = row | {f"attributes.{key}": label for key, label in labels.items()}
    if kind == "csv":
        path.write_text("\n".join(",".join(cells) for cells in (flat, flat.values())) + "\n")
    elif kind == "xlsx":
        write_excel(path, [list(flat), list(flat.values())])
    elif kind == "parquet":
        columns = {name: [value] for name, value in row.items()}
        write_parquet(path, **columns, attributes=pa.array([list(labels.items())], pa.map_(pa.string(), pa.string())))
    else:
        text = json.dumps(whole, ensure_ascii="escaped" in str(folder))
        path.write_text(text + "\n" if kind == "jsonl" else f"[{text}]")
    return path


@pytest.mark.parametrize(
    ("kind", "spelled"),
    [("csv", ""), ("xlsx", ""), ("parquet", ""), *((k, s) for k in ("jsonl", "json") for s in ("plain", "escaped"))],
)
def test_every_format(tmp_path, kind, spelled):
    folder = tmp_path / (spelled or kind)
    folder.mkdir()
    path = _write(kind, folder)
    (row,) = rows_of(path)
    assert {name: row[name] for name in ROW} == ROW
    assert dict(row["attributes"]) == LABELS
    assert read_as(path).counts == {UNDONE: 8}


def test_a_feed(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(
        '<rss xmlns:g="http://base.google.com/ns/1.0"><channel><item><g:id>1</g:id><g:title>GrÃ¶ÃŸer</g:title>'
        "<g:product_type>StÃ¼hle</g:product_type><g:image_link>a.jpg</g:image_link></item></channel></rss>"
    )
    (row,) = rows_of(path)
    assert (row["title"], row["product_type"]) == ("Größer", "Stühle")
    assert read_as(path).counts == {UNDONE: 3}


@pytest.mark.parametrize("title", ["formalÂ trousers", "33â€? chest", "Ã? leather", "Ã?Â? leather"])
def test_escapes_in_json_are_what_they_spell(tmp_path, title):
    read = []
    for escaped in (False, True):
        path = tmp_path / f"{escaped}.jsonl"
        path.write_text(json.dumps({"product_id": "1", "title": title}, ensure_ascii=escaped) + "\n")
        table = read_as(path, required=("product_id", "title"))
        read.append(([row["title"] for row in rows_of(path, required=("product_id", "title"))], table.counts))
    assert read[0] == read[1]


@pytest.mark.parametrize(
    ("title", "counts"), [("Ã? leather", {}), ("Ã?Â? leather", {LOST: 1}), ("formalÂ trousers", {UNDONE: 1})]
)
def test_blanks_and_rests_in_columns_of_arrow(tmp_path, title, counts):
    write_parquet(tmp_path / "a.parquet", product_id=["1"], product_type=["a"], title=[title])
    assert read_as(tmp_path / "a.parquet", required=("product_id", "title")).counts == counts


def test_maps_without_labels_stay_missing():
    labels = [[("Farbe", "red")], [("Farbe", misread("grün"))], None, []]
    array = pa.array(labels, pa.map_(pa.string(), pa.string())).slice(1)
    found = undo_in_array(array, counts := Counter())
    assert (found.type, found.to_pylist(), counts) == (array.type, [[("Farbe", "grün")], None, []], {UNDONE: 1})


def test_columns_of_arrow_keep_their_types(tmp_path):
    texts = pa.array([misread("grün"), None, "red"])
    columns = {
        "product_id": ["1", "2", "3"],
        "product_type": texts.dictionary_encode(),
        "title": texts.cast(pa.string_view()),
        "bullet_points": pa.array([[misread("grün")], None, []]),
        "attributes": pa.array([{"Farbe": misread("grün")}, None, {"Farbe": "red"}]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    first, second, third = rows_of(tmp_path / "a.parquet")
    assert (first["product_type"], first["title"], first["bullet_points"]) == ("grün", "grün", ["grün"])
    assert (second["title"], third["title"], first["attributes"]) == (None, "red", [("Farbe", "grün")])


def test_slices_of_arrow(tmp_path):
    """Arrow's record batches are read in slices."""
    labels = [[("Farbe", "red")]] * 300 + [[("Farbe", misread("grün"))], None] + [[]] * 300
    columns = {name: pa.array([f"{name} {i}" for i in range(len(labels))]) for name in ("product_id", "product_type")}
    columns["title"] = pa.array([*["a"] * 600, misread("für"), "b"])
    columns["attributes"] = pa.array(labels, pa.map_(pa.string(), pa.string()))
    table = pa.table(columns)
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    rows = rows_of(tmp_path / "a.arrow")
    assert (rows[299]["attributes"], rows[300]["attributes"]) == ([("Farbe", "red")], [("Farbe", "grün")])
    assert [row["title"] for row in rows[599:]] == ["a", "für", "b"]
    assert read_as(tmp_path / "a.arrow").counts == {UNDONE: 2}


SOME = st.none() | st.sampled_from(["", "red", "grün", misread("grün"), misread("für 20 €"), "Ã?Â?Ã?", "aÂ b", "33â€?"])
TEXT_TYPES = st.sampled_from([pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
NESTED = {
    "list": (st.lists(SOME), pa.list_),
    "large list": (st.lists(SOME), pa.large_list),
    "struct": (st.fixed_dictionaries({"a": SOME}), lambda kind: pa.struct([("a", kind)])),
    "list of structs": (st.lists(st.fixed_dictionaries({"a": SOME})), lambda kind: pa.list_(pa.struct([("a", kind)]))),
}


@pytest.mark.parametrize("shape", ["text", *NESTED])
@given(st.data())
def test_an_array_is_what_each_of_its_values_is(shape, data):
    kind = data.draw(TEXT_TYPES) if shape == "text" else pa.string()
    values, of = (SOME, lambda kind: kind) if shape == "text" else NESTED[shape]
    cells = data.draw(st.lists(st.none() | values, max_size=8))
    start = data.draw(st.integers(0, 3))
    array = pa.array(cells, of(kind)).slice(start)
    found = undo_in_array(array, Counter())
    assert found.type == array.type
    assert found.to_pylist() == [undo_in(cell, Counter()) for cell in cells[start:]]


def test_a_byte_order_mark_is_no_text():
    assert undo(misread("\ufeffgrün")) == ("grün", 2)
