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


def _contradictions(contradictions: pa.Table, contract: Any) -> None:
    """How many products break each rule on contradictory labels, and some of them."""
    labels = contradictions.group_by(["product_id", "attribute"]).aggregate([]).num_rows
    current.card.append(Markdown("## Contradictory labels"))
    current.card.append(Markdown(f"{labels:,} of the labels above are set aside."))
    rows = []
    for rule in contract.contradictions:
        mine = contradictions.filter(pc.equal(contradictions["rule"], rule.words))
        ids = mine["product_id"].unique()
        values: dict[str, list[str]] = {}
        some = mine.filter(pc.is_in(mine["product_id"], ids.slice(0, EXAMPLES)))
        for label in some.to_pylist():
            values.setdefault(label["product_id"], []).append(" / ".join(label["values"]))
        examples = "; ".join(f"{name}: {', '.join(v)}" for name, v in values.items())
        rows.append([rule.words, rule.reason, len(ids), examples])
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
    "threshold_guarded": "guarded",
    "recall_at_threshold_guarded": "its recall",
}


def evaluation_card(
    predictions: pa.Table, evaluation: Any, dataset: Any, figures: dict[str, Any], is_sample: bool
) -> None:
    """evaluate: headline figures, curves, the product type x attribute table, and products to look at."""
    heading("Recall at 90 % precision", is_sample)
    _headline(evaluation.metrics)
    for figure in figures.values():
        current.card.append(Image.from_matplotlib(figure))
    current.card.append(Markdown("## Some test products"))
    _examples(predictions, dataset)
    current.card.append(Markdown("## Product type x attribute"))
    rows = sorted(evaluation.table.to_pylist(), key=lambda row: (-row["support"], row["product_type"]))
    table([[row[column] for column in CELL_COLUMNS] for row in rows], list(CELL_COLUMNS.values()))


def _headline(metrics: dict[str, float]) -> None:
    """The few figures that a person looks for first; all of them are in MLflow."""
    product_types = [name.split("/")[1] for name in metrics if name.endswith("/top5")]
    rows: list[list[Any]] = []
    for product_type in product_types:
        recalls = []
        for k in (5, 10, 15):
            recall, cells = (metrics[f"recall_at_90p/{product_type}/top{k}{end}"] for end in ("", "_cells"))
            recalls.append(_cell(recall) + (f" ({cells:.0f} attributes)" if cells < k else ""))
        rows.append([product_type, *recalls, metrics[f"accuracy/{product_type}"]])
    table(rows, ["Recall@90P, threshold swept on test", "top 5", "top 10", "top 15", "accuracy"])
    rows = [
        [name, metrics[f"{key}recall_at_90p/mean"], metrics[f"{key}accuracy/mean"]]
        for name, key in (("this model", ""), ("the same, picture blanked", "picture_blanked/"))
    ]
    rows.append(["majority value", metrics["baseline/majority_recall_at_90p"], metrics["baseline/majority_accuracy"]])
    table(rows, [f"mean over {metrics['recall_at_90p/cells']:.0f} cells", "Recall@90P", "accuracy"])
    rows = [
        [name, metrics[f"{key}/recall/mean"], metrics[f"{key}/promise_kept"]]
        for name, key in (("plain", "deployed"), ("guarded", "guarded"))
    ]
    table(rows, ["threshold chosen on validation", "recall on test", "share of cells with 90 % precision on test"])
    text = f"{metrics['canonical/share']:.1%} of the answers are values of the contract. "
    if "tokenizer/pieces_per_word" in metrics:
        pieces, unknown = metrics["tokenizer/pieces_per_word"], metrics["tokenizer/unknown_share"]
        text += f"The tokenizer cuts a word into {pieces:.2f} pieces; {unknown:.2%} of them are unknown."
    current.card.append(Markdown(text))


def _examples(predictions: pa.Table, dataset: Any) -> None:
    from moemoe.schemas import AS_IS, PICTURE_BLANKED

    test = predictions.filter(pc.equal(predictions["split"], "test"))
    blanked = {
        (row["product_id"], row["attribute"]): row
        for row in test.filter(pc.equal(test["condition"], PICTURE_BLANKED)).to_pylist()
    }
    answers: dict[str, list[dict]] = {}
    for row in test.filter(pc.equal(test["condition"], AS_IS)).to_pylist():
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
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "load_balancing_weight": recipe.load_balancing_weight,
        "max_products": flow.max_products or "all",
        "processes": flow.processes,
        "seed": flow.seed,
        "image": sizes["image"].get("name", "none"),
        **model,
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
        f"MLflow UI         mlflow ui --backend-store-uri {flow.tracking_uri}   ->  http://127.0.0.1:5000",
    ]
    return "\n".join(lines)
