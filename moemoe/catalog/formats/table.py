"""A file of any format as rows under its own column names."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any, Generic, TypeVar

from moemoe.catalog.formats.note_rows import LOOKED_AT, NOTES, number_of_notes
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.short_records import PADDED
from moemoe.catalog.formats.total_row import TOTALS, is_total
from moemoe.catalog.formats.unit_row import UNITS, units_of, with_units
from moemoe.contract.cell_text import without_invisible
from moemoe.errors import CatalogError

Row = dict[str, Any]
"""Column -> value; missing values are absent or None."""

#: Counted, see ``Table.counts``.
HEADERS = "rows that repeat the header, left out"
HEADERS_IN_OTHER_ORDER = "repeated headers in another order, applied to the rows below"
EMPTY = "empty files"
BLANK_ROWS = "blank rows, left out"
RULES = "rows of dashes below the header, left out"
_BETWEEN_WORDS = re.compile(r"[\s_-]+")
#: Least number of cells that repeat a column name for a row to be a header; no product has as many.
_FEWEST_ALIKE = 3
#: Rules below a header: "-----", Markdown's ":---:".
_RULE = re.compile(r"[\s|+]*:?[-=]{2,}[-=:+|\s]*")

#: The column with the sheets' names, if several of a workbook are one table.
SHEET = "(sheet)"

T = TypeVar("T")


class Ahead(Generic[T]):
    """An iterator whose first items can be looked at without taking them."""

    def __init__(self, items: Iterator[T]):
        self._items = items

    def first(self, number: int) -> list[T]:
        """The next items, at most ``number``, without taking them."""
        seen = list(islice(self._items, number))
        self._items = chain(seen, self._items)
        return seen

    def __iter__(self) -> Iterator[T]:
        return self._items


class Table:
    """One file: its columns and, once, its rows.

    Attributes:
        partition: the file's URI; names it in errors, and files beside it are relative to its folder.
        columns: the file's column names in its spelling, each once; those of ``constants`` come last. If each row has
            its own names (JSON, XML), the names in the first rows; ``rows`` adds others as it reads them.
        constants: column -> value, from the path (``folder/color=Red/part-0.parquet``), the same for every row.
        counts: what was skipped or repaired -> number of rows.
        names: the file's spelling of columns -> the name in ``columns`` and rows, see ``respell``.
        further: opens each further table of the file; a workbook has one for each sheet.
    """

    format = ""
    further: "Sequence[Callable[[], Table]]" = ()

    def __init__(self, partition: str, columns: Sequence[str], constants: Mapping[str, str | None] | None = None):
        self.partition = partition
        self.constants = {name: value for name, value in (constants or {}).items() if name not in columns}
        self.columns = [*columns, *self.constants]
        self.counts: Counter[str] = Counter()
        self.names: dict[str, str] = {}

    def respell(self, names: Mapping[str, str]) -> None:
        """Renames columns, here and in rows still to be read; other columns keep the file's names."""
        own = [self.as_written(column) for column in self.columns]
        self.names = dict(names)
        self.columns = [self.names.get(column, column) for column in own]

    def as_written(self, column: str) -> str:
        """A column's name in the file's spelling."""
        return next((own for own, name in self.names.items() if name == column), column)

    def rows(self) -> Iterator[Row | RowError]:
        """The rows in order; an unreadable one as a RowError with the reason."""
        raise NotImplementedError

    def filled_rows(self) -> Iterator[Row | RowError]:
        """``rows`` without blank ones."""
        return self.rows()

    def first(self, number: int) -> list[Row]:
        """The first readable rows, at most ``number``, without taking them."""
        raise NotImplementedError


class ObjectTable(Table):
    """A table whose rows come as mappings: JSON, XML."""

    def __init__(
        self,
        partition: str,
        columns: Sequence[str],
        rows: Iterator[Row | RowError],
        constants: Mapping[str, str | None] | None = None,
        format: str = "JSON",
    ):
        super().__init__(partition, columns, constants)
        self.format = format
        self._rows = Ahead(rows)

    def rows(self) -> Iterator[Row | RowError]:  # noqa: D102
        known = set(self.columns)
        for row in self._rows:
            if isinstance(row, RowError):
                yield row
                continue
            row = self._respelled(row)
            if not row.keys() <= known:
                self.columns += [name for name in row if name not in known]
                known.update(row)
            yield {**self.constants, **row} if self.constants else row

    def first(self, number: int) -> list[Row]:  # noqa: D102
        rows = (row for row in self._rows.first(number) if not isinstance(row, RowError))
        return [{**self.constants, **self._respelled(row)} for row in rows]

    def _respelled(self, row: Row) -> Row:
        return {self.names.get(name, name): value for name, value in row.items()} if self.names else row


