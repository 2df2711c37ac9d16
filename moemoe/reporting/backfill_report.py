"""The report of a backfill: how much was filled in, examples, and every product type and attribute."""

from typing import Any

from moemoe.counts import counted
from moemoe.inference.thresholds import FEW_PRODUCTS, UNFAMILIAR
from moemoe.reporting.catalog_documents import readings
from moemoe.reporting.document import (
    FAILURE,
    GOOD,
    Badge,
    Bar,
    Block,
    Code,
    Column,
    Contents,
    Document,
    Estimate,
    Example,
    Examples,
    Facts,
    Image,
    Link,
    Marked,
    Notice,
    Section,
    Table,
    Text,
)
from moemoe.reporting.metric_tables import accepted_cell
from moemoe.schemas import CONTRADICTS, FILLED

EXAMPLES = 12
JUDGE = "To find out how many of the filled values are right, judge a sample of them on the audit page. "
NAMED = (
    "With these thresholds, the store counts as one that the model has never seen: if a text names exactly one value "
    "of an attribute, that value is filled in with a confidence of 1, whatever the model answers."
)
TITLES = {
    FILLED: ("Filled in", Badge("filled in", GOOD)),
    CONTRADICTS: ("Labels that contradict a confident prediction", Badge("contradicts the catalog", FAILURE)),
}


def backfill_report(finished: Any, model_version: str, thresholds: str) -> Document:
    """The report of a finished backfill.

    Args:
        finished: ``moemoe.inference.backfill_report.Finished``.
        thresholds: plain, guarded or unfamiliar.
    """
    total = finished.total
    facts = [
        ("model", Code(model_version)),
        ("thresholds", thresholds),
        ("rows read", finished.rows),
        ("products processed", finished.products),
        ("rows or images quarantined", finished.quarantined),
        ("audit page", _beside(finished.audit.page)),
        ("page of contradicted labels", _beside(finished.label_audit.page)),
    ]
    filled = f"{total.filled:,} of {total.missing:,} missing values are filled in"
    share = f" ({100 * total.share:.0f} %)" if total.missing else ""
    blocks: list[Block] = [
        Facts(facts),
        Text(f"**{filled}{share}**; the model abstains from the others.", lead=True),
        Text(
            f"Of the catalog's labels, {total.agrees:,} agree with an accepted prediction and "
            f"**{total.contradicts:,} contradict one**; for {total.abstained_labelled:,} the model abstains. "
            f"{JUDGE if total.filled else ''}If an accepted prediction contradicts a label, one of the two is wrong: a "
            "second page lists these labels."
        ),
        *([Text(NAMED)] if thresholds == UNFAMILIAR else []),
        *_few(finished.coverage),
        Contents(),
        Section("Product type x attribute", [_coverage_table(finished.coverage)]),
    ]
    for decision, (title, badge) in TITLES.items():
        if examples := _examples(finished.sample, decision, badge):
            blocks.append(Section(title, [Examples(examples)]))
    if finished.blocked:
        said = Text("Confident values that the contract's rules forbid together with the product's other values.")
        rows = sorted(finished.blocked.items(), key=lambda item: -item[1])
        blocks.append(Section("Blocked by a contradiction rule", [said, Table(["rule", "values"], rows)]))
    if read := readings(finished.readings):
        blocks.append(Section("Catalog", read, collapsed=True, summary="layout of its files, use of each column"))
    return Document("Backfill", blocks, f"Backfill | {model_version}")


def _beside(page: str) -> Link:
    """A link to a page of the folder ``audit/`` beside the report."""
    name = page.rsplit("/", 1)[-1]
    return Link(name, f"audit/{name}")


def _few(coverage: Any) -> list[Block]:
    few = [
        c for c in coverage if c.filled and c.validation_accepted is not None and c.validation_accepted < FEW_PRODUCTS
    ]
    if not few:
        return []
    return [
        Notice(
            f"The thresholds of {counted(len(few), 'cell')} accept fewer than {FEW_PRODUCTS} validation products; "
            f"they filled in {counted(sum(c.filled for c in few), 'value')}. Judge these first."
        )
    ]


def _coverage_table(coverage: Any) -> Table:
    heads: list[Column | str] = ["product type", "attribute"]
    heads += [Column(name, "missing") for name in ("values", "filled in", "share", "share, %")]
    heads += [Column(name, "existing labels") for name in ("agree", "contradict", "abstained")]
    rows = []
    for c in coverage:
        share = Estimate(c.share)
        accepted = accepted_cell(c.validation_accepted) if c.filled or c.validation_accepted else None
        missing = [c.missing, c.filled, Bar(share), share]
        rows.append(
            [c.product_type, c.attribute, *missing, c.agrees, c.contradicts, c.abstained_labelled, c.blocked, accepted]
        )
    return Table([*heads, "blocked by a rule", "accepted (validation)"], rows, filtered=True)


def _examples(sample: Any, decision: str, badge: Badge) -> list[Example]:
    """One row per cell, the cells in turn by name, with images first."""
    first: dict[tuple[str, str], dict] = {}
    for row in sample.to_pylist():
        if row["decision"] == decision:
            cell = (row["product_type"], row["attribute"])
            if cell not in first or (row["image"] and not first[cell]["image"]):
                first[cell] = row
    step = max(1, len(first) // EXAMPLES)
    return [
        Example(
            Image(row["image"], row["title"] or "") if row["image"] else None,
            row["title"] or "(no title)",
            badge,
            [
                (row["attribute"], f"{row['prediction']} ({row['confidence']:.2f})"),
                ("catalog", row["raw_label"] or "nothing"),
                ("product", f"{row['product_type']}, {row['product_id']}"),
            ],
            Marked(row.get("text") or row["title"] or "(no text)"),
        )
        for row in list(first.values())[::step][:EXAMPLES]
    ]
