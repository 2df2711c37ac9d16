"""The tables of a comparison: an overview, and the paper's tables for this catalog, as Markdown and CSV.

Figures are per cent. A cell with an interval is written ``value [low, high]`` (95 %, bootstrap by group).
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.evaluation.cells import MIN_SUPPORT
from moemoe.evaluation.comparison import Comparison, Result
from moemoe.evaluation.evaluate import NAMED_TYPES, TOP
from moemoe.evaluation.paired import (
    ACCURACY_OF_ALL_TYPES,
    ACCURACY_OF_IMPLICIT,
    ACCURACY_OF_LABELS,
    RECALL_OF_ALL_TYPES,
    Difference,
)
from moemoe.evaluation.paper import MARK, PaperTable
from moemoe.evaluation.parts import all_parts, rows_shown
from moemoe.evaluation.uncertainty import Interval
from moemoe.names import escaped
from moemoe.reporting import document
from moemoe.reporting.formats import plain, shown
from moemoe.reporting.text import table_text

AVERAGE = "average"
GROUPS = ("plain threshold", "guarded threshold")
#: Columns of figures that do not depend on what product types are reported on.
WHOLE = {
    "Recall@90P, every product type": RECALL_OF_ALL_TYPES,
    "accuracy, every product type": ACCURACY_OF_ALL_TYPES,
    "accuracy, all labels": ACCURACY_OF_LABELS,
    "accuracy, implicit values": ACCURACY_OF_IMPLICIT,
}
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
        """The same with one number per column: bounds in columns of their own, the paper's too."""
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
        out = io.StringIO()
        writer = csv.DictWriter(out, [self.heading, *columns, *(f"{MARK}: {name}" for name in self.paper)])
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()


def all_tables(comparison: Comparison, paper_tables: Sequence[PaperTable]) -> list[Table]:
    """The overview, then those of ``paper_tables`` that any of the systems compared belongs to."""
    found = [overview(comparison), *([whole(comparison)] if comparison.results[0].whole else [])]
    if comparison.differences:
        found.append(paired(comparison))
    for paper in paper_tables:
        known = {result.system for result in comparison.results}
        if not paper.columns:
            layout = by_attribute if paper.product_type else by_top_k
            found.append(layout(comparison, paper))
        elif known & set(paper.systems):
            found.append(by_system(comparison, paper))
    return found


def overview(comparison: Comparison) -> Table:
    """One row per system: what it recalls at 90 % precision, how sure that is, and what can be deployed."""
    first = comparison.results[0]
    against = f"minus {first.name}"
    columns = [
        *("Recall@90P", against, "accuracy", "image blanked", "text blanked", "title only"),
        *(f"{kind}: {name}" for kind in GROUPS for name in ("recall", "kept")),
        *("contract's values", "minutes"),
    ]
    rows = []
    for result in comparison.results:
        metrics, difference = result.evaluation.metrics, comparison.differences.get((result.name, first.name))
        ours: dict[str, Entry] = {
            "Recall@90P": _figure(result, "recall_at_90p/mean"),
            against: difference.recall_at_90p if difference else None,
            "accuracy": _figure(result, "accuracy/mean"),
            "image blanked": metrics.get("image_blanked/recall_at_90p/mean"),
            "text blanked": metrics.get("text_blanked/recall_at_90p/mean"),
            "title only": metrics.get("title_only/recall_at_90p/mean"),
            "contract's values": metrics["canonical/share"],
            "minutes": None if math.isnan(result.minutes) else f"{result.minutes:.1f}",
        }
        for kind, name in zip(GROUPS, ("plain", "guarded"), strict=True):
            ours[f"{kind}: recall"] = metrics[f"{name}/recall/mean"]
            ours[f"{kind}: kept"] = f"{metrics[f'{name}/cells_kept']:.0f} of {metrics[f'{name}/cells_accepting']:.0f}"
        rows.append(Row(result.name, ours))
    metrics = first.evaluation.metrics
    if "baseline/majority_accuracy" in metrics:
        majority = {
            "Recall@90P": metrics["baseline/majority_recall_at_90p"],
            "accuracy": metrics["baseline/majority_accuracy"],
        }
        rows.append(Row("majority value", majority))
    rows += [Row(f"{name} (failed)", {}) for name in comparison.failures]
    notes = [
        f"Means over the cells of {', '.join(comparison.report_product_types[:NAMED_TYPES])} with at least "
        f"{MIN_SUPPORT} test products ({comparison.cells}), in %; [95 % bootstrap interval by group]. Recall@90P: "
        f"threshold swept on test; {against}: paired, on the same draws of groups. Thresholds chosen on validation: "
        "their recall on test, and in how many of the cells where they accept anything precision is at least 90 %.",
        *([f"**No means**: {first.evaluation.no_means}."] if first.evaluation.no_means else []),
        *(f"**{name} failed**: {reason}" for name, reason in comparison.failures.items()),
    ]
    if comparison.folds:
        notes.append(
            f"{comparison.folds}-fold cross-validation by group: every product is tested by a model that has seen "
            "nothing of its group; the predictions of all folds are measured together."
        )
    return Table("overview", "Overview", "system", columns, rows, notes=notes)


