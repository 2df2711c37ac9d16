"""What a person sees: the cards of TrainFlow's steps, and its last words."""

import io
import math
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from metaflow import current
from metaflow.cards import Image, Markdown, ProgressBar, Table, VegaChart

SAMPLE = "> **Sample catalog**: drawn products with made-up labels. These figures say nothing about a real catalog."
EXAMPLES = 6


def heading(title: str, is_sample: bool) -> None:
    """Begins a card; a card about the sample catalog says so first."""
    current.card.append(Markdown(f"# {title}"))
    if is_sample:
        current.card.append(Markdown(SAMPLE))


def table(rows: Sequence[Sequence[Any]], headers: list[str]) -> None:
    """Appends a table to the card; numbers are shown short."""
    current.card.append(Table([[_cell(value) for value in row] for row in rows], headers=headers))


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "-" if value != value else f"{value:.3f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def contract_card(report: Any, collection: Any, quarantine: pa.Table, is_sample: bool) -> None:
    """validate: every expectation with what was observed, and what was set aside."""
    heading("Raw catalog against its contract", is_sample)
    current.card.append(
        Markdown(
            f"{collection.rows:,} rows read, {collection.accepted:,} accepted, {quarantine.num_rows:,} set aside; "
            f"{collection.pictures:,} products have a usable picture."
        )
    )
    results(report)
    if quarantine.num_rows:
        current.card.append(Markdown("## Set aside"))
        counts = quarantine.group_by(["field", "reason"]).aggregate([("reason", "count")]).to_pylist()
        table([(c["field"], c["reason"], c["reason_count"]) for c in counts], ["field", "reason", "count"])


def results(report: Any) -> None:
    """Every expectation of a report with what was observed."""
    current.card.append(Markdown(f"## {report.title[0].upper()}{report.title[1:]}"))
    rows = [
        (f.promise, f.severity, "holds" if f.success else "BROKEN", f.observed, ", ".join(f.product_ids))
        for f in report.findings
    ]
    table(rows, ["expectation", "severity", "result", "observed", "products"])


def normalize_card(normalized: Any, contract: Any, is_sample: bool) -> None:
    """normalize: per attribute what became of its raw labels, the unmapped ones to write a rule for, contradictions."""
    heading("Raw labels to values", is_sample)
    rows = []
    for row in normalized.statistics.to_pylist():
        unmapped = ", ".join(f"{entry['value']} ({entry['count']})" for entry in row["most_frequent_unmapped"][:5])
        numbers = [row[key] for key in ("raw_values", "canonical_values", "labels", "dropped", "unmapped", "conflicts")]
        rows.append([row["attribute"], *numbers, unmapped])
    headers = ["attribute", "raw values", "values", "labels", "dropped (missing)", "unmapped", "conflicts"]
    table(rows, [*headers, "most frequent unmapped"])
    if contract.contradictions:
        _contradictions(normalized.contradictions, contract)
    current.card.append(Markdown("## Product types"))
    types = normalized.product_types.slice(0, 60).to_pylist()
    table(
        [list(row.values()) for row in types],
        [name.replace("_", " ") for name in normalized.product_types.schema.names],
    )


def _contradictions(contradictions: Any, contract: Any) -> None:
    """How many products break each rule on contradictory labels, and some of them."""
    current.card.append(Markdown("## Contradictory labels"))
    current.card.append(Markdown(f"{contradictions.labels:,} of the labels above are set aside."))
    rows = []
    for rule in contract.contradictions:
        examples = contradictions.examples.get(rule.words, {}).items()
        listed = "; ".join(f"{name}: {', '.join(values)}" for name, values in examples)
        rows.append([rule.words, rule.reason, contradictions.products[rule.words], listed])
    table(rows, ["rule", "reason", "products", "examples"])


def rare_values_card(frequent: Any, is_sample: bool) -> None:
    """filter: the values that went."""
    heading("Rare values", is_sample)
    removed = frequent.removed
    current.card.append(Markdown(f"{removed.num_rows:,} values removed, {frequent.number:,} labels left."))
    if removed.num_rows:
        table([list(row.values()) for row in removed.to_pylist()], ["attribute", "value", "labels"])


