"""Renders documents as Markdown."""

from collections.abc import Iterable, Sequence

from moemoe.reporting.document import (
    Block,
    Bullets,
    Contents,
    Document,
    Example,
    Examples,
    Facts,
    Heading,
    Metrics,
    Notice,
    Plot,
    Section,
    Slot,
    Table,
    Text,
)
from moemoe.reporting.formats import shown


def document_text(document: Document) -> str:
    """The whole document."""
    return "\n\n".join([f"# {document.title}", *_texts(document.blocks)]) + "\n"


def table_text(table: Table) -> str:
    """A GitHub table; a pipe within an entry is escaped."""
    heads = [column.full_name for column in table.headings]
    return "\n".join(
        [_line(heads), "| --- |" + " --- |" * (len(heads) - 1), *(_line(map(shown, row)) for row in table.rows)]
    )


def _texts(blocks: Sequence[Block]) -> list[str]:
    return [text for block in blocks if (text := _text(block))]


def _text(block: Block) -> str:
    match block:
        case Heading():
            return f"### {block.text}"
        case Text():
            return block.text
        case Bullets():
            return "\n".join(f"- {item}" for item in block.items)
        case Notice():
            return f"> {block.text}"
        case Metrics():
            return "\n".join(f"- {item.name}: **{shown(item.value)}** {item.note}".rstrip() for item in block.items)
        case Facts():
            return "\n".join(f"- {name}: {shown(value)}" for name, value in block.items)
        case Table():
            return table_text(block)
        case Plot():
            return f"(plot: {block.name})"
        case Examples():
            return "\n".join(_example(item) for item in block.items)
        case Section():
            return "\n\n".join([f"## {block.title}", *_texts(block.blocks)])
        case Slot():
            return "\n\n".join(_texts(block.blocks))
        case Contents():
            return ""
    raise TypeError(f"a document has no block {type(block).__name__}")


def _example(item: Example) -> str:
    facts = ", ".join(f"{name} {shown(value)}" for name, value in item.facts)
    return f"- {item.badge.text}: {item.title}; {facts}"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
