"""moemoe convert: any layout in, our own schema out."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from moemoe.catalog.convert import convert
from moemoe.catalog.read import read_batches
from moemoe.cli import main
from moemoe.errors import CatalogError
from moemoe.schemas import CATALOG
from tests.support.catalog_files import rows_of, write_lines


@pytest.fixture
def shop(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "1.png")
    header = "product_id;product_type;title;image;Farbe;Passform"
    lines = ["p1;Kurtas;Red kurta;1.png;Rot;Slim", "p2;Kurtas;t;gone.png;Blau;", "p3;Kurtas", "8.9E+12;Kurtas;t;;Rot;"]
    lines += ["p5;Kurtas;t;https://shop.test/5.jpg;Rot;"]
    (folder / "a.csv").write_bytes("\n".join([header, *lines, ""]).encode())
    return folder


def test_a_catalog_in_our_own_schema(shop, tmp_path, capsys):
    output = tmp_path / "new" / "catalog.parquet"
    assert main(["convert", str(shop), "--output", str(output)]) == 0
    assert pq.read_schema(output) == CATALOG
    rows = rows_of(output)
    assert [row["product_id"] for row in rows] == ["p1", "p2", "p5"]
    assert rows[0]["attributes"] == [("Farbe", "Rot"), ("Passform", "Slim")]
    assert rows[0]["image"] == {"bytes": (shop / "1.png").read_bytes(), "path": "1.png"}
    assert rows[2]["image"] == {"bytes": None, "path": "https://shop.test/5.jpg"}
    quarantine = pq.read_table(tmp_path / "new" / "catalog.quarantine.parquet").to_pylist()
    assert [(row["field"], row["reason"]) for row in quarantine] == [
        ("row", "row is not readable"),
        ("product_id", "product id has lost digits"),
        ("image", "image file is missing"),
    ]
    assert quarantine[0]["detail"] == "a.csv, row 2: line 4 has 2 cells; the header has 6"
    said = capsys.readouterr().out
    assert "catalog.parquet: 3 products\na.csv: CSV (semicolon), layout flat" in said
    assert "attribute: Farbe, Passform" in said
    assert "row is not readable (row): 1" in said


def test_its_own_output_is_read_as_it_is(shop, tmp_path):
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    main(["convert", str(shop), "--output", str(first)])
    main(["convert", str(first), "--layout", "own", "--output", str(second)])
    batches = [pa.Table.from_batches(read_batches(str(path))) for path in (first, second)]
    assert batches[0].equals(batches[1])


def test_all_images_of_a_product_are_kept(shop, tmp_path):
    red = (shop / "1.png").read_bytes()
    urls = [f"https://shop.test/{i}.jpg" for i in range(20)]
    row = {"product_id": "p1", "product_type": "Kurtas", "title": "t", "attributes": {}}
    listed = [["1.png", "gone.png", urls[0], {"bytes": "!"}], [*urls, "1.png"]]
    path = write_lines(shop / "b.jsonl", *(json.dumps({**row, "images": images}) for images in listed))
    output = tmp_path / "new.parquet"
    assert main(["convert", str(path), "--output", str(output)]) == 0
    first, second = pq.read_table(output).select(["image", "images"]).to_pylist()
    assert first["image"] == {"bytes": red, "path": "1.png"}
    assert first["images"] == [{"bytes": None, "path": "gone.png"}, {"bytes": None, "path": urls[0]}]
    assert [second["image"]["path"], *(image["path"] for image in second["images"])] == urls[:16]
    quarantine = pq.read_table(tmp_path / "new.quarantine.parquet").to_pylist()
    assert [(row["field"], row["reason"]) for row in quarantine] == [
        ("images", "image bytes are not base64"),
        ("image.2", "image file is missing"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--layout", "shopfy", "--output", "a.parquet"], "--layout 'shopfy' is unknown"),
        (["--output", "a.csv"], "--output 'a.csv' does not end in .parquet"),
        (
            ["--output", "s3://shop/a.parquet"],
            "--output 's3://shop/a.parquet' is an address; allowed is a file on this",
        ),
    ],
)
def test_mistakes_on_the_command_line(shop, monkeypatch, tmp_path, arguments, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=said):
        main(["convert", str(shop), *arguments])
    assert not (tmp_path / "s3:").exists()


def test_a_file_that_cannot_be_read_leaves_nothing(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", json.dumps({"SKU": "p1"}))
    with pytest.raises(SystemExit, match="column 'product_id' is missing; the file has 'SKU'"):
        main(["convert", str(path), "--output", str(tmp_path / "new.parquet")])
    assert [file.name for file in tmp_path.iterdir()] == ["a.jsonl"]


def test_a_file_of_which_no_row_can_be_read_leaves_nothing(tmp_path):
    lines = ["product_id,product_type,title,Fit", "p1,Kurtas,t", "p2,Kurtas"]
    catalog, output = write_lines(tmp_path / "a.csv", *lines), tmp_path / "out.parquet"
    with pytest.raises(CatalogError, match=r"no row could be read; the first: row is not readable \(a\.csv, row 0: "):
        convert([str(catalog)], "auto", output)
    assert not output.exists()


@pytest.mark.parametrize(
    "text", ["", "product_id,product_type,title,Fit\n", "product_id,product_type,title,Fit\n,,,\n"]
)
def test_a_catalog_without_rows_leaves_nothing(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(CatalogError, match=r"the catalog has no rows: .*a\.csv"):
        convert([str(tmp_path / "a.csv")], "auto", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


def test_products_that_a_run_will_not_use_are_told(tmp_path, capsys):
    rows = ["1,Chairs,t,red", "1,Chairs,u,blue", ",Chairs,v,red", "4,,w,red", "5,Chairs,,red"]
    path = write_lines(tmp_path / "a.csv", "product_id,product_type,title,Color", *rows)
    assert main(["convert", str(path), "--output", str(tmp_path / "b.parquet")]) == 0
    said = capsys.readouterr().out
    for why in ("duplicate product id", "no product id", "no product type", "neither title nor description"):
        assert f"  products that a run cannot use: {why}: 1\n" in said
