"""Cells of an .xlsx workbook that are shown as percentages: 0.5 becomes the text "50%", as Excel shows it.

python-calamine returns only numbers, so the formats are read here from the workbook's XML; a sheet's XML only if the
workbook has a percentage format.
"""

import posixpath
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.parsers import expat

PERCENTAGES = "numbers shown as percentages, read as percentages"
_BUILT_IN = frozenset(("9", "10"))
#: Literal parts of a number format.
_LITERAL = re.compile(r'"[^"]*+(?:"|$)|\\.|_.|\[[^\]]*+(?:\]|$)')
_PLACE = re.compile(r"([A-Z]+)(\d+)")
_CHUNK = 2**18
_NOWHERE = (-1, 0)

Attributes = Mapping[str, str]


def percentages_of(path: Path, sheet: str) -> Iterator[tuple[int, int]]:
    """Row and column (from 0, in order) of each cell of a sheet that is shown as a percentage.

    Empty for a workbook without formats, or with XML that is not in Excel's form.
    """
    with suppress(zipfile.BadZipFile, KeyError, expat.ExpatError, ValueError), zipfile.ZipFile(path) as archive:
        formats = _percentage_formats(archive)
        yield from _cells(archive, file_of(archive, sheet), formats) if formats else ()


def with_percentages(
    rows: Iterator[tuple[int, list[Any]]], places: Iterator[tuple[int, int]], first: int, counts: Counter[str]
) -> Iterator[tuple[int, list[Any]]]:
    """Numbered rows, with the numbers at ``places`` as percentages.

    Args:
        first: number of a row's first column.
        counts: counts the percentages.
    """
    place = next(places, None)
    for number, cells in rows:
        while place is not None and place[0] <= number:
            at = place[1] - first
            if place[0] == number and 0 <= at < len(cells) and type(cells[at]) in (int, float):
                cells[at] = f"{100 * cells[at]:.15g}%"
                counts[PERCENTAGES] += 1
            place = next(places, None)
        yield number, cells


def file_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The path of a sheet in the workbook. Raises as ``_elements``."""
    ids = [a for name, a in _elements(archive, "xl/workbook.xml") if name == "sheet" and a["name"] == sheet]
    wanted = next(value for name, value in ids[0].items() if name.endswith(":id")) if ids else ""
    links = _elements(archive, "xl/_rels/workbook.xml.rels")
    target = next((a["Target"] for name, a in links if name == "Relationship" and a["Id"] == wanted), "")
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _percentage_formats(archive: zipfile.ZipFile) -> set[str]:
    """The numbers of the cell formats that show percentages, as written in cells."""
    own, formats, within = dict[str, str](), list[str](), False
    for name, attributes in _elements(archive, "xl/styles.xml"):
        if name == "numFmt":
            own[attributes["numFmtId"]] = _LITERAL.sub("", attributes["formatCode"])
        elif name == "xf" and within:
            formats.append(attributes.get("numFmtId", "0"))
        elif name in ("cellXfs", "cellStyles"):
            within = name == "cellXfs"
    return {str(at) for at, number in enumerate(formats) if number in _BUILT_IN or "%" in own.get(number, "")}


def _cells(archive: zipfile.ZipFile, file: str, formats: set[str]) -> Iterator[tuple[int, int]]:
    row, column = _NOWHERE
    for name, attributes in _elements(archive, file):
        if name == "row":
            row, column = int(attributes.get("r", row + 2)) - 1, -1
        elif name == "c":
            place = _PLACE.fullmatch(attributes.get("r", ""))
            column = _number_of(place[1]) if place else column + 1
            if attributes.get("s") in formats:
                yield row, column


def _number_of(letters: str) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _elements(archive: zipfile.ZipFile, file: str) -> Iterator[tuple[str, Attributes]]:
    """The elements of a file in the workbook, by local name, while it is read.

    Raises:
        KeyError: the workbook has no such file.
        ExpatError: it is not well-formed.
        ValueError: it declares a document type, which could define expanding entities.
    """
    found: list[tuple[str, Attributes]] = []
    parser = expat.ParserCreate()
    parser.StartElementHandler = lambda name, attributes: found.append((name.rpartition(":")[2], attributes))
    parser.StartDoctypeDeclHandler = _refuse
    with archive.open(file) as opened:
        while data := opened.read(_CHUNK):
            parser.Parse(data)
            yield from found
            found.clear()


def _refuse(*_: Any) -> None:
    raise ValueError("a document type")
