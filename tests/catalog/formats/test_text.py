"""A .gz that unpacks without end."""

import gzip

import pytest

from moemoe.catalog.formats import text
from moemoe.errors import CatalogError
from tests.support.catalog_files import rows_of


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz"])
def test_a_zip_bomb(tmp_path, monkeypatch, name):
    monkeypatch.setattr(text, "UNPACKED_FREELY", 2**20)
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"product_id,product_type,title,attributes.Fit\n" + b"\n" * 2**25))
    assert path.stat().st_size < 2**16
    with pytest.raises(CatalogError, match=rf"{name} unpacks to more than 200 times its size.*\(a zip bomb\?\)"):
        rows_of(path)


def test_a_catalog_that_packs_well_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "UNPACKED_FREELY", 2**16)
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
