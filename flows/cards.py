"""What the cards of all flows are made of."""

from collections.abc import Sequence
from typing import Any

from metaflow import current
from metaflow.cards import Markdown, Table

SAMPLE = "> **Sample catalog**: drawn products with made-up labels. These figures say nothing about a real catalog."


def heading(title: str, is_sample: bool) -> None:
    """Begins a card; a card about the sample catalog says so first."""
    current.card.append(Markdown(f"# {title}"))
    if is_sample:
        current.card.append(Markdown(SAMPLE))


def table(rows: Sequence[Sequence[Any]], headers: list[str]) -> None:
    """Appends a table to the card; numbers are shown short."""
    current.card.append(Table([[short(value) for value in row] for row in rows], headers=headers))


def short(value: Any) -> str:
    """A value as tables show it: three decimals, thousands apart, a dash for none."""
    if isinstance(value, float):
        return "-" if value != value else f"{value:.3f}"
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def results(report: Any) -> None:
    """Every expectation of a report with what was observed."""
    current.card.append(Markdown(f"## {report.title[0].upper()}{report.title[1:]}"))
    rows = [
        (f.promise, f.severity, "holds" if f.success else "BROKEN", f.observed, ", ".join(f.product_ids))
        for f in report.findings
    ]
    table(rows, ["expectation", "severity", "result", "observed", "products"])


def card_html(pathspec: str) -> str:
    """The HTML of a finished task's card, read where Metaflow has written it: below the working directory.

    ``metaflow.cards.get_cards`` looks into the datastore, which METAFLOW_DATASTORE_SYSROOT_LOCAL, of the environment or
    of Metaflow's profile, puts elsewhere.

    Raises:
        CardNotPresentException: the task has no card.
    """
    from metaflow import Task, namespace
    from metaflow.datastore import FlowDataStore
    from metaflow.plugins import DATASTORES
    from metaflow.plugins.cards.card_datastore import CardDatastore
    from metaflow.plugins.cards.card_resolver import resolve_paths_from_task

    namespace(None)  # a production run's tasks are not in the reader's own
    written = Task(pathspec).metadata_dict
    kind = written["ds-type"]
    # with METAFLOW_CARD_LOCALROOT Metaflow knows no root of cards and writes them into the datastore itself
    root = CardDatastore.get_storage_root(kind) or written["ds-root"]
    storage = next(known for known in DATASTORES if kind == known.TYPE)
    store = FlowDataStore(pathspec.split("/")[0], None, storage_impl=storage, ds_root=root)
    [path, *_], cards = resolve_paths_from_task(store, pathspec)
    return cards.get_card_html(path)
