"""Compressed files, whatever their names, and a .gz that unpacks without end."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pyarrow as pa
import pytest

from moemoe.catalog.formats import packed, text
from moemoe.errors import CatalogError
from tests.support.catalog_files import rows_of

ROWS = {
    "csv": b"product_id,product_type,title,attributes.Fit\np1,Kurtas,t,Slim\n",
    "jsonl": b'{"product_id": "p1", "product_type": "Kurtas", "title": "t", "attributes": {"Fit": "Slim"}}\n',
}


def zipped(content: bytes, *further: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("export/a.csv", "__MACOSX/export/._a.csv", *further):
            archive.writestr(name, content)
    return file.getvalue()


PACKERS = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
    ".zip": zipped,
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("how", [None, *PACKERS])
@pytest.mark.parametrize("ending", ["", *PACKERS])
def test_what_is_packed_is_seen_in_the_file(tmp_path, kind, how, ending):
    """Browsers unpack a .gz and keep its name, and shops send gzip under any name."""
    path = tmp_path / f"a.{kind}{ending}"
    path.write_bytes(PACKERS[how](ROWS[kind]) if how else ROWS[kind])
    assert [(row["product_id"], row["attributes"]) for row in rows_of(path)] == [("p1", [("Fit", "Slim")])]


@pytest.mark.parametrize("how", PACKERS)
def test_damaged_packing(tmp_path, how):
    path = tmp_path / f"a.csv{how}"
    lines = b"".join(f"p{i},Kurtas,{hash(str(i))},Slim\n".encode() for i in range(5_000))
    whole = PACKERS[how](ROWS["csv"] + lines)
    path.write_bytes(whole[:-3000] + whole[-1000:])
    with pytest.raises(CatalogError, match=rf"a\.csv{how} is "):
        rows_of(path, quarantine=lambda *_: None)


def test_an_archive_of_several_files(tmp_path):
    path = tmp_path / "a.csv.zip"
    path.write_bytes(zipped(ROWS["csv"], "b.csv", "c.csv", "d.csv"))
    told = (
        r"a\.csv\.zip is a ZIP archive of 4 files \(export/a\.csv, b\.csv, c\.csv, \.\.\.\); allowed is one; unpack it"
    )
    with pytest.raises(CatalogError, match=told):
        rows_of(path)


@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.jsonl", "a.xlsx"])
def test_an_old_workbook_under_another_name(tmp_path, name):
    (tmp_path / name).write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504))
    with pytest.raises(CatalogError, match=rf"{name} is a workbook of Excel 97.*(?:name|save) it (?:as )?\.xls"):
        rows_of(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_a_zip_bomb(tmp_path, monkeypatch, name):
    monkeypatch.setattr(packed, "UNPACKED_FREELY", 2**20)
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"product_id,product_type,title,attributes.Fit\n" + b"\n" * 2**25))
    assert path.stat().st_size < 2**16
    with pytest.raises(CatalogError, match=rf"{name} unpacks to more than 200 times its size.*\(a zip bomb\?\)"):
        rows_of(path)


def test_a_catalog_that_packs_well_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "UNPACKED_FREELY", 2**16)
    lines = [f"p{i},Kurtas,Red kurta,Slim" for i in range(10_000)]
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress("\n".join(["product_id,product_type,title,attributes.Fit", *lines, ""]).encode()))
    assert len(rows_of(path)) == 10_000


def test_a_line_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MAX_RECORD", 2**20)
    path = tmp_path / "a.csv"
    path.write_bytes(b"product_id,product_type,title,attributes.Fit\n" + b"x" * 2**21)
    with pytest.raises(CatalogError, match=r"a\.csv has a line of more than 1 MiB; is it text in lines\?"):
        rows_of(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress])
def test_an_archive_of_tar_is_named(tmp_path, pack):
    """Its zeros were taken for UTF-16."""
    (tmp_path / "c.csv").write_text("product_id,product_type,title,Fit\n1,S,t,Slim\n")
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        archive.add(tmp_path / "c.csv", "c.csv")
    (tmp_path / "d.csv").write_bytes(pack((tmp_path / "c.tar").read_bytes()))
    with pytest.raises(CatalogError, match=r"d\.csv is a tar archive, whatever its name says; unpack it"):
        rows_of(tmp_path / "d.csv")
