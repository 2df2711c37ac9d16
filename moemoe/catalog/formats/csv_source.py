"""Lines of delimited text that can be given back, and records read from them."""

import csv
from collections import deque

from moemoe.catalog.formats.csv_lines import OPEN, STRAY, TO_CLOSING_QUOTE, begun, complete
from moemoe.catalog.formats.text import MAX_RECORD, TextFile

csv.field_size_limit(MAX_RECORD)  # Python's own limit is 128 KiB a cell
#: Lines that are sampled to find out how a file is written.
SAMPLED_LINES = 20


class BadRecordError(Exception):
    """A record whose quotes do not close, or close too late."""


class CsvSource:
    """The lines of a file, taken one by one; lines that were given back are returned again.

    Args:
        file: opened with ``newline=""``.

    Attributes:
        counts: the file's counts of repairs.
        number: number of the last line taken.
        delimiter: the character between cells.
        blanks: whether blanks may precede a cell's quote.
        open_at_end: the file ends in a record whose quotes do not close.

    Raises:
        CatalogError: the file is not text, or has a line of more than ``MAX_RECORD``.
    """

    def __init__(self, file: TextFile):
        self._file = file
        self._given_back: deque[str] = deque()
        self.counts = file.counts
        self.number = 0
        self.delimiter = ","
        self.blanks = False
        self.open_at_end = False

    def take(self) -> str:
        """The next line with its end, empty after the last."""
        line = self._given_back.popleft() if self._given_back else self._file.readline()
        self.number += bool(line)
        return line

    def give_back(self, lines: list[str]) -> None:
        """Gives lines back, to be taken again."""
        self._given_back.extendleft(reversed(lines))
        self.number -= len(lines)

    def ahead(self) -> list[str]:
        """The next lines, without taking them."""
        lines = [line for _ in range(SAMPLED_LINES) if (line := self.take())]
        self.give_back(lines)
        return lines

    def is_last(self, line: str) -> bool:
        """Whether ``line``, the last one taken, ends the file without a line break."""
        return not self._given_back and not ends(line)

    def cells(self, lines: list[str], width: int | None) -> list[str]:
        """The cells of the record that begins with the one line in ``lines``; its further lines are added to ``lines``.

        A record with an open quote fails once it has more cells than ``width``, so that lines are not read repeatedly.

        Raises:
            csv.Error: misplaced quotes.
            BadRecordError: the quotes do not close, or close too late.
        """
        between, blanks = self.delimiter, self.blanks
        cells = complete(lines[0], between, blanks)
        if cells is not None:
            return cells
        number, size = begun(lines[0], between, blanks), len(lines[0])
        while line := self.take():
            lines.append(line)
            size += len(line)
            if size > MAX_RECORD:
                raise BadRecordError(f"a record of more than {MAX_RECORD >> 20} MiB")
            quoted = TO_CLOSING_QUOTE.match(line)
            if quoted is None:
                continue
            rest = line[quoted.end() :]
            if not rest.strip("\r\n") or (rest[0] == between and complete(rest[1:], between, blanks) is not None):
                return next(csv.reader(lines, strict=True, delimiter=between, skipinitialspace=blanks))
            if rest[0] != between:
                raise BadRecordError(STRAY)
            number += begun(rest[1:], between, blanks)
            if width is not None and number > width:
                raise BadRecordError(f"a quote opens a cell that does not close within {width} cells")
        self.open_at_end = True
        raise BadRecordError(f"{OPEN}: a quote opens a cell that does not close")


def ends(line: str) -> bool:
    """Whether a line ends with a line break, as all but the last do."""
    return line.endswith(("\n", "\r"))
