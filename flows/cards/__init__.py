"""Shows documents on the card of the running step; ``training`` and ``backfill`` show progress while a step runs."""

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence

from metaflow import current
from metaflow.cards import Image, Markdown, MetaflowCardComponent, Table

import cards.finished  # noqa: F401 - the type of card that most steps have
from moemoe.reporting import document as doc
from moemoe.reporting.formats import shown

#: If a table has more columns, its headings leave out their group's name.
MANY_COLUMNS = 6
#: Where HTML begins, and the middle of a link, an image or a link's definition.
_BEGINS_MARKUP = re.compile(r"<(?=[^\s\d<=])|\](?=[(\[:])")


def markdown(text: str) -> Markdown:
    """Running text with its bold and code, as a component.

    A card renders HTML, links and images in Markdown and offers no way to escape them: titles, values and names from a
    catalog would run in the reader's browser. So an invisible word joiner is inserted after each character that could
    begin one.
    """
    return Markdown(_BEGINS_MARKUP.sub("\\g<0>\u2060", text))


def show(document: doc.Document) -> None:
    """Appends a document to the card."""
    current.card.append(markdown(f"# {document.title}"))
    for component in components(document.blocks):
        current.card.append(component)


def components(blocks: Sequence[doc.Block]) -> Iterator[MetaflowCardComponent]:
    """Metaflow's components of the blocks."""
    for block in blocks:
        match block:
            case doc.Heading():
                yield markdown(f"## {block.text}")
            case doc.Text():
                yield markdown(f"### {block.text}" if block.lead else block.text)
            case doc.Bullets():
                yield markdown("\n".join(f"- {item}" for item in block.items))
            case doc.Notice():
                yield markdown(f"> {block.text}")
            case doc.Facts():
                yield Table([[name, shown(value)] for name, value in block.items], headers=["", ""])
            case doc.Table():
                yield _table(block)
            case doc.Plot():
                yield Image(f"data:image/svg+xml;base64,{b64encode(block.svg).decode()}")
            case doc.Examples():
                yield _examples(block.items)
            case doc.Section():
                yield markdown(f"## {block.title}")
                yield from components(block.blocks)
            case doc.Slot():
                yield from components(block.blocks)


def _table(table: doc.Table) -> Table:
    """A table for a narrow card: without bars, as their numbers have columns too, and with short headings if many."""
    shown_columns = [i for i in range(len(table.columns)) if not any(isinstance(row[i], doc.Bar) for row in table.rows)]
    names = [head.name for head in table.headings]
    many = len(shown_columns) > MANY_COLUMNS
    heads = [names[i] if many and names.count(names[i]) == 1 else table.headings[i].full_name for i in shown_columns]
    return Table([[_cell(row[i]) for i in shown_columns] for row in table.rows], headers=heads)


def _cell(cell: doc.Cell) -> str | Image:
    return Image(cell.data, label=cell.label) if isinstance(cell, doc.Image) else shown(cell)


def _examples(items: Sequence[doc.Example]) -> Table:
    rows = []
    for item in items:
        image = _cell(item.image) if item.image else markdown("no image")
        facts = "\n".join(f"- {name}: {shown(value)}" for name, value in item.facts)
        rows.append([image, markdown(f"**{item.badge.text}**"), markdown(item.title), markdown(facts)])
    return Table(rows, headers=["product", "", "title", "answer"])
