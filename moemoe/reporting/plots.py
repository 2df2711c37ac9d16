"""Plots for reports and MLflow: precision and recall, cells, sources, calibration, experts."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from moemoe.evaluation.calibration import reliability
from moemoe.evaluation.cells import CellPredictions, Cells
from moemoe.evaluation.evaluate import Evaluation
from moemoe.evaluation.measure import Measurement
from moemoe.evaluation.recall_at_precision import sweep
from moemoe.evaluation.routing import shares_by_name
from moemoe.evaluation.source_weights import mean_source_weights
from moemoe.reporting.document import Plot
from moemoe.schemas import IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY

CURVES = 8
LONGEST_LABEL = 32
HEAT_ATTRIBUTES = 18
HEAT_TYPES = 12
WEIGHED_ATTRIBUTES = 16
SHOWN_TYPES = 2
ROUTED_BY = ("attribute", "product type")


def report_plots(found: Measurement, events: Sequence[Mapping[str, Any]] = ()) -> list[Plot]:
    """All plots of a report.

    Args:
        events: of training, for the load per expert.
    """
    shown = found.report_product_types[:SHOWN_TYPES]
    figures = {
        "precision-recall": precision_recall(found.cells, shown),
        "heat-map": heat_map(found.evaluation),
        "sources": source_bars(found.cells, shown),
        "calibration": calibration(found.cells),
    }
    weights = mean_source_weights(found.cells.predictions, found.cells.condition)
    if len(next(iter(weights.values()), {})) > 2:
        figures["source-weights"] = source_weight_bars(weights)
    if found.routing.num_rows:
        figures |= {f"experts-by-{by.replace(' ', '-')}": expert_map(found.routing, by) for by in ROUTED_BY}
    if (load := expert_load(events)) is not None:
        figures["experts-load"] = load
    return [Plot(name, figure) for name, figure in figures.items()]


def precision_recall(cells: Cells, product_types: Sequence[str]) -> Any:
    """Precision against recall of the reported product types' largest attributes; 90 % is marked."""
    figure = new_figure(11, 5.2)
    test = cells.of("test")
    for place, product_type in enumerate(product_types, start=1):
        axes = figure.add_subplot(1, len(product_types), place)
        mine = _largest({cell[1]: scores for cell, scores in test.items() if cell[0] == product_type}, CURVES)
        for index, (attribute, scores) in enumerate(mine.items()):
            _, accepted, right = sweep(scores.confidence, scores.correct)
            style = ("-", "--")[index % 2]
            shown = label_of(attribute)
            axes.plot(right / scores.support, right / accepted, style, label=shown, color=color_of(index // 2), lw=1.6)
        axes.axhline(0.9, color="0.4", lw=0.8, ls=":")
        axes.set(
            title=label_of(product_type),
            xlabel="recall (products with a gold value)",
            xlim=(0, 1),
            ylim=(0.4, 1.02),
        )
        axes.set_ylabel("precision of accepted answers")
        if mine:
            axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncol=3, frameon=False)
        axes.grid(alpha=0.25)
    return figure


def heat_map(evaluation: Evaluation) -> Any:
    """Recall@90P in per cent by product type and attribute, the largest of both."""
    rows = evaluation.table.to_pylist()
    types = largest_names([(row["product_type"], row["support"]) for row in rows], HEAT_TYPES)
    attributes = largest_names([(row["attribute"], row["support"]) for row in rows], HEAT_ATTRIBUTES)
    grid = np.full((len(types), len(attributes)), np.nan)
    support = np.zeros_like(grid, dtype=int)
    for row in rows:
        if row["product_type"] in types and row["attribute"] in attributes:
            place = types.index(row["product_type"]), attributes.index(row["attribute"])
            grid[place], support[place] = row["recall_at_90p"], row["support"]
    figure = new_figure(11, 0.28 * len(types) + 1.9)
    axes = figure.add_subplot()
    axes.set_title("Recall@90P in % (threshold swept on test)")
    if not rows:
        return figure
    image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(attributes)), list(map(label_of, attributes)), rotation=40, ha="right", fontsize=9)
    axes.set_yticks(range(len(types)), list(map(label_of, types)), fontsize=9)
    for i, j in zip(*np.nonzero(support), strict=True):
        color = "#010101" if grid[i, j] > 0.6 else "white"  # black is the page's own text color
        axes.text(j, i, f"{100 * grid[i, j]:.0f}", ha="center", va="center", fontsize=9, color=color)
    figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
    return figure


def source_bars(cells: Cells, product_types: Sequence[str]) -> Any:
    """Recall@90P per attribute: with both sources, without the image, without the text, with the title alone."""
    figure = new_figure(11, 4.2)
    axes = figure.add_subplot()
    shown = (cells.condition, IMAGE_BLANKED, TEXT_BLANKED, TITLE_ONLY)
    names = list(_largest(_pooled(cells.of("test"), product_types), 16))
    for offset, label in enumerate(shown):
        mine = _pooled(cells.test(label), product_types)
        recalls = [mine[n].recall_at_90p if n in mine else 0.0 for n in names]
        axes.bar(np.arange(len(names)) + 0.21 * offset, recalls, 0.2, label=label, color=color_of(offset))
    axes.set_xticks(np.arange(len(names)) + 0.315, list(map(label_of, names)), rotation=40, ha="right", fontsize=8)
    axes.set(
        ylabel="Recall@90P", ylim=(0, 1), title=f"What each source adds ({', '.join(map(label_of, product_types))})"
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32), ncol=4, frameon=False)
    axes.grid(axis="y", alpha=0.25)
    return figure


