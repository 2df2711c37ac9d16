"""Rewrites Great Expectations' Data Docs, which need scripts, styles and images, as pages that need no other files.
All pages count the values that are as expected, as the index does.

Elements that only work with scripts (filters, collapsed parts, the side bar) are removed with the scripts.
"""

import re
import shutil
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from moemoe.reporting import html
from moemoe.reporting.document import Cell, Document, Link, Section, Table
from moemoe.reporting.expectations import expectation_blocks

#: Patterns of what is removed, in this order.
_DEAD = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<script\b.*?</script>",
        r"<style\b.*?</style>",
        r"<link\b[^>]*>",
        r"<header\b.*?</header>|<footer\b.*?</footer>",
        r"<img\b[^>]*>",
        r'<div class="btn-group[^>]*>.*?</div>',  # "Show All", "Failed Only"
        r"<(h\d|strong|p|span|div)\b[^>]*>\s*(?:Actions|Validation Filter:)\s*</\1>",
        r"<(label|button)\b.*?</\1>|<input\b[^>]*>",
        r'<a [^>]*data-toggle="collapse"[^>]*>.*?</a>',
        r"(<br>)?\s*Data asset: None\s*(?=<)",
        r'<div id="[^"]*collapse-item-\d+-header".*?</table>',  # versions, fingerprints of the checked rows
        r'<li class="ge-breadcrumbs-item breadcrumb-item active"[^>]*>.*?</li>',
        r' (onclick|data-toggle|data-target|aria-\w+|data-spy|data-offset)="[^"]*"',
    )
)
#: Styles for Great Expectations' own classes, in addition to the style of all pages.
_STYLE = """
body { max-width: 1320px; margin: 0 auto; padding: 1.2rem 1.5rem 4rem; }
nav { background: none; padding: 0; margin: 0; max-height: none !important; overflow: visible !important; }
nav ol { columns: auto; list-style: none; padding: 0; } nav ul, ul.nav { columns: 14em; padding-left: 1.2rem; }
[style*="overflow"], [style*="max-height"] { max-height: none !important; overflow: visible !important; }
.lead { font-size: 1rem; }
h5, h6 { font-size: 1.1em; margin: 1em 0 .3em; } i { font-style: normal; } .cooltip .top { display: none; }
.fa-check-circle::before { content: "passes"; color: var(--good); }
.fa-times::before, .fa-exclamation-triangle::before, .fa-exclamation-circle::before {
  content: "fails"; color: var(--failure); font-weight: 700; }
"""


_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)
_HEADING = re.compile(r'<h4>.*?</h4>\s*<p class="lead">.*?</p>', re.DOTALL)
#: Folder of pages -> what they show.
_SHOWN = {"validations": "what was found", "expectations": "what is expected"}

#: Great Expectations counts the values that break an expectation, our reports those that fulfil it.
_UNEXPECTED = re.compile(r"([\d.]+)% unexpected")


def _tagged(tag: str, heading: str, _: re.Match[str]) -> str:
    return f"<{tag}>{heading}</{tag}>"


def _as_expected(unexpected: re.Match[str]) -> str:
    return f"{100 - float(unexpected[1]):.6g}% as expected"


def make_readable(docs: Path, report: Any) -> None:
    """Removes from every page what needs scripts or files; writes an index with the results of a ``ContractReport``."""
    for page in (page for folder in _SHOWN for page in (docs / folder).rglob("*.html")):
        text = page.read_text(encoding="utf-8")
        for dead in _DEAD:
            text = dead.sub("", text)
        text = _UNEXPECTED.sub(_as_expected, text)
        relative = page.relative_to(docs)
        heading = escape(f"{_title(report)}: {_name(relative)}, {_SHOWN[relative.parts[0]]}")
        text = _TITLE.sub(partial(_tagged, "title", heading), text, count=1)
        text = _HEADING.sub(partial(_tagged, "h1", heading), text, count=1)
        page.write_text(text.replace("</head>", f"<style>{html.style()}{_STYLE}</style></head>", 1), encoding="utf-8")
    shutil.rmtree(docs / "static", ignore_errors=True)
    (docs / "index.html").write_text(html.page(_index(docs, report), scripts=False), encoding="utf-8")


def _index(docs: Path, report: Any) -> Document:
    """The failed and passed expectations of a ``ContractReport``, and links to the detailed pages."""
    pages: list[list[Cell]] = [
        [Link(_name(page.relative_to(docs)), str(page.relative_to(docs))), shown]
        for folder, shown in _SHOWN.items()
        for page in sorted((docs / folder).rglob("*.html"))
    ]
    detail = Section("In detail", [Table(["page", "shows"], pages)])
    return Document(_title(report), [*expectation_blocks(report), detail])


def _title(report: Any) -> str:
    return report.title[0].upper() + report.title[1:]


def _name(page: Path) -> str:
    """``validations/products/raw-catalog-00002/TIME/30pt-products.html`` -> products, part 3 (none for part 1)."""
    if page.parts[0] != "validations":
        return page.stem
    number = int(page.parts[2].rsplit("-", 1)[-1])
    return page.parts[1] + (f", part {number + 1}" if number else "")
