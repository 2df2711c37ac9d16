"""What a person sees of BackfillFlow: the cards of its steps."""

import time
from collections.abc import Sequence
from typing import Any

import cards
from metaflow import current
from metaflow.cards import Image, Markdown, ProgressBar, Table

EXAMPLES = 12
SHOWN_CELLS = 60


class ProgressCard:
    """backfill: partitions done, rows and rows per second, refreshed while the step runs; also printed."""

    def __init__(self, model_version: str, partitions: Sequence[str]):
        cards.heading("Backfill", is_sample=False)
        self.bar = ProgressBar(max=len(partitions), label="partitions")
        self.now = Markdown("starting ...")
        self.total, self.read, self.done, self.began = len(partitions), 0, 0, time.monotonic()
        current.card.append(Markdown(f"Model {model_version}, {len(partitions)} of the catalog's partitions."))
        for component in (self.bar, self.now):
            current.card.append(component)

    def rows(self, new: int) -> None:
        """Some more rows are done."""
        self.read += new
        self._say()

    def part(self, part: Any, was_there: bool) -> None:
        """A partition is finished, or was found finished."""
        self.done += 1
        self.bar.update(self.done)
        name = part.partition.rsplit("/", 1)[-1]
        how = "was finished before" if was_there else f"{part.products:,} products"
        print(f"{name}: {how} ({self.done} of {self.total} partitions)", flush=True)
        self._say()

    def _say(self) -> None:
        rate = self.read / max(time.monotonic() - self.began, 1e-9)
        line = f"{self.done} of {self.total} partitions, {self.read:,} rows, {rate:.0f} rows/s"
        self.now.update(line)
        current.card.refresh()
        if self.read:
            print(line, flush=True)


def report_card(finished: Any, job: Any) -> None:
    """report: what was filled in, per product type and attribute, with examples."""
    from moemoe.inference.thresholds import FEW_PRODUCTS, resting_on

    cards.heading("Backfill", is_sample=False)
    total = finished.total
    share = f"{total.share:.1%}" if total.missing else "none"
    current.card.append(
        Markdown(
            f"Model **{job.model_version}**, {job.rule} thresholds. {finished.rows:,} rows read, "
            f"{finished.products:,} products asked about, {finished.quarantined:,} rows or pictures set aside.\n\n"
            f"Of {total.missing:,} missing values **{total.filled:,} are filled in ({share})**; the model abstains "
            f"from the others. Of the labels that are there, {total.agrees:,} agree with an accepted prediction and "
            f"**{total.contradicts:,} contradict it**; about {total.unsure:,} the model is unsure.\n\n"
            f"How right the filled values are, only people can say: judge the sample in `{finished.page}`."
        )
    )
    if finished.kept_back:
        current.card.append(Markdown("## Abstained from: contradiction"))
        text = "Confident values that the contract's rules do not allow beside the product's other values."
        current.card.append(Markdown(text))
        cards.table(sorted(finished.kept_back.items(), key=lambda item: -item[1]), ["rule", "values"])
    for decision, title in (("filled", "Filled in"), ("contradicts", "Labels that contradict a confident prediction")):
        rows = _examples(finished.sample, decision)
        if rows:
            current.card.append(Markdown(f"## {title}"))
            current.card.append(Table(rows, headers=["product", "attribute", "catalog", "prediction", "confidence"]))
    current.card.append(Markdown("## Product type x attribute"))
    headers = ["product type", "attribute", "missing", "filled", "share", "agrees", "contradicts", "unsure"]
    shown = finished.coverage[:SHOWN_CELLS]
    rows = []
    for c in shown:
        rests = resting_on(c.rests_on) if c.filled or c.rests_on else "-"
        numbers = [c.missing, c.filled, c.share, c.agrees, c.contradicts, c.unsure, c.kept_back]
        rows.append([c.product_type, c.attribute, *numbers, rests])
    cards.table(rows, [*headers, "contradiction", "threshold rests on"])
    few = [c for c in finished.coverage if c.filled and c.rests_on is not None and c.rests_on < FEW_PRODUCTS]
    if few:
        text = f"The thresholds of {len(few)} cells, which filled in {sum(c.filled for c in few):,} values, rest on "
        current.card.append(Markdown(text + f"fewer than {FEW_PRODUCTS} validation products: judge these first."))
    if len(shown) < len(finished.coverage):
        text = (
            f"The {len(shown)} with most missing values of {len(finished.coverage)}; all can be counted in the tables."
        )
        current.card.append(Markdown(text))


def _examples(sample: Any, decision: str) -> list[list[Any]]:
    """One row per cell, the cells in turn by name, with pictures first."""
    first: dict[tuple[str, str], dict] = {}
    for row in sample.to_pylist():
        if row["decision"] == decision:
            cell = (row["product_type"], row["attribute"])
            if cell not in first or (row["image"] and not first[cell]["image"]):
                first[cell] = row
    step = max(1, len(first) // EXAMPLES)
    return [
        [
            Image(row["image"], label=row["title"] or "") if row["image"] else Markdown(f"no picture: {row['title']}"),
            Markdown(f"{row['product_type']}: {row['attribute']}"),
            Markdown(row["raw_label"] or "none"),
            Markdown(row["prediction"]),
            Markdown(f"{row['confidence']:.2f}"),
        ]
        for row in list(first.values())[::step][:EXAMPLES]
    ]
