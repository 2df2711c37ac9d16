"""What a person is shown of a comparison: who failed, the overview, plots, and the paper's tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from moemoe.evaluation.comparison import Comparison
from moemoe.reporting.comparison_tables import Table
from moemoe.reporting.document import (
    FAILURE,
    SYNTHETIC_NOTICE,
    Block,
    Contents,
    Document,
    Notice,
    Plot,
    Section,
    Text,
)


def comparison_report(comparison: Comparison, tables: Sequence[Table], plots: Mapping[str, Any]) -> Document:
    """The first of ``tables`` is the overview."""
    names = ", ".join(result.name for result in comparison.results)
    overview, *others = tables
    blocks: list[Block] = [
        *([Notice(SYNTHETIC_NOTICE)] if comparison.sample_catalog else []),
        *(Notice(f"**{name} failed**: {reason}", FAILURE) for name, reason in comparison.failures.items()),
        Text(_best(comparison), lead=True),
        Contents(),
        _section(overview, collapsed=False),
        Section("Plots", [Plot(name, figure) for name, figure in plots.items()]),
        *(_section(table, collapsed=False) for table in others),
    ]
    return Document(
        f"{comparison.dataset}: systems side by side", blocks, f"Comparison | {comparison.dataset} | {names}"
    )


def _best(comparison: Comparison) -> str:
    """The system with the highest recall, and whether its gain over the next is above noise."""
    name = "recall_at_90p/mean"
    known = [
        (r.evaluation.metrics[name], r.name)
        for r in comparison.results
        if r.evaluation.metrics[name] == r.evaluation.metrics[name]
    ]
    if not known:
        return "No system could be measured: no product type and attribute has enough test products."
    (best, winner), *others = sorted(known, reverse=True)
    said = f"**{winner}** recalls most at 90 % precision: **{100 * best:.1f} %** of what is asked"
    if not others:
        return said + "."
    second, runner_up = others[0]
    return f"{said}; next is {runner_up} with {100 * second:.1f} %."


def _section(table: Table, collapsed: bool) -> Section:
    return Section(table.title, [table.block(), *map(Text, table.notes)], collapsed)