def whole(comparison: Comparison) -> Table:
    """One row per system: figures of all product types, reported on or not, and of all labels."""
    first = comparison.results[0].whole
    columns = [column for column, name in WHOLE.items() if name in first]
    rows = [Row(r.name, {column: r.whole.get(WHOLE[column]) for column in columns}) for r in comparison.results]
    n = {column: f"{first[WHOLE[column]].n:,}" for column in columns}
    cells = sum(support >= MIN_SUPPORT for support in comparison.results[0].evaluation.table["support"].to_pylist())
    means = f"Every product type: means over all cells with at least {MIN_SUPPORT} test products ({cells}). "
    notes = [
        f"In %; [95 % bootstrap interval by group]. {means if cells else ''}"
        "Implicit values are not written in the text. Test labels: "
        + ", ".join(f"{number} ({column})" for column, number in n.items())
        + "."
    ]
    return Table("whole", "Every product type", "system", columns, rows, notes=notes)


def paired(comparison: Comparison) -> Table:
    """What every system differs by from each before it: over headline cells, each product type's, and all there are."""
    one = next(iter(comparison.differences.values()))
    types = list(one.product_types)
    columns = [f"{figure}{kind}" for figure in ("Recall@90P", "accuracy") for kind in ("", *(f", {t}" for t in types))]
    wide = {column: name for column, name in WHOLE.items() if name in one.whole}
    rows = []
    for names, found in comparison.differences.items():
        each = [found, *(found.product_types[kind] for kind in types)]
        entries = [*(part.recall_at_90p for part in each), *(part.accuracy for part in each)]
        entries += [found.whole[name] for name in wide.values()]
        rows.append(Row(" minus ".join(names), dict(zip([*columns, *wide], entries, strict=True))))
    notes = ["Percentage points, on the same draws of groups; [95 % bootstrap interval]."]
    return Table("paired", "Paired differences", "systems", [*columns, *wide], rows, notes=notes)


def by_top_k(comparison: Comparison, paper: PaperTable) -> Table:
    """Table 1: product type and top K in rows, systems in columns."""
    rows = []
    for product_type in comparison.report_product_types[:NAMED_TYPES]:
        for k in TOP:
            name = f"recall_at_90p/{escaped(product_type)}/top{k}"
            label = f"{product_type}, K = {k}"
            cells = comparison.results[0].evaluation.metrics[f"{name}_cells"]
            few = f" (attributes: {cells:.0f})" if cells < k else ""
            ours = {result.name: _figure(result, name) for result in comparison.results}
            rows.append(Row(label + few, ours, _of_systems(paper, label)))
    notes = [f"Attributes with at least {MIN_SUPPORT} test products, by their number."]
    return _with_systems_in_columns(comparison, paper, "product type", [], rows, notes)


