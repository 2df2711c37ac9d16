"""A document as text, to look for sentences and rows in it."""

from collections.abc import Sequence

from moemoe.reporting.comparison_table import table_text
from moemoe.reporting.document import (
    Block,
    Bullets,
    Contents,
    Document,
    Example,
    Examples,
    Facts,
    Heading,
    Notice,
    Plot,
    Section,
    Slot,
    Table,
    Text,
)
from moemoe.reporting.formats import shown


def document_text(document: Document) -> str:
    return "\n\n".join([f"# {document.title}", *_texts(document.blocks)]) + "\n"


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