def source_weight_bars(weights: Mapping[str, Mapping[str, float]]) -> Any:
    """The mean weight of each source in an attribute's test answers; a bar sums to 1.

    Args:
        weights: of ``mean_source_weights``.
    """
    names = list(weights)[:WEIGHED_ATTRIBUTES]
    figure = new_figure(11, 0.3 * len(names) + 1.9)
    axes = figure.add_subplot()
    left = np.zeros(len(names))
    for index, source in enumerate(weights[names[0]]):
        mine = np.array([weights[name].get(source, 0.0) for name in names])
        hatch = ("", "//", "..")[index // 6 % 3]
        axes.barh(
            range(len(names)), mine, 0.7, left, label=source, color=color_of(index), hatch=hatch, edgecolor="white"
        )
        left += mine
    axes.set_yticks(range(len(names)), list(map(label_of, names)))
    axes.invert_yaxis()
    axes.set(xlabel="mean weight in the test answers", xlim=(0, 1), title="Source weights")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), ncol=6, frameon=False)
    return figure


def calibration(cells: Cells) -> Any:
    """Share of right test answers by confidence, all cells together; a calibrated model lies on the diagonal."""
    figure = new_figure(5.5, 4.2)
    axes = figure.add_subplot()
    test = CellPredictions.concat(cells.of("test").values())
    axes.plot([0, 1], [0, 1], color="0.4", lw=0.8, ls=":")
    if test.support:
        found = reliability(test.confidence, test.correct)
        means, right, counts = (np.array(column) for column in zip(*found, strict=True))
        axes.scatter(means, right, s=12 + 300 * counts / counts.sum(), color=color_of(0), alpha=0.8)
    axes.set(xlabel="confidence", ylabel="share of right answers", xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_title("Reliability diagram (area: number of answers)", fontsize=10)
    axes.grid(alpha=0.25)
    return figure


def expert_map(routing: pa.Table, by: str) -> Any:
    """Share of tokens per expert (each row sums to 1), one panel per expert layer, for the names with most tokens."""
    shares = shares_by_name(routing)
    rows = [row for row in routing.to_pylist() if row["by"] == by and row["expert"] == 0]
    layers = sorted({row["layer"] for row in rows})
    names = largest_names([(row["name"], row["tokens"]) for row in rows], HEAT_ATTRIBUTES)
    figure = new_figure(max(5.5, 2.2 + 2.6 * len(layers)), 0.28 * len(names) + 1.6)
    for place, layer in enumerate(layers, start=1):
        axes = figure.add_subplot(1, len(layers), place)
        experts = max(len(s) for (own, _, _), s in shares.items() if own == layer)
        grid = np.stack([shares.get((layer, by, name), np.full(experts, np.nan)) for name in names])
        image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=max(0.5, float(np.nanmax(grid))), aspect="auto")
        axes.set_xticks(range(experts), [str(e) for e in range(experts)], fontsize=8)
        axes.set_yticks(range(len(names)), list(map(label_of, names)) if place == 1 else [""] * len(names), fontsize=8)
        axes.set(xlabel="expert", title=f"layer {layer}")
    if layers:
        figure.colorbar(image, ax=figure.axes, fraction=0.03, pad=0.01, label="share of tokens")
    figure.suptitle(f"First-choice expert of the tokens, by {by}", fontsize=11)
    return figure


def expert_load(events: Sequence[Mapping[str, Any]]) -> Any | None:
    """Each expert's share of its layer's tokens over training, a panel per expert layer; None without experts."""
    steps = [event for event in events if event.get("expert_tokens")]
    if not steps:
        return None
    layers = len(steps[-1]["expert_tokens"])
    figure = new_figure(max(5.5, 3.8 * layers), 3.2)
    for layer in range(layers):
        axes = figure.add_subplot(1, layers, layer + 1)
        tokens = np.array([event["expert_tokens"][layer] for event in steps])
        shares = tokens / np.maximum(tokens.sum(axis=1, keepdims=True), 1)
        for expert in range(shares.shape[1]):
            style = ("-", "--")[expert // 6 % 2]
            axes.plot([e["total_step"] for e in steps], shares[:, expert], style, color=color_of(expert), lw=1.2)
        axes.axhline(0.01, color="0.4", lw=0.8, ls=":")
        axes.set(xlabel="step", ylabel="share of tokens" if layer == 0 else None, ylim=(0, None))
        axes.set_title(f"expert layer {layer + 1} of {layers}, {shares.shape[1]} experts", fontsize=10)
        axes.grid(alpha=0.25)
    figure.suptitle("Load per expert over training (dotted: 1 %)", fontsize=11)
    return figure


def label_of(name: str) -> str:
    """A name cut to LONGEST_LABEL characters: a longer one leaves no room for the axes."""
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}\u2026"


def _pooled(
    found: Mapping[tuple[str, str], CellPredictions], product_types: Sequence[str]
) -> dict[str, CellPredictions]:
    names = {attribute for product_type, attribute in found if product_type in product_types}
    return {
        name: CellPredictions.concat(found[t, name] for t in product_types if (t, name) in found)
        for name in sorted(names)
    }


def _largest(found: dict[str, CellPredictions], count: int) -> dict[str, CellPredictions]:
    return dict(sorted(found.items(), key=lambda item: -item[1].support)[:count])


def largest_names(pairs: list[tuple[str, int]], count: int) -> list[str]:
    """The names with the largest sums of their numbers."""
    totals: dict[str, int] = {}
    for name, support in pairs:
        totals[name] = totals.get(name, 0) + support
    return sorted(totals, key=lambda name: (-totals[name], name))[:count]


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure, in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def color_of(index: int) -> str:
    """The color of a plot's n-th series; six colors repeat."""
    return ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")[index % 6]  # Okabe and Ito
