"""Figures for cards and MLflow: precision against recall, Recall@90P per cell, what the picture adds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from moemoe.evaluation.cells import Scores, cells
from moemoe.evaluation.evaluate import Evaluation
from moemoe.evaluation.recall_at_precision import _sweep, recall_at_precision
from moemoe.schemas import AS_IS, PICTURE_BLANKED

CURVES = 8
HEAT_ATTRIBUTES = 18
HEAT_TYPES = 12
SHOWN_TYPES = 2


def report_figures(predictions: pa.Table, evaluation: Evaluation, product_types: Sequence[str]) -> dict[str, Any]:
    """All figures of the report by name."""
    shown = product_types[:SHOWN_TYPES]
    return {
        "precision-recall": precision_recall(predictions, shown),
        "heat-map": heat_map(evaluation),
        "picture": picture_bars(predictions, shown),
    }


def precision_recall(predictions: pa.Table, product_types: Sequence[str]) -> Any:
    """Precision against recall of the reported product types' largest attributes; 90 % is marked."""
    figure = _figure(11, 5.2)
    test = cells(predictions, "test", AS_IS)
    for place, product_type in enumerate(product_types, start=1):
        axes = figure.add_subplot(1, len(product_types), place)
        mine = _largest({cell[1]: scores for cell, scores in test.items() if cell[0] == product_type}, CURVES)
        for index, (attribute, scores) in enumerate(mine.items()):
            _, accepted, right = _sweep(scores.confidence, scores.correct)
            style = ("-", "--")[index % 2]
            axes.plot(
                right / scores.support, right / accepted, style, label=attribute, color=_color(index // 2), lw=1.6
            )
        axes.axhline(0.9, color="0.4", lw=0.8, ls=":")
        axes.set(title=product_type, xlabel="recall (of all products with a gold value)", xlim=(0, 1), ylim=(0.4, 1.02))
        axes.set_ylabel("precision of what is accepted")
        axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncol=3, frameon=False)
        axes.grid(alpha=0.25)
    return figure


def heat_map(evaluation: Evaluation) -> Any:
    """Recall@90P in per cent by product type and attribute, the largest of both."""
    rows = evaluation.table.to_pylist()
    types = _most([(row["product_type"], row["support"]) for row in rows], HEAT_TYPES)
    attributes = _most([(row["attribute"], row["support"]) for row in rows], HEAT_ATTRIBUTES)
    grid = np.full((len(types), len(attributes)), np.nan)
    support = np.zeros_like(grid, dtype=int)
    for row in rows:
        if row["product_type"] in types and row["attribute"] in attributes:
            place = types.index(row["product_type"]), attributes.index(row["attribute"])
            grid[place], support[place] = row["recall_at_90p"], row["support"]
    figure = _figure(11, 0.28 * len(types) + 1.9)
    axes = figure.add_subplot()
    image = axes.imshow(grid, cmap="cividis", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(attributes)), attributes, rotation=40, ha="right", fontsize=9)
    axes.set_yticks(range(len(types)), types, fontsize=9)
    for i, j in zip(*np.nonzero(support), strict=True):
        color = "black" if grid[i, j] > 0.6 else "white"
        axes.text(j, i, f"{100 * grid[i, j]:.0f}", ha="center", va="center", fontsize=9, color=color)
    axes.set_title("Recall@90P in % (threshold swept on test)")
    figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01)
    return figure


def picture_bars(predictions: pa.Table, product_types: Sequence[str]) -> Any:
    """Recall@90P with the picture and with it blanked, per attribute over the reported product types."""
    figure = _figure(11, 4.2)
    axes = figure.add_subplot()
    shown = _pooled(cells(predictions, "test", AS_IS), product_types)
    blanked = _pooled(cells(predictions, "test", PICTURE_BLANKED), product_types)
    names = list(_largest(shown, 16))
    for offset, (label, found) in enumerate((("as is", shown), ("picture blanked", blanked))):
        recalls = [recall_at_precision(found[n].confidence, found[n].correct)[0] if n in found else 0.0 for n in names]
        axes.bar(np.arange(len(names)) + 0.4 * offset, recalls, 0.38, label=label, color=_color(offset))
    axes.set_xticks(np.arange(len(names)) + 0.2, names, rotation=40, ha="right", fontsize=8)
    axes.set(ylabel="Recall@90P", ylim=(0, 1), title=f"What the picture adds ({', '.join(product_types)})")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32), ncol=2, frameon=False)
    axes.grid(axis="y", alpha=0.25)
    return figure


def _pooled(found: dict[tuple[str, str], Scores], product_types: Sequence[str]) -> dict[str, Scores]:
    names = {attribute for product_type, attribute in found if product_type in product_types}
    return {
        name: Scores(
            np.concatenate([found[t, name].confidence for t in product_types if (t, name) in found]),
            np.concatenate([found[t, name].correct for t in product_types if (t, name) in found]),
            np.concatenate([found[t, name].rows for t in product_types if (t, name) in found]),
        )
        for name in sorted(names)
    }


def _largest(found: dict[str, Scores], count: int) -> dict[str, Scores]:
    return dict(sorted(found.items(), key=lambda item: -item[1].support)[:count])


def _most(pairs: list[tuple[str, int]], count: int) -> list[str]:
    totals: dict[str, int] = {}
    for name, support in pairs:
        totals[name] = totals.get(name, 0) + support
    return sorted(totals, key=lambda name: (-totals[name], name))[:count]


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure


def _color(index: int) -> str:
    return ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")[index % 6]  # Okabe and Ito
