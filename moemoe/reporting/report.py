"""The report of a run: what the model can fill in, what changed, then the details for engineers."""

import math
from collections.abc import Sequence

from moemoe.counts import counted
from moemoe.evaluation.evaluate import PROMISE
from moemoe.evaluation.measure import Measurement
from moemoe.evaluation.readiness import NEEDS_DATA, NOT_LEARNED, READY, Readiness, readiness
from moemoe.reporting import metric_tables
from moemoe.reporting.document import (
    FAILURE,
    GOOD,
    WARNING,
    Badge,
    Bar,
    Block,
    Cell,
    Column,
    Contents,
    Document,
    Estimate,
    Notice,
    Plot,
    Section,
    Slot,
    Table,
    Text,
)
from moemoe.reporting.formats import shown
from moemoe.reporting.identity import Identity

#: Slots that registration fills.
IDENTITY, CHAMPION = "identity", "champion"
EXPECTATIONS = "Expectations of the predictions"
STATES = {READY: GOOD, NEEDS_DATA: WARNING, NOT_LEARNED: FAILURE}


def run_report(
    found: Measurement,
    identity: Identity,
    examples: Sequence[Block],
    expectations: Sequence[Block],
    plots: Sequence[Plot],
    catalog: Sequence[Block] = (),
) -> Document:
    """The report of one run's predictions.

    Args:
        examples: of ``examples.example_blocks``.
        expectations: of ``expectations.expectation_blocks``, for the predictions.
        plots: of ``plots.report_plots``.
        catalog: of ``catalog_documents.readings``.
    """
    total, attributes = readiness(found.cells, found.evaluation)
    blocks: list[Block] = [
        Slot(IDENTITY, identity.blocks()),
        *answer(total, attributes),
        *(Notice(warning) for warning in found.warnings),
        Contents(),
        *([Section("Attributes", [attribute_table(attributes)])] if attributes else []),
        Slot(CHAMPION),
        Section("Products to look at", examples),
    ]
    if not holds(expectations):
        blocks.append(Section(EXPECTATIONS, expectations))
    collapsed: list[tuple[str, Sequence[Block], str]] = [
        ("Headline metrics", metric_tables.headline(found.evaluation), "means over cells, with intervals"),
        (
            "Thresholds and confidence",
            metric_tables.thresholds(found.evaluation),
            "chosen on validation, measured on test",
        ),
        (
            "Plots",
            [plot for plot in plots if not plot.name.startswith("experts-")],
            "precision and recall, sources, calibration",
        ),
        (
            "Slices of the test split",
            metric_tables.slice_table(found),
            "explicit, implicit and rare values, marketplaces",
        ),
        ("Questions without an answer", metric_tables.unanswerable(found), "how often the model abstains"),
        ("Experts", metric_tables.experts(found, plots), "which questions go to which expert"),
        (
            "Product type x attribute",
            metric_tables.cell_table(found.evaluation),
            f"all {counted(found.evaluation.table.num_rows, 'cell')}",
        ),
        (EXPECTATIONS, expectations if holds(expectations) else (), "all pass"),
        ("Catalog", catalog, "layout of its files, use of each column"),
    ]
    blocks += [Section(title, own, collapsed=True, summary=summary) for title, own, summary in collapsed if own]
    return Document(f"{identity.system}: what it can fill in", blocks, identity.tab)


def holds(expectations: Sequence[Block]) -> bool:
    """Whether all expectations of these ``expectation_blocks`` pass."""
    return all(block.kind == GOOD for block in expectations if isinstance(block, Notice))


def answer(total: Readiness, attributes: Sequence[Readiness]) -> list[Block]:
    """One sentence with the result, and one with the evidence."""
    ready = sum(each.state == READY for each in attributes)
    if not attributes:
        return [Text("No test product has a label, so this model cannot be measured.", lead=True)]
    number = counted(len(attributes), "attribute")
    of = f"**{ready} of {number} {'is' if ready == 1 else 'are'} ready**"
    if math.isnan(total.precision.value):
        lead = f"At 90 % precision, this model fills in none of the requested values; {of}."
        return [Text(lead, lead=True)]
    filled = f"{100 * total.coverage.value:.0f} % of the requested values"
    right = f"{100 * total.precision.value:.0f} %"
    if not ready:
        lead = (
            f"**None of {number} is ready**: the model would fill in {filled}, but for no attribute do the data show "
            "that 90 % of them are right."
        )
    elif total.precision.value < PROMISE:
        lead = (
            f"With thresholds meant for 90 % precision, this model fills in **{filled}**, but only **{right} of them "
            f"are right** on test; {of}."
        )
    else:
        lead = f"At 90 % precision, this model fills in **{filled}**; {of}."
    precision = Estimate(total.precision.value, total.precision.low, total.precision.high)
    kept = (
        f"Thresholds were chosen for 90 % precision on validation. On test, {shown(precision)} % of the filled values "
        f"are right, measured on {counted(total.asked, 'question')} whose answer the catalog has."
    )
    return [Text(lead, lead=True), Text(kept)]


def attribute_table(attributes: Sequence[Readiness]) -> Table:
    """One row per attribute: its coverage, its precision, and why it is not ready."""
    alone = [
        name for name in ("text_alone", "image_alone") if not all(math.isnan(getattr(a, name)) for a in attributes)
    ]
    heads: list[Column | str] = ["attribute", "state", "fills in", "% of the requested values", "% of these right"]
    heads += ["answered from", *(Column(name.replace("_", " "), "% right") for name in alone)]
    rows = []
    for each in attributes:
        coverage = Estimate(each.coverage.value, each.coverage.low, each.coverage.high)
        precision = Estimate(each.precision.value, each.precision.low, each.precision.high)
        state = Badge(each.state, STATES[each.state])
        answered: list[Cell] = [Bar(coverage), coverage, precision, each.source or None]
        answered += [Estimate(getattr(each, name)) for name in alone]
        rows.append([each.attribute, state, *answered, each.asked, each.reason])
    return Table([*heads, "asked (test)", "why not ready"], rows, filtered=len(rows) > 8, stacked=True)
