"""The cards of the steps from catalog to shards: contract, labels, rare values, split, shards."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moemoe.counts import counted
from moemoe.reporting.document import (
    SYNTHETIC_NOTICE,
    Block,
    Cell,
    Code,
    Document,
    Estimate,
    Facts,
    Heading,
    Notice,
    Table,
    Text,
)
from moemoe.reporting.expectations import Report, expectation_blocks

if TYPE_CHECKING:  # flows import this file, and --help waits for what it imports
    import pyarrow as pa

SHOWN = 60
SPLIT_NAMES = ("train", "validation", "test")


def document(title: str, blocks: Sequence[Block], is_sample: bool) -> Document:
    """A step's document; for the sample catalog it begins with a notice."""
    return Document(title, [*([Notice(SYNTHETIC_NOTICE)] if is_sample else []), *blocks])


def raw_catalog(
    report: Report, collection: Any, quarantine: "pa.Table", signs: Mapping[str, str], is_sample: bool
) -> Document:
    """validate: every expectation with its observed value, and the quarantined rows and images.

    Args:
        collection: ``moemoe.catalog.products.Collection``.
        signs: as ``decimal_signs`` takes them.
    """
    blocks: list[Block] = [
        Text(
            f"{counted(collection.rows, 'row')} read, {collection.accepted:,} accepted, {quarantine.num_rows:,} "
            f"quarantined; products with a usable image: {collection.images:,}."
        ),
        *readings(collection.readings),
        *decimal_signs(signs),
        *expectation_blocks(report),
    ]
    if quarantine.num_rows:
        counts = quarantine.group_by(["field", "reason"]).aggregate([("reason", "count")]).to_pylist()
        counts.sort(key=lambda count: -count["reason_count"])
        rows_shown = [(c["field"], c["reason"], c["reason_count"]) for c in counts]
        blocks += [Heading("Quarantined"), Table(["field", "reason", "count"], rows_shown)]
    return document("Raw catalog against its contract", blocks, is_sample)


def readings(found: Sequence[Any]) -> list[Block]:
    """How the catalog's files were read: format, layout, the use of each column, counted repairs.

    Args:
        found: of ``moemoe.catalog.reading.Reading``.
    """
    blocks: list[Block] = []
    for one in found:
        files = f"{one.files:,} files such as {one.example}" if one.files > 1 else one.example
        mended = "; ".join(f"{number:,} {what}" for what, number in one.counts.items())
        uses = [(became, len(columns), _listed(columns)) for became, columns in one.by_use().items()]
        blocks.append(Text(f"{files}: {one.format}, layout **{one.layout}**" + (f"; {mended}." if mended else ".")))
        blocks.append(Table(["used as", "columns", "names in the file"], uses))
    return [Heading("How the files were read"), *blocks] if blocks else []


def decimal_signs(signs: Mapping[str, str]) -> list[Block]:
    """How "1.200" was read if the contract has no ``decimal_sign``.

    Args:
        signs: measurement -> the decimal sign that the catalog's labels show.
    """
    meaning = {".": ("point", "1.2", "1200"), ",": ("comma", "1200", "1.2")}
    rows = [(name, *meaning[sign], f'decimal_sign: "{sign}"') for name, sign in signs.items()]
    told = (
        "The contract does not say whether 1.200 and 1,200 are 1.2 or 1200, so the catalog's other labels decided. "
        "To fix the choice, copy the line into the contract."
    )
    heads = ["measurement", "decimal sign", "1.200 is", "1,200 is", "line for the contract"]
    return [Heading("Decimal signs"), Text(told), Table(heads, rows)] if rows else []


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(column[:60] for column in columns[:SHOWN])
    return f"{shown} and {len(columns) - SHOWN} more" if len(columns) > SHOWN else shown


