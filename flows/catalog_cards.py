"""What a person sees of a catalog on its way to the shards: contract, labels, rare values, split, shards."""

from collections.abc import Sequence
from typing import Any

import cards
import pyarrow as pa
from metaflow import current
from metaflow.cards import Markdown


def contract_card(report: Any, collection: Any, quarantine: pa.Table, is_sample: bool) -> None:
    """validate: every expectation with what was observed, and what was set aside."""
    cards.heading("Raw catalog against its contract", is_sample)
    current.card.append(
        Markdown(
            f"{collection.rows:,} rows read, {collection.accepted:,} accepted, {quarantine.num_rows:,} set aside; "
            f"{collection.pictures:,} products have a usable picture."
        )
    )
    cards.results(report)
    if quarantine.num_rows:
        current.card.append(Markdown("## Set aside"))
        counts = quarantine.group_by(["field", "reason"]).aggregate([("reason", "count")]).to_pylist()
        cards.table([(c["field"], c["reason"], c["reason_count"]) for c in counts], ["field", "reason", "count"])


def normalize_card(normalized: Any, contract: Any, is_sample: bool) -> None:
    """normalize: per attribute what became of its raw labels, the unmapped ones to write a rule for, contradictions."""
    cards.heading("Raw labels to values", is_sample)
    rows = []
    for row in normalized.statistics.to_pylist():
        unmapped = ", ".join(f"{entry['value']} ({entry['count']})" for entry in row["most_frequent_unmapped"][:5])
        numbers = [row[key] for key in ("raw_values", "canonical_values", "labels", "dropped", "unmapped", "conflicts")]
        rows.append([row["attribute"], *numbers, unmapped])
    headers = ["attribute", "raw values", "values", "labels", "dropped (missing)", "unmapped", "conflicts"]
    cards.table(rows, [*headers, "most frequent unmapped"])
    _unread_keys(normalized.unread_keys)
    if contract.contradictions:
        _contradictions(normalized.contradictions, contract)
    current.card.append(Markdown("## Product types"))
    types = normalized.product_types.slice(0, 60).to_pylist()
    cards.table(
        [list(row.values()) for row in types],
        [name.replace("_", " ") for name in normalized.product_types.schema.names],
    )


def _unread_keys(unread: pa.Table) -> None:
    """Raw keys that no attribute reads, with what to write into the contract."""
    if not unread.num_rows:
        return
    current.card.append(Markdown("## Keys that no attribute reads"))
    told = (
        f"{unread.num_rows:,} raw keys, the most frequent first; all of them are in `unread-keys.parquet` of the run."
    )
    current.card.append(Markdown(told))
    rows = [
        [row["key"], f"{row['fill']:.1%}", ", ".join(row["values"]), row["yaml"]]
        for row in unread.slice(0, 60).to_pylist()
    ]
    cards.table(rows, ["key", "share of products", "values", "line for `attributes` of the contract"])


def _contradictions(contradictions: Any, contract: Any) -> None:
    """How many products break each rule on contradictory labels, and some of them."""
    current.card.append(Markdown("## Contradictory labels"))
    current.card.append(Markdown(f"{contradictions.labels:,} of the labels above are set aside."))
    rows = []
    for rule in contract.contradictions:
        examples = contradictions.examples.get(rule.words, {}).items()
        listed = "; ".join(f"{name}: {', '.join(values)}" for name, values in examples)
        rows.append([rule.words, rule.reason, contradictions.products[rule.words], listed])
    cards.table(rows, ["rule", "reason", "products", "examples"])


def rare_values_card(frequent: Any, is_sample: bool) -> None:
    """filter: the values that went."""
    cards.heading("Rare values", is_sample)
    removed = frequent.removed
    current.card.append(Markdown(f"{removed.num_rows:,} values removed, {frequent.number:,} labels left."))
    if removed.num_rows:
        cards.table([list(row.values()) for row in removed.to_pylist()], ["attribute", "value", "labels"])


def split_card(reports: Sequence[Any], assigned: Any, is_sample: bool) -> None:
    """split: the contract on the labels and their drift since the last run, products per split and product type."""
    cards.heading("Labels against their contract", is_sample)
    for report in reports:
        cards.results(report)
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
    cards.table(sorted(rows, key=lambda row: -row[1]), ["product type", *splits])


def shards_card(manifest: Any, uri: str, report: Any, is_sample: bool) -> None:
    """manifest: what training reads."""
    cards.heading("Shards", is_sample)
    size = sum(shard.bytes for shard in manifest.shards) / 2**20
    cards.table(
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
    cards.results(report)
