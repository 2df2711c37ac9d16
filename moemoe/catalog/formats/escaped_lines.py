r"""Database text, as COPY and mysqldump write it: tabs, no quotes, ``\N`` for null, ``\n`` for breaks."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from moemoe.catalog.formats.row_error import RowError

NULL = "\\N"
ESCAPED = "rows with a database's backslash escapes, unescaped"
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CELL = re.compile(r"(?:^|\t)((?:[^\\\t]|\\.)*+)", re.DOTALL)
_MEANT = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "Z": "\x1a"}
#: A line break after a backslash belongs to the text.
_GOES_ON = re.compile(r"(?:^|[^\\])(?:\\\\)*\\$")


def are_escaped(lines: Sequence[str]) -> bool:
    r"""Whether lines are a database's: a cell is ``\N``, which nothing else writes between tabs."""
    return any(NULL in line.rstrip("\r\n").split("\t") for line in lines)


def escaped_records(
    take: Callable[[], str], width: int, first: int, counts: Counter[str]
) -> Iterator[list[str] | RowError]:
    """The records of a database's text; a record with a wrong number of cells becomes a RowError.

    Args:
        take: the next line, "" after the last.
        first: the number of the first line, for errors.
        counts: counts rows with backslash escapes other than null.
    """
    number = first
    while line := take():
        begin, text = number, line.rstrip("\r\n")
        while _GOES_ON.search(text) and (line := take()):
            text = f"{text}\n{line.rstrip(chr(10) + chr(13))}"
            number += 1
        number += 1
        if text in ("", "\\."):  # the end of COPY
            continue
        given = _CELL.findall(text) if "\\\t" in text else text.split("\t")
        cells = [cell if cell == NULL or "\\" not in cell else _ESCAPE.sub(_meant, cell) for cell in given]
        counts[ESCAPED] += cells != given
        if len(cells) == width:
            yield cells
        else:
            yield RowError(
                "row", "row is not readable", f"line {begin} has {len(cells)} cells; the header has {width}", cells
            )


def unescaped(cells: list[str]) -> list[str]:
    r"""The cells without backslashes before quotes, as in pandas' ``5\" heel``; JSON is left alone."""
    return [cell.replace('\\"', '"') if cell.lstrip()[:1] not in ("[", "{") else cell for cell in cells]


def _meant(found: re.Match[str]) -> str:
    return _MEANT.get(found[1], found[1])
