"""A table of a comparison: its entries with their intervals, as Markdown, as CSV, and for pages and cards.

Figures are per cent. A cell with an interval is written ``value [low, high]`` (95 %, bootstrap by group).
"""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moemoe.evaluation.comparison import Result
from moemoe.evaluation.paired import Difference
from moemoe.evaluation.paper import MARK
from moemoe.evaluation.uncertainty import Interval
from moemoe.reporting import document
from moemoe.reporting.formats import shown

GROUPS = ("plain threshold", "guarded threshold")
#: A table with more rows has a box that filters them.
FILTERED = 12

Entry = float | int | str | Interval | Difference | None
"""A table's entry: floats, intervals and differences are shares, shown in per cent; None is shown as a dash."""


@dataclass(frozen=True)
class Row:
    """One row: ours by column, and the paper's figures (per cent) by the same columns."""

    name: str
    ours: Mapping[str, Entry]
    paper: Mapping[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One table; ``paper`` names the columns that the paper has figures for."""

    name: str
    title: str
    heading: str
    columns: Sequence[str]
    rows: Sequence[Row]
    paper: Sequence[str] = ()
    notes: Sequence[str] = ()

    def headings(self) -> list[str]:
        """Those of ``cells``: ours, then one for all of the paper's figures."""
        marked = [f"{MARK} ({' / '.join(self.paper)})"] if self.paper else []
        return [self.heading, *self.columns, *marked]

    def cells(self) -> list[list[str]]:
        """The rows as text, the paper's figures of a row in one column."""
        rows = []
        for row in self.rows:
            cells = [row.name, *(shown(_typed(row.ours.get(column))) for column in self.columns)]
            if self.paper:
                cells.append(" / ".join(_printed(row.paper.get(name)) for name in self.paper))
            rows.append(cells)
        return rows

    def block(self) -> document.Table:
        """The same for pages and cards, with intervals to sort by."""
        rows = [
            [row.name, *(_typed(row.ours.get(column)) for column in self.columns), *cells[1 + len(self.columns) :]]
            for row, cells in zip(self.rows, self.cells(), strict=True)
        ]
        columns = [_column(heading) for heading in self.headings()]
        return document.Table(columns, rows, filtered=len(rows) > FILTERED)

    def markdown(self) -> str:
        """A GitHub table under its title."""
        return (
            "\n".join([f"## {self.title}", "", table_text(self.block()), *(f"\n{note}" for note in self.notes)]) + "\n"
        )

    def csv(self) -> str:
        """The same with one number per column: bounds and the paper's figures have their own columns."""
        bounded = {
            column
            for column in self.columns
            if any(isinstance(row.ours.get(column), Interval | Difference) for row in self.rows)
        }
        columns = [
            name for c in self.columns for name in ((c, f"{c}: low", f"{c}: high") if c in bounded else (c,))
        ]  # fmt: skip
        rows = []
        for row in self.rows:
            values: dict[str, Any] = {self.heading: row.name}
            for column, entry in row.ours.items():
                values |= _numbers(column, entry)
            values |= {f"{MARK}: {name}": row.paper.get(name) for name in self.paper}
            rows.append(values)
        return csv_text([self.heading, *columns, *(f"{MARK}: {name}" for name in self.paper)], rows)


def table_text(table: document.Table) -> str:
    """A table as GitHub Markdown; a pipe within an entry is escaped."""
    heads = [column.full_name for column in table.headings]
    return "\n".join(
        [_line(heads), "| --- |" + " --- |" * (len(heads) - 1), *(_line(map(shown, row)) for row in table.rows)]
    )


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV under their column names."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def figure_of(result: Result, name: str) -> Entry:
    """A system's figure with its interval, if it has one; None if it has no such figure."""
    return result.evaluation.intervals.get(name, result.evaluation.metrics.get(name))


def _column(heading: str) -> document.Column:
    group, _, name = heading.partition(": ")
    return document.Column(name, group) if group in GROUPS else document.Column(heading)


def _typed(entry: Entry) -> document.Cell:
    if isinstance(entry, Interval):
        return document.Estimate(entry.value, entry.low, entry.high) if entry.n else document.Estimate(entry.value)
    if isinstance(entry, Difference):
        return document.Difference(entry.value, entry.low, entry.high)
    return document.Estimate(entry) if isinstance(entry, float) else entry


def _printed(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def _numbers(column: str, entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Interval | Difference):
        return {column: short(entry.value), f"{column}: low": short(entry.low), f"{column}: high": short(entry.high)}
    return {column: short(entry) if isinstance(entry, float) else entry}


def short(share: float) -> float | str:
    """Rounds to four digits, for spreadsheets; empty for NaN."""
    return "" if math.isnan(share) else round(share, 4)
