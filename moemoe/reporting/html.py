"""Documents as one HTML page each: styles, script, plots and images are embedded, and it needs no network."""

import base64
import re
from collections.abc import Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from moemoe.reporting.document import Block, Cell, Column, Document, Image, Marked, Plot, Table
from moemoe.reporting.formats import is_number, plain, shown, sort_key

TEMPLATES = Path(__file__).parent / "templates"
#: A longer entry of a table is a sentence.
SENTENCE = 40
_BOLD_OR_CODE = re.compile(r"\*\*(.+?)\*\*|`(.+?)`")


def page(document: Document, scripts: bool = True) -> str:
    """The document as a page; without ``scripts`` its tables neither sort nor filter."""
    template = _environment().get_template("page.html")
    return template.render(document=document, tab=document.tab or plain(document.title), scripts=scripts)


def style() -> str:
    """The CSS of all pages, for pages that another tool writes."""
    return (TEMPLATES / "page.css").read_text(encoding="utf-8")


def fill(html: str, slot: str, blocks: Sequence[Block]) -> str:
    """Replaces the content of the page's Slot of that name with ``blocks``; unchanged if it has no such slot."""
    begin, end = _slot_marks(slot)
    before, found, rest = html.partition(begin)
    old, closed, after = rest.partition(end)
    return f"{before}{begin}{fragment(blocks)}{end}{after}" if found and closed else html


def fragment(blocks: Sequence[Block]) -> Markup:
    """Blocks as a part of a page."""
    module: Any = _environment().get_template("blocks.html").module
    return module.blocks(blocks)


def template_page(template: str, **values: Any) -> str:
    """A page of ``templates/`` that is not a document."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "shown": shown,
        "sort_key": sort_key,
        "numeric_columns": _numeric_columns,
        "wide_columns": _wide_columns,
        "unbroken": _unbroken,
        "kind": lambda value: type(value).__name__,
        "inline": _inline,
        "marked": _marked,
        "data_uri": data_uri,
        "inline_svg": inline_svg,
        "groupby_neighbours": _neighbours,
        "percent_of_width": lambda share: f"{100 * min(max(share, 0.0), 1.0):.2f}%" if share == share else "0%",
        "slot_marks": lambda name: tuple(map(Markup, _slot_marks(name))),
    }
    environment.globals["source"] = lambda name: Markup((TEMPLATES / name).read_text(encoding="utf-8"))
    return environment


def _slot_marks(name: str) -> tuple[str, str]:
    return f"<!-- {name} begins -->", f"<!-- {name} ends -->"


def _inline(text: str) -> Markup:
    """Running text with its bold and code, everything else escaped; a number stays with its per cent sign."""
    text = text.replace(" %", "\u00a0%")
    parts, at = [], 0
    for found in _BOLD_OR_CODE.finditer(text):
        tag, inner = ("b", found[1]) if found[1] else ("code", found[2])
        parts += [escape(text[at : found.start()]), Markup(f"<{tag}>{escape(inner)}</{tag}>")]
        at = found.end()
    return Markup("").join([*parts, escape(text[at:])])


def _marked(cell: Marked) -> Markup:
    parts, at = [], 0
    for start, end in cell.spans:
        parts += [escape(cell.text[at:start]), Markup(f"<mark>{escape(cell.text[start:end])}</mark>")]
        at = end
    return Markup("").join([*parts, escape(cell.text[at:])])


def _neighbours(heads: Sequence[Column]) -> list[dict[str, Any]]:
    """The groups of neighbouring columns, with how many columns each spans."""
    return [{"name": name, "width": len(list(own))} for name, own in groupby(heads, key=lambda head: head.group)]


def _numeric_columns(table: Table) -> list[bool]:
    """Which columns are right-aligned: those with a number."""
    return [any(is_number(row[index]) for row in table.rows) for index in range(len(table.columns))]


def _wide_columns(table: Table) -> list[bool]:
    """Which columns need a minimum width: those with a sentence."""

    def is_sentence(cell: Cell) -> bool:
        return isinstance(cell, str) and len(cell) > SENTENCE

    return [any(is_sentence(row[index]) for row in table.rows) for index in range(len(table.columns))]


def _unbroken(text: str) -> str:
    """A value whose interval does not wrap; what follows in parentheses may."""
    return text.replace(" [", "\u00a0[").replace(", ", ",\u00a0") if "[" in text else text


def data_uri(image: Image) -> str:
    """An image as a data URI."""
    return f"data:image/{image.kind};base64,{base64.b64encode(image.data).decode()}"


def inline_svg(plot: Plot) -> Markup:
    """A plot as inline SVG on the page's own background and in its text color."""
    text = plot.svg.decode()
    text = text[text.index("<svg") :].replace('style="background: white" ', "", 1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    # matplotlib numbers the groups of each plot from 1; ids must be unique in a page, and nothing refers to these
    text = re.sub(r'<g id="[^"]*"', "<g", text)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)  # namespaces, which HTML needs for neither SVG nor links
    text = re.sub(r'<svg ([^>]*?)height="[^"]*"', r"<svg \1", text, count=1)
    widest = f'style="max-width: {96 * plot.figure.get_figwidth():.0f}px"'
    text = re.sub(r'<svg ([^>]*?)width="[^"]*"', rf"<svg \1{widest}", text, count=1)
    text = text.replace("stroke: #000000", "stroke: currentColor").replace("fill: #000000", "fill: currentColor")
    return Markup(text)