def split_card(reports: Sequence[Any], assigned: Any, is_sample: bool) -> None:
    """split: the contract on the labels and their drift since the last run, products per split and product type."""
    heading("Labels against their contract", is_sample)
    for report in reports:
        results(report)
    aside = assigned.quarantine["product_id"].slice(0, 5).to_pylist()
    if aside:
        text = f"{assigned.quarantine.num_rows:,} products join groups of two earlier splits and are set aside: "
        current.card.append(Markdown(text + ", ".join(aside)))
    by_type: dict[str, dict[str, int]] = {}
    for row in assigned.products.to_pylist():
        by_type.setdefault(row["product_type"], {})[row["split"]] = row["products"]
    current.card.append(Markdown("## Products"))
    splits = ("train", "validation", "test")
    rows = [[name, *(c.get(split, 0) for split in splits)] for name, c in by_type.items()]
    table(sorted(rows, key=lambda row: -row[1]), ["product type", *splits])


class TrainingCard:
    """train: loss curves, examples per second and time left, refreshed while the step runs."""

    def __init__(self, is_sample: bool):
        heading("Training", is_sample)
        self.events: list[dict[str, Any]] = []
        self.bar = ProgressBar(max=100, label="% of the steps")
        self.now = Markdown("starting ...")
        self.losses = VegaChart(_loss_chart([]))
        self._printed = -1
        for component in (self.bar, self.now, self.losses):
            current.card.append(component)

    def update(self, events: list[dict[str, Any]]) -> None:
        """Takes new training events; also prints a line for each 5 % of the way."""
        self.events += events
        steps = [event for event in self.events if event["event"] == "step"]
        if not steps:
            return
        last = steps[-1]
        line = (
            f"{last['phase']} phase, epoch {last['epoch'] + 1}, step {last['total_step']} of {last['steps']}: "
            f"loss {last['loss']:.3f}, {last['examples_per_second']:.0f} examples/s, "
            f"{_minutes(last['seconds_left'])} left"
        )
        self.bar.update(math.ceil(100 * last["total_step"] / last["steps"]))
        self.now.update(line)
        self.losses.update(_loss_chart(self.events))
        current.card.refresh()
        if (percent := 20 * last["total_step"] // last["steps"]) > self._printed:
            self._printed = percent
            print(line, flush=True)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _loss_chart(events: list[dict[str, Any]]) -> dict[str, Any]:
    terms = ("cross_entropy", "question_context", "question_image", "load_balancing")
    points = [
        {"step": e["total_step"], "value": e[term], "term": term.replace("_", " ")}
        for e in events
        if e["event"] == "step"
        for term in terms
        if e[term] > 0
    ]
    points += [
        {"step": e["total_step"], "value": e["validation_cross_entropy"], "term": "validation cross entropy"}
        for e in events
        if "validation_cross_entropy" in e
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "width": 700,
        "height": 320,
        "data": {"values": points},
        "mark": {"type": "line", "interpolate": "monotone"},
        "encoding": {
            "x": {"field": "step", "type": "quantitative"},
            "y": {"field": "value", "type": "quantitative", "scale": {"type": "log"}, "title": "loss"},
            "color": {"field": "term", "type": "nominal", "title": None},
        },
    }


def shards_card(manifest: Any, uri: str, report: Any, is_sample: bool) -> None:
    """manifest: what training reads."""
    heading("Shards", is_sample)
    size = sum(shard.bytes for shard in manifest.shards) / 2**20
    table(
        [
            ("products", manifest.rows),
            ("labels", manifest.sidecar.rows),
            ("payload shards", f"{len(manifest.shards)} ({size:.1f} MiB)"),
            ("contract", manifest.contract_hash),
            ("data", manifest.data_hash),
            ("manifest", uri),
        ],
        ["", ""],
    )
    results(report)


CELL_COLUMNS = {
    "product_type": "product type",
    "attribute": "attribute",
    "support": "support",
    "accuracy": "accuracy",
    "recall_at_90p": "Recall@90P",
    "threshold": "threshold",
    "precision_at_threshold": "its precision",
    "recall_at_threshold": "its recall",
    "threshold_guarded": "guarded threshold",
    "precision_at_threshold_guarded": "its precision",
    "recall_at_threshold_guarded": "its recall",
    "guard": "guarded promise",
}


def evaluation_card(predictions: pa.Table, report: Any, dataset: Any, is_sample: bool) -> None:
    """evaluate: headline figures, curves, slices, the product type x attribute table, and products to look at."""
    evaluation = report.evaluation
    heading("Recall at 90 % precision", is_sample)
    for warning in report.warnings:
        current.card.append(Markdown(f"> **Warning**: {warning}"))
    _headline(evaluation)
    _thresholds(evaluation)
    for name, figure in report.figures.items():
        if not name.startswith("experts-"):
            current.card.append(Image.from_matplotlib(figure))
    _slices(report.slices)
    _experts(report)
    current.card.append(Markdown("## Some test products"))
    _examples(predictions, dataset, evaluation.condition)
    current.card.append(Markdown("## Product type x attribute"))
    rows = sorted(evaluation.table.to_pylist(), key=lambda row: (-row["support"], row["product_type"]))
    table([[row[column] for column in CELL_COLUMNS] for row in rows], list(CELL_COLUMNS.values()))


def _headline(evaluation: Any) -> None:
    """The few figures that a person looks for first; all of them are in MLflow."""
    metrics = evaluation.metrics

    def between(name: str) -> str:
        value = _cell(metrics[name])
        low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
        return value if low is None or low != low else f"{value} ({low:.2f} to {high:.2f})"

    product_types = [name.split("/")[1] for name in metrics if name.endswith("/top5")]
    rows: list[list[Any]] = []
    for product_type in product_types:
        recalls = []
        for k in (5, 10, 15):
            name = f"recall_at_90p/{product_type}/top{k}"
            cells = metrics[f"{name}_cells"]
            recalls.append(between(name) + (f", {cells:.0f} attributes" if cells < k else ""))
        rows.append([product_type, *recalls, between(f"accuracy/{product_type}")])
    table(rows, ["Recall@90P, threshold swept on test", "top 5", "top 10", "top 15", "accuracy"])
    shown = [("this model", ""), ("the same, picture blanked", "picture_blanked/")]
    shown.append(("the same, text blanked", "text_blanked/"))
    rows = [
        [name, between(f"{key}recall_at_90p/mean"), between(f"{key}accuracy/mean")]
        for name, key in shown
        if f"{key}recall_at_90p/mean" in metrics
    ]
    rows.append(["majority value", metrics["baseline/majority_recall_at_90p"], metrics["baseline/majority_accuracy"]])
    condition = "" if evaluation.condition == "as is" else f", {evaluation.condition}"
    table(rows, [f"mean over {metrics['recall_at_90p/cells']:.0f} cells{condition}", "Recall@90P", "accuracy"])
    current.card.append(Markdown("In brackets: 95 % bootstrap interval, groups of products drawn with replacement."))


def _thresholds(evaluation: Any) -> None:
    """What thresholds chosen on validation promise, and what of it holds on test."""
    metrics = evaluation.metrics
    rows = []
    for name, key in (("plain", "deployed"), ("guarded", "guarded")):
        kept, accepting, abstaining = (metrics[f"{key}/cells_{x}"] for x in ("kept", "accepting", "abstaining"))
        held = f"{kept:.0f} of {accepting:.0f}"
        rows.append([name, metrics[f"{key}/recall/mean"], held, f"{abstaining:.0f}"])
    headers = ["threshold chosen on validation", "recall on test", "cells with 90 % precision on test"]
    table(rows, [*headers, "cells that abstain"])
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
    current.card.append(Markdown(" ".join([*lines, canonical])))


def _slices(slices: pa.Table) -> None:
    """Parts of the test split beside each other, and what became of questions that have no answer."""
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
    rows = [[*key, c["n"], *(c.get(m, "-") for m in metrics)] for key, c in found.items() if key[0] != SLICE_BY]
    headers = ["by", "slice", "answers", "accuracy", "Recall@90P", "precision of what is accepted", "recall"]
    table(rows, headers)
    asked = [[key[1], c["n"], *list(c.values())[1:]] for key, c in found.items() if key[0] == SLICE_BY]
    if asked:
        current.card.append(Markdown("## Questions that have no answer"))
        table(asked, ["question", "asked", "answered with confidence", "answer is no value", "empty answer"])


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
    table(rows, ["mean over the expert layers", ""])
    for figure in maps:
        current.card.append(Image.from_matplotlib(figure))


def _examples(predictions: pa.Table, dataset: Any, condition: str) -> None:
    from moemoe.schemas import PICTURE_BLANKED

    test = predictions.filter(pc.equal(predictions["split"], "test"))
    blanked = {
        (row["product_id"], row["attribute"]): row
        for row in test.filter(pc.equal(test["condition"], PICTURE_BLANKED)).to_pylist()
    }
    answers: dict[str, list[dict]] = {}
    for row in test.filter(pc.equal(test["condition"], condition)).to_pylist():
        answers.setdefault(row["product_id"], []).append(row)
    rows = []
    for index in dataset.rows("test")[:EXAMPLES]:
        product = dataset[index]
        picture = (
            Image(_png(product.image), label=product.title)
            if product.image
            else Markdown(f"no picture: {product.title}")
        )
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


def _png(data: bytes) -> bytes:
    from PIL import Image as Pillow

    buffer = io.BytesIO()
    with Pillow.open(io.BytesIO(data)) as image:
        image.convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def register_card(registration: Any, is_sample: bool) -> None:
    """register: the version, its aliases, and how the gate came to its decision."""
    heading("Registration", is_sample)
    decision = registration.decision
    table(
        [
            ("model", registration.model_uri),
            ("aliases", ", ".join(registration.aliases)),
            ("champion before", decision.champion or "none"),
        ],
        ["", ""],
    )
    verdict = "Promoted to champion" if decision.promoted else "Not promoted"
    current.card.append(Markdown("\n".join([f"## {verdict}", "", *(f"- {reason}" for reason in decision.reasons)])))
    if not decision.halves:
        return
    current.card.append(Markdown("## Challenger against champion, the same test rows"))
    rows = []
    for name, half in decision.halves.items():
        interval = f"{half.low:+.3f} to {half.high:+.3f}"
        rows.append([name, half.champion, half.challenger, half.difference, interval, half.cells, half.products])
    headers = ["rows", "champion", "challenger", "difference", "its 95 % interval", "cells", "products"]
    table(rows, headers)
    current.card.append(Markdown("Mean Recall@90P. The gate rows decide; the report rows are only reported."))
    if decision.cells:
        cells = sorted(decision.cells, key=lambda cell: cell["challenger"] - cell["champion"])
        names = ("product_type", "attribute", "products", "champion", "challenger")
        table([[cell[name] for name in names] for cell in cells], [name.replace("_", " ") for name in names])


def card_html(pathspec: str) -> str:
    """The HTML of a finished task's card."""
    from metaflow.cards import get_cards

    return get_cards(pathspec)[0].get()


def parameters(flow: Any, recipe: Any, settings: str) -> dict[str, Any]:
    """What MLflow shows as a run's parameters: whatever recipes and runs differ by, but no layer's dimensions."""
    training, model = recipe.training, dict(recipe.model)
    sizes = {group: model.pop(group, {}) for group in ("text", "image")}
    experts = model.pop("experts", {})
    return {
        "dataset": flow.dataset,
        "catalog": flow.catalog or "sample catalog",
        "model": recipe.name,
        "size": recipe.size,
        "weights": sizes["text"].get("pretrained") or "scratch",
        "settings": settings or "none",
        "phases": " + ".join(recipe.phases),
        "limits": recipe.limits,
        "decoding": flow.decoding,
        "withheld": flow.withhold or "nothing",
        "unseen": flow.unseen or "nothing",
        "epochs": 1 if recipe.fitted else training.epochs,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "load_balancing_weight": recipe.load_balancing_weight,
        "max_products": flow.max_products or "all",
        "processes": flow.processes,
        "seed": flow.seed,
        "image": sizes["image"].get("name", "none"),
        **{name: value for name, value in model.items() if not name.endswith("_length")},
        "experts": experts.get("number", 0),
        **{f"experts.{name}": value for name, value in experts.items() if name != "number"},
    }


def where_everything_is(flow: Any) -> str:
    """The last words of a run."""
    metrics = flow.metrics
    lines = [
        f"mean Recall@90P {metrics['recall_at_90p/mean']:.3f}, accuracy {metrics['accuracy/mean']:.3f} "
        f"(majority value: {metrics['baseline/majority_accuracy']:.3f})"
        + (", on the sample catalog" if flow.is_sample else ""),
        f"report            {flow.report_uri}",
        f"data docs         {flow.data_docs_uri}/index.html",
        f"registered model  {flow.model_uri} ({flow.decision})",
        f"MLflow UI         mlflow ui --backend-store-uri {flow.tracking_uri}",
        f"                  http://127.0.0.1:5000/{flow.ui_address}",
    ]
    return "\n".join(lines)
