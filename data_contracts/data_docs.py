"""Data Docs as Great Expectations writes them need scripts, styles and pictures; here pages of text that need nothing.
One way of counting in all of them: what holds, as the index does.

What only works with scripts (filters, folded parts, the bar at the side) is taken out with them.
"""

import html
import re
import shutil
from pathlib import Path
from typing import Any

#: What is taken out whole, in this order.
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
        r' (onclick|data-toggle|data-target|aria-\w+|data-spy|data-offset)="[^"]*"',
    )
)
_STYLE = """<style>
body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; } td, th { border: 1px solid #ccc; padding: .3em .7em; }
th { text-align: left; background: #f4f4f4; } .broken td { background: #fde8e8; }
h5, h6 { font-size: 1.1em; margin: 1em 0 .3em; }
.fa-check-circle::before { content: "holds"; color: #17794b; font-style: normal; }
.fa-times::before, .fa-exclamation-triangle::before, .fa-exclamation-circle::before {
  content: "broken"; color: #b3261e; font-style: normal; }
i { font-style: normal; } .cooltip .top { display: none; }
</style>"""


#: Great Expectations counts the values that break an expectation, our reports those that it speaks of.
_UNEXPECTED = re.compile(r"([\d.]+)% unexpected")


def _as_expected(unexpected: re.Match[str]) -> str:
    return f"{100 - float(unexpected[1]):.6g}% as expected"


def make_readable(docs: Path, report: Any) -> None:
    """Every page without what needs scripts or files; an index that says what of a ``ContractReport`` holds."""
    for page in docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for dead in _DEAD:
            text = dead.sub("", text)
        text = _UNEXPECTED.sub(_as_expected, text)
        page.write_text(text.replace("</head>", f"{_STYLE}</head>", 1), encoding="utf-8")
    shutil.rmtree(docs / "static", ignore_errors=True)
    (docs / "index.html").write_text(_index(docs, report), encoding="utf-8")


def _index(docs: Path, report: Any) -> str:
    broken = len(report.failures)
    held = len(report.findings) - broken
    rows = "".join(
        f"<tr{'' if f.success else ' class=broken'}>"
        + "".join(
            f"<td>{html.escape(text)}</td>"
            for text in (
                f.promise,
                f.severity,
                "holds" if f.success else "broken",
                f.observed,
                ", ".join(f.product_ids),
            )
        )
        + "</tr>"
        for f in sorted(report.findings, key=lambda finding: finding.success)
    )
    heads = "".join(f"<th>{name}</th>" for name in ("expectation", "severity", "result", "observed", "products"))
    links = "".join(
        f'<li><a href="{page.relative_to(docs)}">{words}: {" / ".join(page.relative_to(docs).parts[1:-2]) or page.stem}'
        "</a></li>"
        for folder, words in (("validations", "results"), ("expectations", "expectations"))
        for page in sorted((docs / folder).rglob("*.html"))
    )
    title = html.escape(report.title[0].upper() + report.title[1:])
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{_STYLE}</head><body>'
        f"<h1>{title}</h1><p>{held} of {len(report.findings)} expectations hold.</p>"
        f"<table><tr>{heads}</tr>{rows}</table><h2>In detail</h2><ul>{links}</ul></body></html>\n"
    )
