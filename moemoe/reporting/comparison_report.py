"""The report of a comparison: failed systems, the overview, plots, and the paper's tables."""

from collections.abc import Sequence

from moemoe.evaluation.comparison import Comparison
from moemoe.reporting.comparison_table import Table
from moemoe.reporting.document import (
    FAILURE,
    SYNTHETIC_NOTICE,
    Block,
    Cell,
    Contents,
    Difference,
    Document,
    Facts,
    Notice,
    Plot,
    Section,
    Text,
)
from moemoe.reporting.formats import difference


def comparison_report(
    comparison: Comparison, tables: Sequence[Table], plots: Sequence[Plot], facts: Sequence[tuple[str, Cell]] = ()
) -> Document:
    """The report of a comparison.

    Args:
        tables: the first is the overview.
        facts: date, commit and the like, for the strip on top.
    """
    names = ", ".join(result.name for result in comparison.results)
    overview, *others = tables
    blocks: list[Block] = [
        Facts([("dataset", comparison.dataset), ("systems", len(comparison.results)), *facts]),
        *([Notice(SYNTHETIC_NOTICE)] if comparison.sample_catalog else []),
        *(Notice(f"**{name} failed**: {reason}", FAILURE) for name, reason in comparison.failures.items()),
        Text(_best(comparison), lead=True),
        Contents(),
        _section(overview),
        Section("Plots", plots),
        *(_section(table) for table in others),
    ]
    return Document(
        f"{comparison.dataset}: systems side by side", blocks, f"Comparison | {comparison.dataset} | {names}"
    )


def _best(comparison: Comparison) -> str:
    """The system with the highest recall, and its gain over the next with its interval."""
    name = "recall_at_90p/mean"
    known = [
        (r.evaluation.metrics[name], r.name)
        for r in comparison.results
        if r.evaluation.metrics[name] == r.evaluation.metrics[name]
    ]
    if not known:
        return "No system could be measured: no cell (product type x attribute) has enough test products."
    (best, winner), *others = sorted(known, reverse=True)
    said = f"**{winner}** has the highest recall at 90 % precision: **{100 * best:.1f} %** of the requested values"
    if not others:
        return said + "."
    second, runner_up = others[0]
    return f"{said}; next is {runner_up} with {100 * second:.1f} %{_gain(comparison, winner, runner_up)}."


def _gain(comparison: Comparison, winner: str, runner_up: str) -> str:
    found = comparison.differences
    if (winner, runner_up) in found:
        gain = found[winner, runner_up].recall_at_90p
    elif (runner_up, winner) in found:
        gain = -found[runner_up, winner].recall_at_90p
    else:
        return ""
    return f" (difference in points: {difference(Difference(gain.value, gain.low, gain.high))})"


def _section(table: Table) -> Section:
    return Section(table.title, [table.block(), *map(Text, table.notes)])
