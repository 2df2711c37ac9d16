"""The paper's tables 1 to 5 and figures 4 and 5 for this catalog, with the paper's figures beside."""

from typing import Any

from moemoe.evaluation.cells import MIN_SUPPORT
from moemoe.evaluation.comparison import Comparison
from moemoe.evaluation.evaluate import NAMED_TYPES, TOP
from moemoe.evaluation.paper import PaperTable
from moemoe.names import escaped
from moemoe.reporting.comparison_table import Entry, Row, Table, figure_of

AVERAGE = "average"


def paper_table(comparison: Comparison, paper: PaperTable) -> Table | None:
    """``paper`` with this comparison's figures; None if none of the systems compared belongs to it."""
    if not paper.columns:
        return by_attribute(comparison, paper) if paper.product_type else by_top_k(comparison, paper)
    known = {result.system for result in comparison.results}
    return by_system(comparison, paper) if known & set(paper.systems) else None


def by_top_k(comparison: Comparison, paper: PaperTable) -> Table:
    """Table 1: product type and top K in rows, systems in columns."""
    rows = []
    for product_type in comparison.report_product_types[:NAMED_TYPES]:
        for k in TOP:
            name = f"recall_at_90p/{escaped(product_type)}/top{k}"
            label = f"{product_type}, K = {k}"
            cells = comparison.results[0].evaluation.metrics[f"{name}_cells"]
            few = f" (attributes: {cells:.0f})" if cells < k else ""
            ours = {result.name: figure_of(result, name) for result in comparison.results}
            rows.append(Row(label + few, ours, _of_systems(paper, label)))
    notes = [f"The K attributes with the most test products, at least {MIN_SUPPORT} each."]
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
    notes = [f"The average is over attributes with at least {MIN_SUPPORT} test products."]
    return _with_systems_in_columns(comparison, paper, "attribute", ["products"], rows, notes)


def by_system(comparison: Comparison, paper: PaperTable) -> Table:
    """Tables 4 and 5, figures 4 and 5: systems in rows; the paper's systems that were not run are listed too."""
    rows = []
    for system in paper.systems:
        printed = dict(zip(paper.columns, paper.figures.get(system.name, ()), strict=False))
        mine = [result for result in comparison.results if result.system == system]
        for result in mine:
            ours = {heading: figure_of(result, name) for heading, name in paper.columns.items()}
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


def _with_systems_in_columns(
    comparison: Comparison, paper: PaperTable, heading: str, before: list[str], rows: list[Row], notes: list[str]
) -> Table:
    names = [result.name for result in comparison.results] + [f"{name} (failed)" for name in comparison.failures]
    printed = [system.name for system in paper.systems]
    return Table(f"table-{paper.name}", paper.title, heading, [*before, *names], rows, printed, notes)


def _of_systems(paper: PaperTable, row: str) -> dict[str, float | None]:
    names = [system.name for system in paper.systems]
    return dict(zip(names, paper.figures.get(row, (None,) * len(names)), strict=True))
