"""Spreadsheet formulas in cells: resolves constant ones to text, and drops those whose result is unknown.

``="007"`` keeps an id's zeros when Excel opens a file. ``=A2&"x"`` has no result in the file, so it is not a value of
the product. ``linked`` handles formulas of images and links, such as ``=IMAGE("https://...")``.
"""

import re
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from xml.parsers import expat

from moemoe.catalog.formats.cell_formats import file_of

TEXTS = 'rows with cells written ="...", read as text'
NO_RESULT = "formulas without a stored result, left out"
_TEXT = r'"((?:[^"]|"")*)"'
#: ="007", =T("a"), =CONCATENATE("a"; "b"), ="a"&"b".
_OF_TEXTS = re.compile(
    rf"=\s*(?:(?:T|CONCAT|CONCATENATE)\(\s*{_TEXT}(?:\s*[,;]\s*{_TEXT})*\s*\)|{_TEXT}(?:\s*&\s*{_TEXT})*)"
)
_TEXTS_IN = re.compile(_TEXT)
#: Formulas with a function, another cell, or arithmetic.
_FORMULA = re.compile(
    r"=\s*[-+(]*(?:[A-Z_][\w.]*\(.*\)|(?:'[^']+'!|\w+!)?\$?[A-Z]{1,3}\$?\d+\b(?!\s*[a-z]).*|[\d.]+\s*[-+*/&]\s*[\d.]+)",
    re.DOTALL,
)
_OF_LINKS = re.compile(r"=\s*(?:HYPERLINK|IMAGE)\(\s*\"", re.IGNORECASE)
#: A workbook's cell with a formula and no value.
_WITHOUT_VALUE = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f(?:\s[^<>]*)?/>)\s*(?:<(?:\w+:)?v>\s*</(?:\w+:)?v>|<(?:\w+:)?v\s*/>)?\s*</(?:\w+:)?c>"
)
_CHUNK, _LONGEST = 2**20, 100


def without_formulas(cells: list[str], counts: Counter[str]) -> list[str]:
    """The cells with constant formulas as text; blank if a formula's result is not in the file."""
    plain = [_text_of(cell) if cell[:1] == "=" else cell for cell in cells]
    if plain == cells:
        return plain
    lost = sum(new == "" != old for new, old in zip(plain, cells, strict=True) if not _OF_TEXTS.fullmatch(old.strip()))
    if lost:
        counts[NO_RESULT] += lost
    if sum(new != old for new, old in zip(plain, cells, strict=True)) > lost:
        counts[TEXTS] += 1
    return plain


def _text_of(cell: str) -> str:
    given = cell.strip()
    if _OF_TEXTS.fullmatch(given):
        return "".join(text.replace('""', '"') for text in _TEXTS_IN.findall(given))
    return "" if _FORMULA.fullmatch(given) and not _OF_LINKS.match(given) else cell


def number_without_result(path: Path, sheet: str) -> int:
    """The number of formulas without a result in a workbook's sheet, as some programs write them.

    0 for a workbook that is not in Excel's form.
    """
    found, rest = 0, b""
    with (
        suppress(zipfile.BadZipFile, KeyError, expat.ExpatError, ValueError),
        zipfile.ZipFile(path) as archive,
        archive.open(file_of(archive, sheet)) as opened,
    ):
        while chunk := opened.read(_CHUNK):
            ends = [one.end() for one in _WITHOUT_VALUE.finditer(rest + chunk)]
            found += len(ends)
            rest = (rest + chunk)[max(ends, default=0) :][-_LONGEST:]
    return found
