"""The tables of a report that engineers read: means, thresholds, slices, questions out of context, experts, cells."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from moemoe.counts import counted
from moemoe.evaluation import applicability
from moemoe.evaluation.cells import MIN_SUPPORT
from moemoe.evaluation.evaluate import TOP, Evaluation
from moemoe.evaluation.measure import Measurement
from moemoe.evaluation.out_of_context import SLICE_BY
from moemoe.inference.thresholds import FEW_PRODUCTS, accepted_text
from moemoe.names import unescaped
from moemoe.reporting.document import WARNING, Badge, Block, Cell, Column, Estimate, Notice, Plot, Table, Text
from moemoe.schemas import AS_IS


def metric(metrics: Mapping[str, float], name: str) -> Estimate:
    """A metric that is a share, with its interval if it has one."""
    return Estimate(metrics[name], metrics.get(f"{name}/low"), metrics.get(f"{name}/high"))


def headline(evaluation: Evaluation) -> list[Block]:
    """The means that runs are compared by; all of them are in MLflow."""
    if evaluation.no_means:
        return [Notice(f"**No means**: {evaluation.no_means}. Every cell is in the table at the end.", WARNING)]
    metrics = evaluation.metrics
    found: list[Block] = []
    shown = [("this model", ""), ("the same, image blanked", "image_blanked/")]
    shown += [("the same, text blanked", "text_blanked/"), ("the same, title only", "title_only/")]
    rows: list[list[Cell]] = [
        [name, metric(metrics, f"{key}recall_at_90p/mean"), metric(metrics, f"{key}accuracy/mean")]
        for name, key in shown
        if f"{key}recall_at_90p/mean" in metrics
    ]
    majority = [metric(metrics, f"baseline/majority_{name}") for name in ("recall_at_90p", "accuracy")]
    rows.append(["majority value", *majority])
    condition = "" if evaluation.condition == AS_IS else f", {evaluation.condition}"
    cells = counted(int(metrics["recall_at_90p/cells"]), "cell")
    mean = f"mean over {cells} with at least {MIN_SUPPORT} test products{condition}"
    found.append(Table([mean, "Recall@90P, %", "accuracy, %"], rows))
    rows = []
    for part in (name.split("/")[1] for name in metrics if name.endswith("/top5")):
        recalls = [metric(metrics, f"recall_at_90p/{part}/top{k}") for k in TOP]
        attributes = int(metrics[f"recall_at_90p/{part}/top{TOP[-1]}_cells"])
        rows.append([unescaped(part), *recalls, metric(metrics, f"accuracy/{part}"), attributes])
    heads = [Column(f"top {k}", "Recall@90P of the largest attributes, %") for k in TOP]
    found.append(Table(["product type", *heads, "accuracy, %", f"attributes (of {TOP[-1]})"], rows))
    found.append(
        Text("The threshold of Recall@90P is swept on test. In brackets: 95 % bootstrap interval by group of products.")
    )
    return found


def thresholds(evaluation: Evaluation) -> list[Block]:
    """The thresholds chosen on validation and their precision on test; the calibration of confidences."""
    metrics = evaluation.metrics
    rows: list[list[Cell]] = []
    for name, key in (("plain", "plain"), ("guarded", "guarded")):
        kept, accepting, abstaining = (metrics[f"{key}/cells_{x}"] for x in ("kept", "accepting", "abstaining"))
        recall = metric(metrics, f"{key}/recall/mean")
        rows.append([name, recall, f"{kept:.0f} of {accepting:.0f}", int(abstaining)])
    heads = ["threshold chosen on validation", "recall on test, %", "cells with 90 % precision on test"]
    too_little = metrics["guarded/cells_with_too_little_data"]
    lines = [f"Cells with too little validation data for a guarded threshold: {too_little:.0f}."] if too_little else []
    lines.append(
        f"Confidences are scaled by the temperature {metrics['calibration/temperature']:.2f}; expected calibration "
        f"error {metrics['calibration/ece']:.3f} ({metrics['calibration/ece_before']:.3f} before scaling)."
        if "calibration/ece_before" in metrics
        else f"Confidences are scaled by the temperature {metrics['calibration/temperature']:.2f}."
    )
    lines.append(f"{100 * metrics['canonical/share']:.1f} % of the answers are values of the contract.")
    if "tokenizer/pieces_per_word" in metrics:
        pieces, unknown = metrics["tokenizer/pieces_per_word"], metrics["tokenizer/unknown_share"]
        lines.append(f"The tokenizer makes {pieces:.2f} tokens per word; {100 * unknown:.2f} % of them are unknown.")
        if cut := metrics["tokenizer/cut_share"]:
            lines.append(
                f"**{100 * cut:.0f} % of the texts are longer than the model's input**: it does not see their ends."
            )
    table = Table([*heads, "cells that abstain"], rows)
    return [*([] if evaluation.no_means else [table]), Text(" ".join(lines))]  # it counts the cells of the means


def slice_table(found: Measurement) -> list[Block]:
    """Slices of the test split side by side."""
    names = ("accuracy", "recall_at_90p", "precision_at_threshold", "recall_at_threshold")
    heads: list[Column | str] = ["slices of", "slice", "answers", "accuracy, %", "Recall@90P, %"]
    heads += [Column("precision, %", "at the plain threshold"), Column("recall, %", "at the plain threshold")]
    rows = []
    for (slice_by, name), metrics in _by_slice(found).items():
        if slice_by not in (SLICE_BY, applicability.SLICE_BY):  # they have tables of their own
            count = metrics["accuracy"]["n"] if "accuracy" in metrics else next(iter(metrics.values()))["n"]
            rows.append([slice_by, name, count, *(_estimate(metrics.get(each)) for each in names)])
    said = Text(
        "Test answers of the cells behind the headline metrics; as is: with text and image. Recall@90P is a mean over "
        "cells, the other metrics are shares of the answers."
    )
    return [said, Table(heads, rows, filtered=True)] if rows else []


def unanswerable(found: Measurement) -> list[Block]:
    """How questions without an answer were answered, and how well the empty answer means "does not apply"."""
    asked = [
        [name, next(iter(metrics.values()))["n"], *map(_estimate, metrics.values())]
        for (slice_by, name), metrics in _by_slice(found).items()
        if slice_by == SLICE_BY
    ]
    heads = ["question", "asked", "answered with confidence, %", "not a value, %", "empty answer, %"]
    return [*([Table(heads, asked)] if asked else []), *applicability_table(found.evaluation.metrics)]


def applicability_table(metrics: Mapping[str, float]) -> list[Block]:
    """How well the empty answer separates attributes that do not apply to a product from those that do."""
    if "applicability/n_not_applicable" not in metrics:
        return []
    measured = "applicability/precision" in metrics
    shares = [metric(metrics, f"applicability/{name}") if measured else None for name in ("precision", "recall", "f1")]
    counts = (int(metrics[f"applicability/{name}"]) for name in ("n_not_applicable", "n_applicable"))
    heads = [
        Column(name, "the empty answer as \u201cdoes not apply\u201d")
        for name in ("precision, %", "recall, %", "F1, %")
    ]
    asked = [Column("do not apply", "questions that"), Column("apply to the same products", "questions that")]
    found: list[Block] = [Table([*heads, *asked], [[*shares, *counts]])]
    if not measured:
        why = "The model gave no empty answer, so these cannot be measured. To train a model that gives them: "
        found.append(Text(f"{why}`--set training.negatives=0.2`."))
    return found


def experts(found: Measurement, plots: Sequence[Plot]) -> list[Block]:
    """Which questions and product types go to which expert; empty for a model without experts."""
    own = [plot for plot in plots if plot.name.startswith("experts-")]
    if not own:
        return []
    metrics = found.evaluation.metrics
    rows: list[list[Cell]] = [
        ["entropy of the load (100: equal load)", metric(metrics, "routing/entropy")],
        ["least used expert's share of tokens", metric(metrics, "routing/least_expert_share")],
    ]
    for by in ("attribute", "product type"):
        name = f"routing/explained_by_{by.replace(' ', '_')}"
        if name in metrics:
            rows.append([f"share of the expert choice explained by the {by}", metric(metrics, name)])
    return [Table(["mean over the expert layers", "%"], rows), *own]


def cell_table(evaluation: Evaluation) -> list[Block]:
    """Every product type and attribute: support, accuracy, and the precision and recall of its thresholds."""
    heads: list[Column | str] = ["product type", "attribute", "test products", "accuracy, %", "Recall@90P, %"]
    plain, guarded = (partial(Column, group=f"{name} threshold") for name in ("plain", "guarded"))
    heads += [plain(name) for name in ("confidence", "accepted (validation)", "precision, %", "recall, %")]
    heads += [guarded(name) for name in ("confidence", "precision, %", "recall, %", "guarded promise")]
    rows, few = [], 0
    for row in sorted(evaluation.table.to_pylist(), key=lambda row: (-row["support"], row["product_type"])):
        accepted = row["validation_accepted"]
        few += 0 < accepted < FEW_PRODUCTS
        rows.append(
            [
                *(row[name] for name in ("product_type", "attribute", "support")),
                *(Estimate(row[name]) for name in ("accuracy", "recall_at_90p")),
                row["threshold"],
                accepted_cell(accepted) if accepted else None,
                *(Estimate(row[name]) for name in ("precision_at_threshold", "recall_at_threshold")),
                row["threshold_guarded"],
                *(Estimate(row[f"{name}_at_threshold_guarded"]) for name in ("precision", "recall")),
                row["guarded_status"],
            ]
        )
    text = f"The thresholds of {counted(few, 'cell')} accept fewer than {FEW_PRODUCTS} validation products: unreliable."
    return [*([Text(text)] if few else []), Table(heads, rows, filtered=True)]


def accepted_cell(number: int | None) -> Cell:
    """The validation products that a threshold accepts, flagged if they are few."""
    if number is None:
        return accepted_text(number)
    return Badge(accepted_text(number), WARNING, number) if number < FEW_PRODUCTS else number


def _by_slice(found: Measurement) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    by: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in found.slices.to_pylist():
        by.setdefault((row["slice_by"], row["slice"]), {})[row["metric"]] = row
    return by


def _estimate(row: Mapping[str, Any] | None) -> Estimate | None:
    return None if row is None else Estimate(row["value"], row["low"], row["high"])
