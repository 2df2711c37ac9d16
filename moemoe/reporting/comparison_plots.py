"""Plots of a comparison: bars with intervals, precision-recall curves, cells, the paper's ablations."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from moemoe.evaluation.cells import CellPredictions
from moemoe.evaluation.comparison import Comparison, Result
from moemoe.evaluation.paper import PaperTable
from moemoe.evaluation.recall_at_precision import sweep
from moemoe.reporting.document import Plot
from moemoe.reporting.plots import color_of, label_of, largest_names, new_figure

HEAT_ATTRIBUTES = 18
SHOWN_TYPES = 2


def comparison_plots(comparison: Comparison, paper_tables: Sequence[PaperTable]) -> list[Plot]:
    """All plots of a comparison."""
    found = {"systems": system_bars(comparison)}
    if comparison.report_product_types:  # an older run's contract may name none
        found |= {"precision-recall": precision_recall(comparison), "heat-map": heat_map(comparison)}
    known = {result.system for result in comparison.results}
    for table in paper_tables:
        if table.columns and len(known & set(table.systems)) > 1:
            found[f"ablation-{table.name}"] = ablation_bars(comparison, table)
    return [Plot(name, figure) for name, figure in found.items()]


def system_bars(comparison: Comparison) -> Any:
    """Mean Recall@90P and accuracy of every system, with their 95 % intervals; the majority value as a line."""
    results = list(reversed(comparison.results))  # the first on top
    figure = new_figure(11, 0.5 * len(results) + 1.6)
    panels = (("recall_at_90p/mean", "Recall@90P", "recall_at_90p"), ("accuracy/mean", "accuracy", "accuracy"))
    for place, (name, title, baseline) in enumerate(panels, start=1):
        axes = figure.add_subplot(1, 2, place)
        for row, result in enumerate(results):
            _bar(axes, row, result, name, color_of(place - 1))
        axes.set_yticks(range(len(results)), [result.name for result in results] if place == 1 else [], fontsize=9)
        majority = comparison.results[0].evaluation.metrics.get(f"baseline/majority_{baseline}")
        if majority is not None:
            axes.axvline(majority, color="0.35", ls=":", lw=1.2, label="majority value")
            axes.legend(fontsize=8, loc="lower right", frameon=False)
        axes.set(title=f"{title} in %, mean over {comparison.cells} cells", xlim=(0, 1.09))
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}")
        axes.grid(axis="x", alpha=0.25)
    return figure


def precision_recall(comparison: Comparison) -> Any:
    """Precision against recall of every system, all attributes of a product type together; 90 % is marked."""
    shown = comparison.report_product_types[:SHOWN_TYPES]
    figure = new_figure(11, 5.2)
    for place, product_type in enumerate(shown, start=1):
        axes = figure.add_subplot(1, len(shown), place)
        for index, result in enumerate(comparison.results):
            found = result.cells.of("test")
            pooled = CellPredictions.concat(scores for cell, scores in found.items() if cell[0] == product_type)
            result.cells.release()
            if not pooled.support:
                continue
            _, accepted, right = sweep(pooled.confidence, pooled.correct)
            style = ("-", "--", ":")[index // 6 % 3]
            axes.plot(right / pooled.support, right / accepted, style, label=result.name, color=color_of(index), lw=1.6)
        axes.axhline(0.9, color="0.4", lw=0.8, ls=":")
        axes.set(title=f"{product_type}, all attributes", xlabel="recall (products with a gold value)", xlim=(0, 1))
        axes.set(ylabel="precision of accepted answers", ylim=(0.4, 1.02))
        axes.grid(alpha=0.25)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    columns = max(1, min(4, 150 // (max(map(len, labels), default=0) + 7)))  # some 150 characters are a line
    figure.legend(handles, labels, fontsize=9, loc="outside lower center", ncol=columns, frameon=False)
    return figure


def heat_map(comparison: Comparison) -> Any:
    """Recall@90P in per cent: every system's row under each product type, the largest attributes."""
    shown = comparison.report_product_types[:SHOWN_TYPES]
    results = comparison.results
    figure = new_figure(11, (0.27 * len(results) + 1.4) * len(shown) + 0.3)
    for place, product_type in enumerate(shown, start=1):
        tables = [
            {r["attribute"]: r for r in result.evaluation.table.to_pylist() if r["product_type"] == product_type}
            for result in results
        ]
        attributes = largest_names([(name, row["support"]) for name, row in tables[0].items()], HEAT_ATTRIBUTES)
        grid = np.array([[table[name]["recall_at_90p"] for name in attributes] for table in tables])
        axes = figure.add_subplot(len(shown), 1, place)
        axes.set_title(f"Recall@90P in %, {product_type} (test products below the attribute)", fontsize=10)
        if not attributes:
            continue
        axes.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
        names = [f"{label_of(name)}\n{tables[0][name]['support']}" for name in attributes]
        axes.set_xticks(range(len(attributes)), names, rotation=40, ha="right", fontsize=8)
        axes.set_yticks(range(len(results)), [result.name for result in results], fontsize=9)
        for (i, j), value in np.ndenumerate(grid):
            color = "#010101" if value > 0.6 else "white"  # black is the page's own text color
            axes.text(j, i, f"{100 * value:.0f}", ha="center", va="center", fontsize=8, color=color)
    return figure


def ablation_bars(comparison: Comparison, table: PaperTable) -> Any:
    """The systems of one of the paper's ablations, in the paper's order; its figures as hollow marks."""
    results = [result for system in reversed(table.systems) for result in comparison.results if result.system == system]
    figure = new_figure(11, 0.5 * len(results) + 1.8)
    for place, (heading, name) in enumerate(table.columns.items(), start=1):
        axes = figure.add_subplot(1, len(table.columns), place)
        for row, result in enumerate(results):
            _bar(axes, row, result, name, color_of(place - 1))
            printed = dict(zip(table.columns, table.figures.get(result.system.name, ()), strict=False)).get(heading)
            if printed is not None:
                label = "the paper, on other data" if axes.get_legend_handles_labels()[0] == [] else None
                axes.plot(printed / 100, row, "D", mfc="white", mec="black", ms=6, label=label)
        axes.set_yticks(range(len(results)), [result.name for result in results] if place == 1 else [], fontsize=9)
        axes.set(title=f"{heading}, %", xlim=(0, 1.09))
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:.0f}")
        axes.grid(axis="x", alpha=0.25)
    figure.suptitle(table.title, fontsize=11)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, fontsize=9, loc="outside lower center", frameon=False)
    return figure


def _bar(axes: Any, row: int, result: Result, name: str, color: str) -> None:
    value = result.evaluation.metrics.get(name, np.nan)
    axes.barh(row, value, 0.66, color=color, alpha=0.85)
    end = value
    if found := result.evaluation.intervals.get(name):
        axes.plot([found.low, found.high], [row, row], color="black", lw=1.3)
        end = max(value, found.high)
    if value == value:
        axes.text(end + 0.01, row, f"{100 * value:.1f}", va="center", fontsize=8)
