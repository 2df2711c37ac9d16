"""Converts a shop's HTML body to paragraphs and bullet points of plain text."""

import html
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from moemoe.catalog.formats.row_error import RowError
from moemoe.contract.cell_text import as_text

#: Elements whose content is dropped.
_HIDDEN = frozenset(("script", "style", "template", "noscript", "iframe", "object", "svg", "head"))
#: Elements that begin and end a line.
_BLOCKS = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "dd", "details", "div", "dl", "dt", "fieldset"),
        *("figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li"),
        *("main", "nav", "ol", "p", "pre", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul"),
    )
)
_LISTS = frozenset(("ul", "ol"))
_CELLS = frozenset(("td", "th"))
#: A tag as a browser sees it: "sizes <5 and >3" has none.
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--|<!\[CDATA\[|<!doctype", re.IGNORECASE)
#: Declarations, and a < that opens no tag: html.parser would search the rest of the body for the end of each.
_NO_TAG = re.compile(r"(<!\[CDATA\[|\]\]>|<[!?][^<>]*>)|<(?![a-zA-Z/][^<>]*>)")
#: The rest of an entity that was escaped twice.
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]*|#\d+|#x[0-9a-fA-F]+);")
#: Characters of a body that are read; the rest is dropped.
MAX_CHARACTERS = 1_000_000


@dataclass
class HtmlText:
    """The text of a body: its ``paragraphs`` in order, and the items of its lists as ``bullet_points``."""

    paragraphs: list[str] = field(default_factory=list)
    bullet_points: list[str] = field(default_factory=list)

    @property
    def description(self) -> str | None:
        """The paragraphs, one a line."""
        return "\n".join(self.paragraphs) or None


def html_text(body: Any) -> HtmlText:
    """The text of an HTML body, or the lines of plain text; resolves entities, drops scripts, styles and comments.

    Text that was escaped twice ("&lt;p&gt;" in a feed, "&amp;amp;") is unescaped twice.

    Raises:
        RowError: the body is a list or an object.
    """
    if isinstance(body, (list, dict)):
        raise RowError("row", "row is not readable", f"a text is expected, not {str(body)[:200]!r}")
    body = (body if isinstance(body, str) else as_text(body) or "")[:MAX_CHARACTERS]
    if not _TAG.search(body):
        plain = html.unescape(body)
        if plain == body or not _TAG.search(plain):
            return HtmlText([line for line in map(_one_line, plain.splitlines()) if line])
        body = plain
    reader = _Reader()
    reader.feed(_NO_TAG.sub(lambda found: "" if found[1] else "&lt;", _without_comments(body)))
    reader.close()
    return reader.finished()


def html_texts(*bodies: Any) -> HtmlText:
    """The text of several bodies, such as a short and a long description, each line once. Raises as ``html_text``."""
    texts = [html_text(body) for body in bodies]
    paragraphs = dict.fromkeys(line for text in texts for line in text.paragraphs)
    return HtmlText(list(paragraphs), list(dict.fromkeys(point for text in texts for point in text.bullet_points)))


def line_text(body: Any) -> str | None:
    """The text of HTML that is one line, such as a title; None if nothing is left. Raises RowError as ``html_text``."""
    text = html_text(body)
    return " ".join((*text.paragraphs, *text.bullet_points)) or None


def _without_comments(body: str) -> str:
    parts, at = [], 0
    while (start := body.find("<!--", at)) >= 0 and (end := body.find("-->", start + 4)) >= 0:
        parts.append(body[at:start])
        at = end + 3
    return "".join((*parts, body[at:]))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found = HtmlText()
        self._line: list[str] = []
        self._hidden: list[str] = []  # the open elements that hide their content, outermost first
        self._lists = 0  # number of open ones

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        elif tag in _BLOCKS or tag == "br":
            self._end_line()
            self._lists += tag in _LISTS
        elif tag in _CELLS and any(part.strip() for part in self._line):
            self._line.append(" | ")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        if tag not in _HIDDEN:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]
        elif tag in _BLOCKS:
            self._end_line()
            self._lists = max(self._lists - (tag in _LISTS), 0)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._line.append(data)

    def finished(self) -> HtmlText:
        """The result, including the last line."""
        self._end_line()
        return self._found

    def _end_line(self) -> None:
        text = _one_line("".join(self._line))
        self._line = []
        if text:
            (self._found.bullet_points if self._lists else self._found.paragraphs).append(text)


def _one_line(text: str) -> str:
    return " ".join((html.unescape(text) if _ENTITY.search(text) else text).split())
