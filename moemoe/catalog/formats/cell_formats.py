"""Cells of an .xlsx workbook that show more than their number: 0.5 becomes "50%", and 12.5 with ``0.0" cm"`` "12.5 cm".

python-calamine returns only numbers, so the formats are read here from the workbook's XML; a sheet's XML only if the
workbook has such a format.
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

from moemoe.catalog.formats.unit_row import is_sellers_unit

PERCENTAGES = "numbers shown as percentages, read as percentages"
WITH_UNITS = "numbers shown with a unit, read with it"
_PERCENT = "%"
_BUILT_IN = ("9", "10")
#: Literal parts of a number format.
_LITERAL = re.compile(r'"[^"]*+(?:"|$)|\\.|_.|\[[^\]]*+(?:\]|$)')
#: A format of numbers whose only literal is behind them; its other sections are of negative numbers and zero.
_BEHIND = re.compile(r"""(?:General|[#,?0]*[#?0](?:\.[#?0]+)?)((?:"[^"]*+"|\\.|\ )+)(?:;|$)""", re.DOTALL)
_QUOTES = re.compile(r""""([^"]*)"|\\(.)""", re.DOTALL)
_PLACE = re.compile(r"([A-Z]+)(\d+)")
_CHUNK = 2**18
_NOWHERE = (-1, 0)

Attributes = Mapping[str, str]


def units_of_cells(path: Path, sheet: str) -> Iterator[tuple[int, int, str]]:
    """Row and column (from 0, in order) of each cell of a sheet that is shown with a unit, and the unit, such as "%".

    Empty for a workbook without such formats, or with XML that is not in Excel's form.
    """
    with suppress(zipfile.BadZipFile, KeyError, expat.ExpatError, ValueError), zipfile.ZipFile(path) as archive:
        units = _units_of_formats(archive)
        yield from _cells(archive, file_of(archive, sheet), units) if units else ()


def with_units(
    rows: Iterator[tuple[int, list[Any]]], places: Iterator[tuple[int, int, str]], first: int, counts: Counter[str]
) -> Iterator[tuple[int, list[Any]]]:
    """Numbered rows, with their units behind the numbers at ``places``.

    Args:
        first: number of a row's first column.
        counts: counts the percentages, and the other numbers.
    """
    place = next(places, None)
    for number, cells in rows:
        while place is not None and place[0] <= number:
            at, unit = place[1] - first, place[2]
            if place[0] == number and 0 <= at < len(cells) and type(cells[at]) in (int, float):
                is_percentage = unit == _PERCENT
                cells[at] = f"{100 * cells[at]:.15g}%" if is_percentage else f"{cells[at]:.15g} {unit}"
                counts[PERCENTAGES if is_percentage else WITH_UNITS] += 1
            place = next(places, None)
        yield number, cells


def file_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The path of a sheet in the workbook. Raises as ``_elements``."""
    ids = [a for name, a in _elements(archive, "xl/workbook.xml") if name == "sheet" and a["name"] == sheet]
    wanted = next(value for name, value in ids[0].items() if name.endswith(":id")) if ids else ""
    links = _elements(archive, "xl/_rels/workbook.xml.rels")
    target = next((a["Target"] for name, a in links if name == "Relationship" and a["Id"] == wanted), "")
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


def _units_of_formats(archive: zipfile.ZipFile) -> dict[str, str]:
    """The numbers of the cell formats that show a unit, as written in cells -> the unit."""
    own, formats, within = dict.fromkeys(_BUILT_IN, _PERCENT), list[str](), False
    for name, attributes in _elements(archive, "xl/styles.xml"):
        if name == "numFmt":
            own[attributes["numFmtId"]] = _unit_of(attributes["formatCode"])
        elif name == "xf" and within:
            formats.append(attributes.get("numFmtId", "0"))
        elif name in ("cellXfs", "cellStyles"):
            within = name == "cellXfs"
    return {str(at): unit for at, number in enumerate(formats) if (unit := own.get(number))}


def _unit_of(code: str) -> str:
    """The unit that a number format shows behind numbers; "" if it shows none that sellers use."""
    if _PERCENT in _LITERAL.sub("", code):
        return _PERCENT
    found = _BEHIND.match(code)
    unit = _QUOTES.sub(r"\1\2", found[1]).strip() if found else ""
    return unit if unit != _PERCENT and is_sellers_unit(unit) else ""


def _cells(archive: zipfile.ZipFile, file: str, units: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    row, column = _NOWHERE
    for name, attributes in _elements(archive, file):
        if name == "row":
            row, column = int(attributes.get("r", row + 2)) - 1, -1
        elif name == "c":
            place = _PLACE.fullmatch(attributes.get("r", ""))
            column = _number_of(place[1]) if place else column + 1
            if unit := units.get(attributes.get("s", "")):
                yield row, column, unit


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