def by_attribute(comparison: Comparison, paper: PaperTable) -> Table:
    """Tables 2 and 3: one product type's attributes in rows, systems in columns."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for result in comparison.results:
        for row in result.evaluation.table.to_pylist():
            if row["product_type"] == paper.product_type:
                found.setdefault(row["attribute"], {})[result.name] = row
    support = {attribute: next(iter(rows.values()))["support"] for attribute, rows in found.items()}
    shown = [a for a in found if support[a] >= MIN_SUPPORT or a in paper.figures]
    shown.sort(key=lambda attribute: (-support[attribute], attribute))
    shown += [attribute for attribute in paper.figures if attribute not in found and attribute != AVERAGE]
    rows = []
    for attribute in shown:
        ours: dict[str, Entry] = {name: row["recall_at_90p"] for name, row in found.get(attribute, {}).items()}
        rows.append(Row(attribute, {"products": support.get(attribute, 0), **ours}, _of_systems(paper, attribute)))
    large = [attribute for attribute in shown if support.get(attribute, 0) >= MIN_SUPPORT]
    averages: dict[str, Entry] = {
        result.name: sum(found[a][result.name]["recall_at_90p"] for a in large) / len(large)
        for result in comparison.results
        if large
    }
    rows.append(Row(AVERAGE, averages, _of_systems(paper, AVERAGE)))
    notes = [f"Average over attributes with at least {MIN_SUPPORT} test products."]
    return _with_systems_in_columns(comparison, paper, "attribute", ["products"], rows, notes)


def by_system(comparison: Comparison, paper: PaperTable) -> Table:
    """Tables 4 and 5, figures 4 and 5: systems in rows; those of the paper that were not run are named too."""
    rows = []
    for system in paper.systems:
        printed = dict(zip(paper.columns, paper.figures.get(system.name, ()), strict=False))
        mine = [result for result in comparison.results if result.system == system]
        for result in mine:
            ours = {heading: _figure(result, name) for heading, name in paper.columns.items()}
            rows.append(Row(result.name, ours, printed))
        if not mine:
            rows.append(
                Row(system.name + (" (failed)" if system.name in comparison.failures else " (not run)"), {}, printed)
            )
    if paper.difference:
        rows.append(_difference_row(comparison, paper))
    return Table(
        f"table-{paper.name}" if paper.name.isdigit() else paper.name,
        paper.title,
        "system",
        list(paper.columns),
        rows,
        list(paper.columns),
    )


def _difference_row(comparison: Comparison, paper: PaperTable) -> Row:
    pair = (paper.systems[-1], paper.systems[0])
    found = {result.system: result.evaluation.metrics for result in reversed(comparison.results)}
    ours: dict[str, Entry] = {}
    if all(system in found for system in pair):
        ours = {heading: found[pair[0]][name] - found[pair[1]][name] for heading, name in paper.columns.items()}
    printed = dict(zip(paper.columns, paper.figures[comparison.dataset], strict=True))
    return Row(f"{pair[0].name} minus {pair[1].name}", ours, printed)


def cells_csv(comparison: Comparison) -> str:
    """Every product type x attribute cell: support, and each system's Recall@90P, accuracy and share of the image."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in comparison.results:
        images = _image_shares(result)
        for row in result.evaluation.table.to_pylist():
            cell = {name: row[name] for name in ("product_type", "attribute", "support")}
            mine = rows.setdefault((row["product_type"], row["attribute"]), cell)
            mine[f"{result.name}: Recall@90P"] = _short(row["recall_at_90p"])
            mine[f"{result.name}: accuracy"] = _short(row["accuracy"])
            mine[f"{result.name}: image"] = _short(images[row["product_type"], row["attribute"]])
    out = io.StringIO()
    ordered = sorted(rows.values(), key=lambda row: (-row["support"], row["product_type"], row["attribute"]))
    writer = csv.DictWriter(out, list(ordered[0]) if ordered else ["product_type", "attribute", "support"])
    writer.writeheader()
    writer.writerows(ordered)
    return out.getvalue()


def _image_shares(result: Result) -> dict[tuple[str, str], float]:
    """The mean weight of the image in each cell's test answers."""
    sums: dict[tuple[str, str], list[float]] = {}
    parts = result.cells.predictions
    for part in all_parts(parts, ["product_type", "attribute", "split", "condition", "image_weight"]):
        part = part.take(pa.array(rows_shown(part, "test", result.cells.condition)))
        part = part.filter(pc.is_valid(part["image_weight"]))
        names = zip(part["product_type"].to_pylist(), part["attribute"].to_pylist(), strict=True)
        for cell, weight in zip(names, part["image_weight"].to_pylist(), strict=True):
            own = sums.setdefault(cell, [0.0, 0])
            own[0] += weight
            own[1] += 1
    return {cell: total / number for cell, (total, number) in sums.items()}


def tables_markdown(comparison: Comparison, tables: Sequence[Table]) -> str:
    """All tables as one Markdown file."""
    names = ", ".join(result.name for result in comparison.results)
    notice = [f"> {plain(document.SYNTHETIC_NOTICE)}", ""] if comparison.sample_catalog else []
    head = [f"# {comparison.dataset}: {names}", "", *notice]
    return "\n".join([*head, *(table.markdown() for table in tables)])


def write_tables(comparison: Comparison, tables: Sequence[Table], folder: str | Path) -> Path:
    """``tables.md`` with all of them, a CSV for each, and ``cells.csv``; returns the folder."""
    folder = Path(folder)
    folder.mkdir(parents=True)
    (folder / "tables.md").write_text(tables_markdown(comparison, tables))
    for table in tables:
        (folder / f"{table.name}.csv").write_text(table.csv())
    (folder / "cells.csv").write_text(cells_csv(comparison))
    return folder


def _with_systems_in_columns(
    comparison: Comparison, paper: PaperTable, heading: str, before: list[str], rows: list[Row], notes: list[str]
) -> Table:
    names = [result.name for result in comparison.results] + [f"{name} (failed)" for name in comparison.failures]
    printed = [system.name for system in paper.systems]
    return Table(f"table-{paper.name}", paper.title, heading, [*before, *names], rows, printed, notes)


def _of_systems(paper: PaperTable, row: str) -> dict[str, float | None]:
    names = [system.name for system in paper.systems]
    return dict(zip(names, paper.figures.get(row, (None,) * len(names)), strict=True))


def _figure(result: Result, name: str) -> Entry:
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
        return {column: _short(entry.value), f"{column}: low": _short(entry.low), f"{column}: high": _short(entry.high)}
    return {column: _short(entry) if isinstance(entry, float) else entry}


def _short(share: float) -> float | str:
    """To four digits, as people read it in a sheet; nothing for NaN."""
    return "" if math.isnan(share) else round(share, 4)
