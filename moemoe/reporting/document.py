"""Documents: the content of reports and cards, independent of how it is rendered.

Pure functions build a document from results; ``html`` renders it as one page, and the flows' cards as Metaflow's
components. Running text may carry ``**bold**`` and `` `code` ``, and nothing else.
"""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

#: Kinds of a notice and of a badge.
GOOD, WARNING, FAILURE, NEUTRAL = "good", "warning", "failure", "neutral"

SYNTHETIC_NOTICE = (
    "**Sample catalog**: synthetic products with made-up labels. These metrics say nothing about a real catalog."
)


@dataclass(frozen=True)
class Estimate:
    """A share with the bounds of its 95 % interval, shown in per cent: ``89.3 [88.0, 90.5]``; None: no interval."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """A difference of two shares with its 95 % interval, in percentage points: ``+1.2 [-0.3, +2.7] (covers 0)``."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Bar:
    """An estimate drawn as a bar from 0 to 1, with a whisker for its interval."""

    estimate: Estimate


@dataclass(frozen=True)
class Badge:
    """A word in the color of its kind: GOOD, WARNING, FAILURE or NEUTRAL.

    ``number`` is the sort key in a column of flagged numbers.
    """

    text: str
    kind: str = NEUTRAL
    number: int | None = None


@dataclass(frozen=True)
class Marked:
    """A text with marked parts: ``spans`` are (start, end) character positions, rising, not overlapping."""

    text: str
    spans: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Code:
    """Something to copy literally: an id, a path, a line of YAML."""

    text: str


@dataclass(frozen=True)
class Link:
    """A link to a file beside the page."""

    text: str
    target: str


@dataclass(frozen=True)
class Image:
    """An encoded image, JPEG or PNG, with a text alternative."""

    data: bytes
    label: str = ""

    @property
    def kind(self) -> str:
        """Its subtype of MIME's ``image``."""
        return "png" if self.data.startswith(b"\x89PNG") else "jpeg"


Cell = str | int | float | None | Estimate | Difference | Bar | Badge | Marked | Code | Link | Image
"""A table's entry. A float is shown with three decimals; NaN and None are shown as a dash."""


@dataclass(frozen=True)
class Column:
    """A column's heading; ``group`` is a second heading above several neighbours."""

    name: str
    group: str = ""

    @property
    def full_name(self) -> str:
        """The heading on one line."""
        return f"{self.group}: {self.name}" if self.group else self.name


@dataclass(frozen=True)
class Heading:
    """A heading within a section or card."""

    text: str


@dataclass(frozen=True)
class Text:
    """A paragraph; ``lead`` is the sentence that a page opens with, in large type."""

    text: str
    lead: bool = False


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Notice:
    """A sentence that must not be overlooked, in the color of its kind."""

    text: str
    kind: str = WARNING


@dataclass(frozen=True)
class Table:
    """A table.

    Args:
        columns: headings; a string is a Column without a group.
        rows: as wide as ``columns``.
        filtered: whether the page offers a box that filters rows by text; all tables of a page sort by a click.
        stacked: whether a narrow screen shows each row as its own block instead of a table to scroll.
    """

    columns: Sequence[Column | str]
    rows: Sequence[Sequence[Cell]]
    filtered: bool = False
    stacked: bool = False

    @property
    def headings(self) -> list[Column]:
        """``columns``, each as a Column."""
        return [Column(column) if isinstance(column, str) else column for column in self.columns]


@dataclass(frozen=True)
class Facts:
    """Names with a value each, such as the strip at the top of a report."""

    items: Sequence[tuple[str, Cell]]


@dataclass(frozen=True)
class Plot:
    """A matplotlib figure; ``name`` is unique in its document."""

    name: str
    figure: Any

    @cached_property
    def svg(self) -> bytes:
        """The figure as SVG, drawn once for page, card and MLflow; its text stays text, in every script."""
        return drawing(self.figure, self.name)


def drawing(figure: Any, name: str) -> bytes:
    """A matplotlib figure as an SVG file on white; ``name`` makes its ids unique.

    The layout is computed first, as matplotlib would draw a figure with a layout engine twice.
    """
    from matplotlib import rc_context

    out = io.BytesIO()
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)  # the viewer has a font for it
        if (layout := figure.get_layout_engine()) is not None:
            layout.execute(figure)
            figure.set_layout_engine(None)
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return out.getvalue().replace(b"<svg ", b'<svg style="background: white" ', 1)


@dataclass(frozen=True)
class Example:
    """A product to look at: image (None: it has none), title, badge, facts and its text."""

    image: Image | None
    title: str
    badge: Badge
    facts: Sequence[tuple[str, Cell]]
    text: Marked | None = None


@dataclass(frozen=True)
class Examples:
    """Products side by side."""

    items: Sequence[Example]


@dataclass(frozen=True)
class Section:
    """Blocks under a heading that the table of contents names; ``collapsed`` ones open by a click."""

    title: str
    blocks: Sequence["Block"]
    collapsed: bool = False
    summary: str = ""

    @property
    def anchor(self) -> str:
        """Its address within the page."""
        return "".join(c if c.isalnum() else "-" for c in self.title.casefold()).strip("-")


@dataclass(frozen=True)
class Slot:
    """A place of a page whose blocks a later step replaces (``html.fill``)."""

    name: str
    blocks: Sequence["Block"] = ()


@dataclass(frozen=True)
class Contents:
    """The table of contents: links to the document's sections."""


Block = Heading | Text | Bullets | Notice | Table | Facts | Plot | Examples | Section | Slot | Contents


@dataclass(frozen=True)
class Document:
    """The content of one report or card.

    Args:
        title: the first heading.
        blocks: in the order of reading.
        tab: the page's title in a browser; the title by default.
    """

    title: str
    blocks: Sequence[Block]
    tab: str = ""

    @property
    def sections(self) -> list[Section]:
        """Those that the table of contents names."""
        return [block for block in self.blocks if isinstance(block, Section)]
