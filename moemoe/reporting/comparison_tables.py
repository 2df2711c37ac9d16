"""The tables of a comparison: an overview, paired differences, the paper's tables; written as Markdown and CSV."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.evaluation.cells import MIN_SUPPORT
from moemoe.evaluation.comparison import Comparison, Result
from moemoe.evaluation.evaluate import NAMED_TYPES
from moemoe.evaluation.paired import (
    ACCURACY_OF_ALL_TYPES,
    ACCURACY_OF_IMPLICIT,
    ACCURACY_OF_LABELS,
    RECALL_OF_ALL_TYPES,
)
from moemoe.evaluation.paper import PaperTable
from moemoe.evaluation.parts import all_parts, rows_shown
from moemoe.reporting import document
from moemoe.reporting.comparison_table import GROUPS, Entry, Row, Table, csv_text, figure_of, short
from moemoe.reporting.formats import plain
from moemoe.reporting.paper_tables import paper_table

#: Columns that do not depend on the reported product types.
WHOLE = {
    "Recall@90P, every product type": RECALL_OF_ALL_TYPES,
    "accuracy, every product type": ACCURACY_OF_ALL_TYPES,
    "accuracy, all labels": ACCURACY_OF_LABELS,
    "accuracy, implicit values": ACCURACY_OF_IMPLICIT,
}


def all_tables(comparison: Comparison, paper_tables: Sequence[PaperTable]) -> list[Table]:
    """The overview, then those of ``paper_tables`` that any of the systems compared belongs to."""
    found = [overview(comparison), *([whole(comparison)] if comparison.results[0].whole else [])]
    if comparison.differences:
        found.append(paired(comparison))
    return found + [table for paper in paper_tables if (table := paper_table(comparison, paper))]


def overview(comparison: Comparison) -> Table:
    """One row per system: Recall@90P with its interval, and recall and precision at the validation thresholds."""
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
            "Recall@90P": figure_of(result, "recall_at_90p/mean"),
            against: difference.recall_at_90p if difference else None,
            "accuracy": figure_of(result, "accuracy/mean"),
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
        f"threshold swept on test. {against}: paired, on the same draws of groups. Plain and guarded thresholds are "
        "chosen on validation: their recall on test, and how many of the cells with accepted answers keep 90 % "
        "precision.",
        *([f"**No means**: {first.evaluation.no_means}."] if first.evaluation.no_means else []),
        *(f"**{name} failed**: {reason}" for name, reason in comparison.failures.items()),
    ]
    if comparison.folds:
        notes.append(
            f"{comparison.folds}-fold cross-validation by group: every product is tested by a model that was not "
            "trained on its group; the metrics are computed over the predictions of all folds together."
        )
    return Table("overview", "Overview", "system", columns, rows, notes=notes)


def whole(comparison: Comparison) -> Table:
    """One row per system: metrics over all product types, reported or not, and over all labels."""
    first = comparison.results[0].whole
    columns = [column for column, name in WHOLE.items() if name in first]
    rows = [Row(r.name, {column: r.whole.get(WHOLE[column]) for column in columns}) for r in comparison.results]
    n = {column: f"{first[WHOLE[column]].n:,}" for column in columns}
    cells = sum(support >= MIN_SUPPORT for support in comparison.results[0].evaluation.table["support"].to_pylist())
    means = f"Every product type: means over all cells with at least {MIN_SUPPORT} test products ({cells}). "
    notes = [
        f"In %; [95 % bootstrap interval by group]. {means if cells else ''}"
        "Implicit values do not appear in the text. Test labels: "
        + ", ".join(f"{number} ({column})" for column, number in n.items())
        + "."
    ]
    return Table("whole", "Every product type", "system", columns, rows, notes=notes)


def paired(comparison: Comparison) -> Table:
    """The difference of every pair of systems: over the headline cells, by product type, and over all cells."""
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
    notes = ["In percentage points, on the same draws of groups; [95 % bootstrap interval]."]
    return Table("paired", "Paired differences", "systems", [*columns, *wide], rows, notes=notes)


def cells_csv(comparison: Comparison) -> str:
    """Every product type x attribute cell: support, and each system's Recall@90P, accuracy and share of the image."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for result in comparison.results:
        images = _image_shares(result)
        for row in result.evaluation.table.to_pylist():
            cell = {name: row[name] for name in ("product_type", "attribute", "support")}
            mine = rows.setdefault((row["product_type"], row["attribute"]), cell)
            mine[f"{result.name}: Recall@90P"] = short(row["recall_at_90p"])
            mine[f"{result.name}: accuracy"] = short(row["accuracy"])
            mine[f"{result.name}: image"] = short(images[row["product_type"], row["attribute"]])
    ordered = sorted(rows.values(), key=lambda row: (-row["support"], row["product_type"], row["attribute"]))
    return csv_text(list(ordered[0]) if ordered else ["product_type", "attribute", "support"], ordered)


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