class GridTable(Table):
    """A table whose rows come as lists of cells under a header: CSV, Excel.

    Attributes:
        header: the cells of the header; ``columns`` renames the second of two equal names to "name (2)".
        preamble: the records above the header (Amazon's flat files have two).
        blank_first: number of blank rows directly below the header, which are not among the records.
        cells_needed: number of leading cells that a record must have, 0 for all; called at the first record with fewer
            cells than the header.
    """

    cells_needed: Callable[[], int] = staticmethod(lambda: 0)

    def __init__(
        self,
        partition: str,
        header: Sequence[str],
        records: Iterator[list[Any] | RowError],
        constants: Mapping[str, str | None] | None = None,
        preamble: Sequence[Sequence[str]] = (),
        format: str = "CSV",
    ):
        self._first_header = list(header)
        header = [name if name.isascii() else without_invisible(name) for name in header]
        super().__init__(partition, _told_apart(header), constants)
        self.format = format
        self.header, self._own_names, self.preamble, self.blank_first = header, header, preamble, 0
        self._needed: int | None = None
        self._records = Ahead(self._with_units(self._without_headers(self._without_notes(records))))

    def respell(self, names: Mapping[str, str]) -> None:  # noqa: D102
        super().respell(names)
        self.header = [self.names.get(cell, cell) for cell in self._own_names]

    def spelled(self) -> dict[str, str]:
        """Renamed columns -> the repeated name in the header."""
        return {column: name for column, name in zip(self.columns, self.header, strict=False) if column != name}

    def _without_headers(self, records: Iterator[list[Any] | RowError]) -> Iterator[list[Any] | RowError]:
        """The records without repeated headers of concatenated files, whose columns may be in another order."""
        names, order = set(self._first_header), list[int]()
        folded = _folded(self._first_header)
        for first in islice(records, 1):  # below labels, an export for a program to read back has its own names
            if _has_names_of(first, self._first_header):
                self.counts[HEADERS] += 1
            else:
                records = chain([first], records)
        for cells in records:
            if cells == self._first_header or _is_alike(cells, folded):
                self.counts[HEADERS] += 1
                order = []
            elif not isinstance(cells, RowError) and cells[0] in names and self._is_header(cells, names):
                self.counts[HEADERS_IN_OTHER_ORDER] += 1
                order = [cells.index(name) for name in self._first_header]
            elif order and isinstance(cells, RowError):
                cells.is_short, cells.cells = False, []  # they are in the other order
                yield cells
            else:
                yield [cells[at] for at in order] if order else cells  # type: ignore[index]

    def _without_notes(self, records: Iterator[list[Any] | RowError]) -> Iterator[list[Any] | RowError]:
        first = list(islice(records, LOOKED_AT))
        if number := number_of_notes(first):
            self.counts[NOTES] += number
        yield from chain(first[number:], records)

    def _with_units(self, records: Iterator[list[Any] | RowError]) -> Iterator[list[Any] | RowError]:
        """The records; below a row of units, each number has its column's unit appended."""
        width = len(self._first_header) - (self._first_header[-1:] == [SHEET])
        for first in records:
            if _is_rule(first.cells if isinstance(first, RowError) else first):
                self.counts[RULES] += 1
                continue
            units = units_of((first.cells if isinstance(first, RowError) else first)[:width])
            if not units:
                yield first
                break
            self.counts[UNITS] += 1
            for cells in records:
                if isinstance(cells, RowError):
                    cells.cells = with_units(cells.cells, units)
                    yield cells
                else:
                    yield with_units(cells, units)
        yield from records

    def _is_header(self, cells: list[Any], names: set[str]) -> bool:
        """Whether a record is the header in another order.

        Raises:
            CatalogError: it has moved columns and is another table's header, or a moved column's name is repeated.
        """
        if set(cells) == names and len(names) == len(self._first_header):
            return True
        known = [name for name in cells if name in names]
        moved = [name for name in known if cells[self._first_header.index(name)] != name]
        if moved and Counter(known) <= Counter(self._first_header) and 2 * len(known) >= max(len(cells), 6):
            shown = ", ".join(map(repr, cells[:9]))
            raise CatalogError(
                f"{self.partition} has a second header, {shown}, in which column {moved[0]!r} is at another place; "
                "allowed are the names of the first header, each once; save each table in its own file"
            )
        return False

    def records(self) -> Iterator[list[Any] | RowError]:
        """The cells of each row, as many as in the header."""
        for cells in self._records:
            yield self._padded(cells) if isinstance(cells, RowError) else cells

    def _padded(self, error: RowError) -> list[Any] | RowError:
        """A record padded with blank cells, if it has the cells that the layout needs."""
        if not error.is_short:
            return error
        if self._needed is None:
            self._needed = self.cells_needed()
        if not 0 < self._needed <= len(error.cells):
            return error
        self.counts[PADDED] += 1
        return [*error.cells, *[""] * (len(self.header) - len(error.cells))]

    def filled_records(self) -> Iterator[list[Any] | RowError]:
        """``records`` without totals and blank rows, as spreadsheets have at their end; both are counted."""
        width = len(self._first_header) - (self._first_header[-1:] == [SHEET])
        for cells in self.records():  # nearly all begin with an id
            own = cells.cells if isinstance(cells, RowError) else cells
            if is_total(own[:width] if width < len(own) else own):
                self.counts[TOTALS] += 1
            elif isinstance(cells, RowError) or _is_filled(cells[0]) or any(map(_is_filled, cells)):
                yield cells
            else:
                self.counts[BLANK_ROWS] += 1

    def filled_rows(self) -> Iterator[Row | RowError]:
        """``rows`` of ``filled_records``."""
        for cells in self.filled_records():
            yield cells if isinstance(cells, RowError) else self._row(cells)

    def rows(self) -> Iterator[Row | RowError]:
        """The rows; empty cells are left out."""
        for cells in self.records():
            yield cells if isinstance(cells, RowError) else self._row(cells)

    def first(self, number: int) -> list[Row]:  # noqa: D102
        return [self._row(cells) for cells in self._records.first(number) if not isinstance(cells, RowError)]

    def _row(self, cells: list[Any]) -> Row:
        found = {column: cell for column, cell in zip(self.columns, cells, strict=False) if cell not in ("", None)}
        return {**self.constants, **found} if self.constants else found


