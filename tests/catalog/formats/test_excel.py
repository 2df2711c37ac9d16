"""Excel workbooks are read as CSV is; a zip bomb is not."""

import sys
import zipfile
from pathlib import Path
from xml.sax.saxutils import escape

import pytest

from moemoe.catalog.formats import excel
from moemoe.errors import CatalogError, ConfigError
from tests.support.catalog_files import read_as, rows_of

CONTENT = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
}


def write_excel(path: Path, *sheets: list[list]) -> Path:
    """A workbook as Excel writes it: texts, numbers and truth values."""
    main, relations = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    of = f"{relations}/officeDocument/2006/relationships"
    files = dict(CONTENT)
    entries = "".join(f'<sheet name="s{i}" sheetId="{i}" r:id="r{i}"/>' for i in range(1, len(sheets) + 1))
    files["xl/workbook.xml"] = f'<workbook xmlns="{main}" xmlns:r="{of}"><sheets>{entries}</sheets></workbook>'
    links = "".join(
        f'<Relationship Id="r{i}" Type="{of}/worksheet" Target="worksheets/sheet{i}.xml"/>'
        for i in range(1, len(sheets) + 1)
    )
    files["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{relations}/package/2006/relationships">{links}</Relationships>'
    )
    for i, rows in enumerate(sheets, start=1):
        lines = "".join(f'<row r="{r}">{"".join(map(cell, row))}</row>' for r, row in enumerate(rows, start=1))
        files[f"xl/worksheets/sheet{i}.xml"] = f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def cell(value) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c><v>{value}</v></c>"
    return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'


HEADER = ["Product_ID", "product_type", "title", "description", "attributes.Fit", "attributes.Year"]


def test_cells_become_text(tmp_path):
    rows = [[8900123450001, "Kurtas", "लाल कुर्ता", None, "Slim", 2012], [], ["007", "Kurtas", "t", "d", True, 1.5]]
    path = write_excel(tmp_path / "a.xlsx", [], [HEADER, *rows])
    first, second = rows_of(path)
    assert (first["product_id"], first["title"], first["description"]) == ("8900123450001", "लाल कुर्ता", None)
    assert first["attributes"] == [("Fit", "Slim"), ("Year", "2012")]
    assert (second["product_id"], second["attributes"]) == ("007", [("Fit", "true"), ("Year", "1.5")])
    assert (read_as(path).format, read_as(path).layout) == ("Excel", "own")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half", b"product_id,title\n1,a\n"])
def test_no_workbook(tmp_path, content):
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(CatalogError, match=r"a\.xlsx is not an Excel workbook or is damaged"):
        rows_of(path)


def test_an_empty_workbook(tmp_path):
    with pytest.raises(CatalogError, match=r"a\.xlsx has no rows in any sheet"):
        rows_of(write_excel(tmp_path / "a.xlsx", [], []))


@pytest.mark.parametrize("lies", [False, True])
def test_a_zip_bomb(tmp_path, monkeypatch, lies):
    """It is counted while it unpacks, whatever its directory says."""
    monkeypatch.setattr(excel, "MAX_UNPACKED", 2**22)
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["p1", "K", "t" * 2**23, None, None, None]])
    assert path.stat().st_size < 2**17
    if lies:
        with zipfile.ZipFile(path) as archive:
            size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
        path.write_bytes(path.read_bytes().replace(size.to_bytes(4, "little"), (1000).to_bytes(4, "little")))
    with pytest.raises(CatalogError, match=r"a\.xlsx unpacks to more than 4 MiB \(a zip bomb\?\); save it as CSV"):
        rows_of(path)


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    with pytest.raises(ConfigError, match=r"python-calamine: pip install 'moemoe\[flows\]', or save it as CSV"):
        rows_of(write_excel(tmp_path / "a.xlsx", [HEADER]))