def labels(normalized: Any, contradictions: Sequence[Any], is_sample: bool) -> Document:
    """normalize: per attribute the counts of its raw labels, the unmapped ones that lack a rule, contradictions.

    Args:
        normalized: statistics, unread_keys, contradictions and product_types, as ``normalize_parts`` gives them.
        contradictions: the contract's rules on contradictory labels.
    """
    rows = []
    for row in normalized.statistics.to_pylist():
        unmapped = ", ".join(map(_unmapped, row["most_frequent_unmapped"][:5]))
        numbers = [row[key] for key in ("raw_values", "canonical_values", "labels", "dropped", "unmapped", "conflicts")]
        rows.append([row["attribute"], *numbers, unmapped])
    heads = ["attribute", "raw values", "values", "labels", "dropped (missing)", "unmapped", "conflicts"]
    blocks: list[Block] = [Table([*heads, "most frequent unmapped"], rows), *_unread_keys(normalized.unread_keys)]
    if contradictions:
        blocks += _contradictions(normalized.contradictions, contradictions)
    types = normalized.product_types
    names = [name.replace("_", " ") for name in types.schema.names]
    shown = [list(row.values()) for row in types.slice(0, SHOWN).to_pylist()]
    return document("Raw labels to values", [*blocks, Heading("Product types"), Table(names, shown)], is_sample)


def _unmapped(entry: Mapping[str, Any]) -> str:
    reason = entry.get("reason")
    return f"{entry['value']} ({entry['count']}{': ' + reason if reason else ''})"


def _unread_keys(unread: "pa.Table") -> list[Block]:
    """Raw keys that no attribute reads, with lines for the contract."""
    if not unread.num_rows:
        return []
    told = f"{unread.num_rows:,} raw keys, the most frequent first; the run's `unread-keys.parquet` lists all of them."
    rows = [
        [row["key"], Estimate(row["fill"]), ", ".join(row["values"]), Code(row["yaml"])]
        for row in unread.slice(0, SHOWN).to_pylist()
    ]
    heads = ["key", "share of products, %", "values", "line for `attributes` of the contract"]
    return [Heading("Keys that no attribute reads"), Text(told), Table(heads, rows)]


def _contradictions(found: Any, rules: Sequence[Any]) -> list[Block]:
    """How many products break each rule on contradictory labels, and some of them."""
    rows = []
    for rule in rules:
        examples = found.examples.get(rule.words, {}).items()
        listed = "; ".join(f"{name}: {', '.join(values)}" for name, values in examples)
        rows.append([rule.words, rule.reason, found.products[rule.words], listed])
    said = Text(f"{found.labels:,} of the labels above were dropped.")
    return [Heading("Contradictory labels"), said, Table(["rule", "reason", "products", "examples"], rows)]


def rare_values(removed: "pa.Table", labels_left: int, is_sample: bool) -> Document:
    """filter: the values that were removed."""
    blocks: list[Block] = [Text(f"{counted(removed.num_rows, 'value')} removed, {counted(labels_left, 'label')} left.")]
    if removed.num_rows:
        blocks.append(Table(["attribute", "value", "labels"], [list(row.values()) for row in removed.to_pylist()]))
    return document("Rare values", blocks, is_sample)


def split(reports: Sequence[Report], quarantine: "pa.Table", products: "pa.Table", is_sample: bool) -> Document:
    """split: the contract on the labels and their drift since the last run, products per split and product type."""
    blocks: list[Block] = []
    for report in reports:
        blocks += [Heading(report.title[0].upper() + report.title[1:]), *expectation_blocks(report)]
    if quarantine.num_rows:
        text = (
            f"Quarantined, because they connect groups of two splits: {counted(quarantine.num_rows, 'product')}, e.g. "
        )
        blocks.append(Text(text + ", ".join(quarantine["product_id"].slice(0, 5).to_pylist())))
    by_type: dict[str, dict[str, int]] = {}
    for row in products.to_pylist():
        by_type.setdefault(row["product_type"], {})[row["split"]] = row["products"]
    ordered = sorted(by_type.items(), key=lambda own: -own[1].get(SPLIT_NAMES[0], 0))
    rows: list[list[Cell]] = [[name, *(counts.get(split, 0) for split in SPLIT_NAMES)] for name, counts in ordered]
    blocks += [Heading("Products"), Table(["product type", *SPLIT_NAMES], rows)]
    return document("Labels against their contract", blocks, is_sample)


def shards(manifest: Any, uri: str, report: Report, is_sample: bool) -> Document:
    """manifest: the shards that training reads."""
    size = sum(shard.bytes for shard in manifest.shards) / 2**20
    facts: Mapping[str, Any] = {
        "products": manifest.rows,
        "labels": manifest.sidecar.rows,
        "payload shards": f"{len(manifest.shards)} ({size:.1f} MiB)",
        "contract": Code(manifest.contract_hash),
        "data": Code(manifest.data_hash),
        "manifest": Code(uri),
    }
    return document("Shards", [Facts(list(facts.items())), *expectation_blocks(report)], is_sample)