def _is_alike(cells: list[Any] | RowError, folded: Sequence[str]) -> bool:
    """Whether a record equals the header except for case and blanks; its first cell decides nearly always."""
    if isinstance(cells, RowError) or not isinstance(cells[0], str) or cells[0].strip().casefold() != folded[0]:
        return False
    return _folded(cells) == folded


def _has_names_of(cells: list[Any] | RowError, header: Sequence[str]) -> bool:
    """Whether a record has at least three column names below themselves: "product_id" below "Product ID"."""
    if isinstance(cells, RowError):
        return False
    same = (name and _bare(str(cell)) == _bare(name) for cell, name in zip(cells, header, strict=False))
    return sum(map(bool, same)) >= _FEWEST_ALIKE


def _bare(name: str) -> str:
    return _BETWEEN_WORDS.sub("", name.casefold())


def _is_rule(cells: Sequence[Any]) -> bool:
    return all(isinstance(cell, str) and (not cell.strip() or _RULE.fullmatch(cell)) for cell in cells) and any(cells)


def _folded(cells: Sequence[Any]) -> list[str]:
    return [str(cell).strip().casefold() for cell in cells]


def _is_filled(cell: Any) -> bool:
    """Whether a cell has a value; Excel's FALSE and 0 are values."""
    return not cell.isspace() and cell != "" if isinstance(cell, str) else cell is not None


def _told_apart(header: Sequence[str]) -> list[str]:
    seen: Counter[str] = Counter()
    columns = []
    for name in header:
        seen[name] += 1
        columns.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return columns
