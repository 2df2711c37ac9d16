"""What a person sees of an evaluation: headline figures, thresholds, slices, experts, products, every cell."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import cards
import pyarrow as pa
import pyarrow.compute as pc
from metaflow import current
from metaflow.cards import Image, Markdown, Table

from moemoe.names import unescaped

EXAMPLES = 6

CELL_COLUMNS = {
    "product_type": "product type",
    "attribute": "attribute",
    "support": "support",
    "accuracy": "accuracy",
    "recall_at_90p": "Recall@90P",
    "threshold": "threshold",
    "validation_accepted": "it rests on",
    "precision_at_threshold": "its precision",
    "recall_at_threshold": "its recall",
    "threshold_guarded": "guarded threshold",
    "precision_at_threshold_guarded": "its precision",
    "recall_at_threshold_guarded": "its recall",
    "guard": "guarded promise",
}


def evaluation_card(predictions: pa.Table, report: Any, dataset: Any, is_sample: bool) -> None:
    """evaluate: headline figures, curves, slices, the product type x attribute table, and products to look at."""
    from moemoe.inference.thresholds import FEW_PRODUCTS, resting_on

    evaluation = report.evaluation
    cards.heading("Recall at 90 % precision", is_sample)
    for warning in report.warnings:
        current.card.append(Markdown(f"> **Warning**: {warning}"))
    _headline(evaluation)
    _thresholds(evaluation)
    for name, figure in report.figures.items():
        if not name.startswith("experts-"):
            current.card.append(Image.from_matplotlib(figure))
    _slices(report.slices)
    _applicability(evaluation.metrics)
    _experts(report)
    current.card.append(Markdown("## Some test products"))
    _examples(predictions, dataset, evaluation.condition)
    current.card.append(Markdown("## Product type x attribute"))
    rows = sorted(evaluation.table.to_pylist(), key=lambda row: (-row["support"], row["product_type"]))
    few = 0
    for row in rows:
        number = row["validation_accepted"]
        few += 0 < number < FEW_PRODUCTS
        row["validation_accepted"] = resting_on(number) if number else None
    text = "A threshold rests on the validation products that it accepts; those of "
    current.card.append(Markdown(f"{text}{few} cells are fewer than {FEW_PRODUCTS} and promise little."))
    cards.table([[row[column] for column in CELL_COLUMNS] for row in rows], list(CELL_COLUMNS.values()))


def _headline(evaluation: Any) -> None:
    """The few figures that a person looks for first; all of them are in MLflow."""
    metrics = evaluation.metrics
    between = partial(_between, metrics)
    if evaluation.no_means:
        current.card.append(Markdown(f"> **No means**: {evaluation.no_means}. Every cell is in the table below."))
    parts = [name.split("/")[1] for name in metrics if name.endswith("/top5")]
    rows: list[list[Any]] = []
    for part in parts:
        recalls = []
        for k in (5, 10, 15):
            name = f"recall_at_90p/{part}/top{k}"
            cells = metrics[f"{name}_cells"]
            recalls.append(between(name) + (f", {cells:.0f} attributes" if cells < k else ""))
        rows.append([unescaped(part), *recalls, between(f"accuracy/{part}")])
    cards.table(rows, ["Recall@90P, threshold swept on test", "top 5", "top 10", "top 15", "accuracy"])
    shown = [("this model", ""), ("the same, picture blanked", "picture_blanked/")]
    shown += [("the same, text blanked", "text_blanked/"), ("the same, title only", "title_only/")]
    rows = [
        [name, between(f"{key}recall_at_90p/mean"), between(f"{key}accuracy/mean")]
        for name, key in shown
        if f"{key}recall_at_90p/mean" in metrics
    ]
    rows.append(["majority value", metrics["baseline/majority_recall_at_90p"], metrics["baseline/majority_accuracy"]])
    condition = "" if evaluation.condition == "as is" else f", {evaluation.condition}"
    cards.table(rows, [f"mean over {metrics['recall_at_90p/cells']:.0f} cells{condition}", "Recall@90P", "accuracy"])
    current.card.append(Markdown("In brackets: 95 % bootstrap interval, groups of products drawn with replacement."))


def _between(metrics: Mapping[str, float], name: str) -> str:
    """A metric with its interval where it has one."""
    value = cards.short(metrics[name])
    low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
    return value if low is None or low != low else f"{value} ({low:.2f} to {high:.2f})"


def _thresholds(evaluation: Any) -> None:
    """What thresholds chosen on validation promise, and what of it holds on test."""
    metrics = evaluation.metrics
    rows = []
    for name, key in (("plain", "deployed"), ("guarded", "guarded")):
        kept, accepting, abstaining = (metrics[f"{key}/cells_{x}"] for x in ("kept", "accepting", "abstaining"))
        held = f"{kept:.0f} of {accepting:.0f}"
        rows.append([name, metrics[f"{key}/recall/mean"], held, f"{abstaining:.0f}"])
    headers = ["threshold chosen on validation", "recall on test", "cells with 90 % precision on test"]
    cards.table(rows, [*headers, "cells that abstain"])
    too_little = metrics["guarded/cells_with_too_little_data"]
    canonical = f"{metrics['canonical/share']:.1%} of the answers are values of the contract. "
    lines = [f"{too_little:.0f} cells have too little validation data for a guarded promise."] if too_little else []
    lines.append(
        f"Confidences are scaled by the temperature {metrics['calibration/temperature']:.2f}; expected calibration "
        f"error {metrics['calibration/ece']:.3f}, {metrics['calibration/ece_before']:.3f} before."
    )
    if "tokenizer/pieces_per_word" in metrics:
        pieces, unknown = metrics["tokenizer/pieces_per_word"], metrics["tokenizer/unknown_share"]
        canonical += f"The tokenizer cuts a word into {pieces:.2f} pieces; {unknown:.2%} of them are unknown."
        if cut := metrics["tokenizer/cut_share"]:
            canonical += f" **{cut:.0%} of the texts are longer than the model reads**: it never sees their ends."
    current.card.append(Markdown(" ".join([*lines, canonical])))


def _slices(slices: pa.Table) -> None:
    """Parts of the test split beside each other, and what became of questions that have no answer."""
    from moemoe.evaluation import applicability
    from moemoe.evaluation.out_of_context import SLICE_BY

    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in slices.to_pylist():
        figure = f"{row['value']:.2f} ({row['low']:.2f}\u2013{row['high']:.2f})"
        cells = found.setdefault((row["slice_by"], row["slice"]), {"n": row["n"]})
        cells[row["metric"]] = figure
        if row["metric"] == "accuracy":
            cells["n"] = row["n"]
    current.card.append(Markdown("## Slices of the test split"))
    metrics = ["accuracy", "recall_at_90p", "precision_at_threshold", "recall_at_threshold"]
    others = (SLICE_BY, applicability.SLICE_BY)  # have tables of their own
    rows = [[*key, c["n"], *(c.get(m, "-") for m in metrics)] for key, c in found.items() if key[0] not in others]
    headers = ["by", "slice", "answers", "accuracy", "Recall@90P", "precision of what is accepted", "recall"]
    cards.table(rows, headers)
    asked = [[key[1], c["n"], *list(c.values())[1:]] for key, c in found.items() if key[0] == SLICE_BY]
    if asked:
        current.card.append(Markdown("## Questions that have no answer"))
        cards.table(asked, ["question", "asked", "answered with confidence", "answer is no value", "empty answer"])


def _applicability(metrics: Mapping[str, float]) -> None:
    """How well the empty answer tells what does not apply to a product from what does."""
    if "applicability/n_not_applicable" not in metrics:
        return
    told = "applicability/precision" in metrics
    names = ("precision", "recall", "f1")
    figures = [_between(metrics, f"applicability/{name}") for name in names] if told else ["-"] * len(names)
    counts = (metrics[f"applicability/{name}"] for name in ("n_not_applicable", "n_applicable"))
    headers = ["the empty answer as \u201cdoes not apply\u201d", "precision", "recall", "F1"]
    asked = "questions that do not apply", "questions of the same products that do"
    cards.table([["", *figures, *(int(count) for count in counts)]], [*headers, *asked])
    if not told:
        why = "No answer is empty, so nothing can be said of them: a model learns to give them with "
        current.card.append(Markdown(f"{why}`--set training.negatives=0.2`."))


def _experts(report: Any) -> None:
    """What experts learn: which questions and product types go where."""
    maps = [figure for name, figure in report.figures.items() if name.startswith("experts-")]
    if not maps:
        return
    metrics = report.evaluation.metrics
    current.card.append(Markdown("## What experts learn"))
    rows = [
        ("entropy of the load (1: all experts alike)", metrics["routing/entropy"]),
        ("least expert's share of tokens", metrics["routing/least_expert_share"]),
    ]
    rows += [
        (
            f"share of the choice of expert that the {by} explains",
            metrics[f"routing/explained_by_{by.replace(' ', '_')}"],
        )
        for by in ("attribute", "product type")
        if f"routing/explained_by_{by.replace(' ', '_')}" in metrics
    ]
    cards.table(rows, ["mean over the expert layers", ""])
    for figure in maps:
        current.card.append(Image.from_matplotlib(figure))


def _examples(predictions: pa.Table, dataset: Any, condition: str) -> None:
    from moemoe.schemas import PICTURE_BLANKED

    products = [dataset[index] for index in dataset.rows("test")[:EXAMPLES]]
    mine = pc.is_in(predictions["product_id"], pa.array([product.product_id for product in products], pa.string()))
    test = predictions.filter(pc.and_(mine, pc.equal(predictions["split"], "test")))
    blanked = {
        (row["product_id"], row["attribute"]): row
        for row in test.filter(pc.equal(test["condition"], PICTURE_BLANKED)).to_pylist()
    }
    answers: dict[str, list[dict]] = {}
    for row in test.filter(pc.equal(test["condition"], condition)).to_pylist():
        answers.setdefault(row["product_id"], []).append(row)
    rows = []
    for product in products:
        picture = _picture(product)
        for answer in answers.get(product.product_id, []):
            without = blanked.get((answer["product_id"], answer["attribute"]), {})
            rows.append(
                [
                    picture,
                    Markdown(answer["attribute"]),
                    Markdown(", ".join(answer["gold"])),
                    Markdown(("" if answer["prediction"] in answer["gold"] else "✗ ") + answer["prediction"]),
                    Markdown(f"{answer['confidence']:.2f}"),
                    Markdown(f"{without['prediction']} {without['confidence']:.2f}" if without else "-"),
                    Markdown(f"{answer['image_weight']:.2f} / {answer['text_weight']:.2f}"),
                ]
            )
            picture = Markdown("")
    headers = ["product", "question", "gold", "prediction", "confidence", "without picture", "image / text"]
    current.card.append(Table(rows, headers=headers))


def _picture(product: Any) -> Any:
    """A product's picture, or its title if there is none that decodes."""
    from moemoe.catalog.pictures import ImageError
    from moemoe.inference.catalog_rows import usable_picture

    try:
        if product.image:
            return Image(usable_picture(product.image), label=product.title)
    except ImageError:  # the quarantine of evaluate names it
        pass
    return Markdown(f"no picture: {product.title}")
