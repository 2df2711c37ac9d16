"""Writes Excel workbooks for tests, without a package for it."""

import base64
import gzip
import zipfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

CONTENT = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="xl/workbook.xml"/></Relationships>',
}


class Formula(str):
    """A formula whose result nobody has reckoned, as openpyxl writes it."""


class Formatted(float):
    """A number whose cell has the format ``shown_as`` of its workbook."""


def write_excel(
    path: Path,
    *sheets: list[list],
    merged: Sequence[str] = (),
    names: Sequence[str] = (),
    shown_as: str = "0%",
) -> Path:
    """A workbook as Excel writes it: texts, numbers, dates and truth values.

    Args:
        names: of the sheets; else they are s1, s2, ...
        merged: ranges of every sheet whose cells are merged, such as B2:B4.
    """
    main, relations = "http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://schemas.openxmlformats.org"
    of = f"{relations}/officeDocument/2006/relationships"
    files = dict(CONTENT)
    # the format of cells with s="1" is 14, a date, and with s="2" one of our own
    files["xl/styles.xml"] = (
        f'<styleSheet xmlns="{main}"><numFmts><numFmt numFmtId="164" formatCode={quoteattr(shown_as)}/></numFmts>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="164"/></cellXfs></styleSheet>'
    )
    names = names or [f"s{i}" for i in range(1, len(sheets) + 1)]
    entries = "".join(f'<sheet name="{name}" sheetId="{i}" r:id="r{i}"/>' for i, name in enumerate(names, start=1))
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
        ranges = "".join(f'<mergeCell ref="{one}"/>' for one in merged)
        files[f"xl/worksheets/sheet{i}.xml"] = (
            f'<worksheet xmlns="{main}"><sheetData>{lines}</sheetData><mergeCells>{ranges}</mergeCells></worksheet>'
        )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return path


def write_ods(path: Path, *rows: list) -> Path:
    """An OpenDocument workbook of one sheet: texts, and numbers."""
    of = "urn:oasis:names:tc:opendocument:xmlns"
    names = " ".join(f'xmlns:{name}="{of}:{name}:1.0"' for name in ("office", "table", "text"))
    lines = "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
    spreadsheet = f'<office:spreadsheet><table:table table:name="s1">{lines}</table:table></office:spreadsheet>'
    content = f"<office:document-content {names}><office:body>{spreadsheet}</office:body></office:document-content>"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", f'<manifest:manifest xmlns:manifest="{of}:manifest:1.0"/>')
    return path


def _ods_cell(value) -> str:
    if isinstance(value, (int, float)):
        return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
    text = f"<text:p>{escape(value)}</text:p>" if value else ""
    return f'<table:table-cell office:value-type="string">{text}</table:table-cell>'


def cell(value) -> str:
    if value is None:
        return "<c/>"
    if isinstance(value, bool):
        return f'<c t="b"><v>{int(value)}</v></c>'
    if isinstance(value, date):
        return f'<c s="1"><v>{(value - date(1899, 12, 30)).days}</v></c>'
    if isinstance(value, Formatted):
        return f'<c s="2"><v>{float(value)}</v></c>'
    if isinstance(value, (int, float)):
        return f"<c><v>{value}</v></c>"
    if isinstance(value, Formula):
        return f"<c><f>{escape(value)}</f><v></v></c>"
    return f'<c t="inlineStr"><is><t>{escape(value)}</t></is></c>'


#: A workbook of Excel 97: two products with a number and a date, and two that have the cell of their type in common.
OLD_WORKBOOK = gzip.decompress(
    base64.b64decode(
        "H4sIAAAAAAACA+1YTUxTQRCefX2Ftpa2QBFBBSQRFeGAePACVYPgwRKUg6ImWOgLNGBpHiURD4oCRxMTTxovJHjwgj8Hf+JPNPHgwQSjBxMTI2g8"
        "eTJR4wF4zky3hWpfpImSSN687Lydb3d2Zndn32zey+n8mYlbpbPwCzWCDRYMJ+QswQQWZ1LwAbYbBlWTbwcWw6L/ipwO3MgcOzzIe5FLe0j7PQsK"
        "3FSfIgf4gOU4xKB1IKpVrCDtZR9CgnxoQC7gKiIeKGGvCph3My9kfoN7PmS+m5ELzBuw74w4CtOB1updMoqPKJXc5gEa9y7rvGWkDorgOUXx2Ysi"
        "0dcOe/RIqN9qsBr+3FCmumES8By1aFFNJ9kL18AF0IFUGwzWNjXNgB/P2CR8MyoAviY/pk8qLHxlcQGI/0jHc01whwnuNMFdJvgaE9xtgueZ4B4T"
        "3GuC+0zwfBO8AIM2E15o0t9vgheZ4GtN8OIM+CVFBRgB4wTngHFc2/2cpxQYrJuDMfQVcB5AhyymD4SHuuOdkbB7UYgPxzQ7QDwS79dsAM2ROI7X"
        "oYV0THQHQkPR7l787sfqUGrvjejxQaz06N/fazp2a++PnKTWHXjK49gQ1PQeLUxIPbGdCJ/CMuyiexHnUV9aHs3j/OJGHsa9oXo+ZxkfRtTc9S+v"
        "gl1tgU5GRvjulLhhbaYZgwHnSAOVPdxih+So1ayxnfl5HnU910uZ+7EnvqvaimSleZT7jHFrFdqpZ3od2LKkvhXr458P3isb/xjYhvWpltnT/qk3"
        "gQmoxCgPoz49o1AjasSVy0T3A8m3kNn4HfOS3zKzQ/FJ3w15jfTCPO2X3DmQEo0jUpIitROSDedlS0kqRpaakuwYT3ZpR2SwQ1gxr1xCErCOPtFS"
        "UtBjR0qy4SrSDfcR+6LiyurlABvg9jMFbZAFhS2mWyBsI/uSkASUpSwo+JTjyQc4o5CkYnwfUxLe2nhm6WMRtgkjB6QkUHKnJAUlr5yrmkFbZW2K"
        "mMc4K5W1hWwhXdqJT3KmKq9Fo1IAd2gCeGtaJBdYZJFFFlm0uklwrgXOO6q8Z1CuzJX/deaxLFi/SVYtHYIBfOJ4K9kHUXzrMJxV/ODdSyTHEsvU"
        "Sf4vJDqM1nXogy72oy/r+MW7p1g6n2Ur+v7eEcrW/kI2fv5j+z8BkqUHEQAWAAA="
    )
)
