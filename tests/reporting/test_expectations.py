"""Failed expectations come first and in color; passed ones are collapsed."""

from dataclasses import dataclass

from moemoe.reporting.document import FAILURE, GOOD, WARNING, Document, Section
from moemoe.reporting.expectations import expectation_blocks
from moemoe.reporting.html import page


@dataclass(frozen=True)
class Finding:
    words: str
    severity: str
    success: bool
    observed: str = "3 of 10"
    product_ids: tuple[str, ...] = ("p1",)


@dataclass(frozen=True)
class Report:
    findings: tuple[Finding, ...]
    title: str = "contract small"

    @property
    def failures(self) -> list[Finding]:
        return [finding for finding in self.findings if not finding.success]


HELD, WARNED = Finding("ids are unique", "critical", True), Finding("have an image", "warning", False)


def test_failures_come_first_and_what_holds_is_folded():
    summary, failures, held = expectation_blocks(Report((HELD, WARNED)))
    assert (summary.text, summary.kind) == ("1 of 2 expectations pass.", WARNING)
    assert [row[0] for row in failures.rows] == ["have an image"]
    assert failures.rows[0][1].kind == WARNING
    assert isinstance(held, Section)
    assert held.collapsed
    assert [row[0] for row in held.blocks[0].rows] == ["ids are unique"]


def test_the_summary_s_color_is_that_of_the_worst():
    critical = Finding("ids are unique", "critical", False)
    assert expectation_blocks(Report((WARNED, critical)))[0].kind == FAILURE
    assert [block.kind for block in expectation_blocks(Report((HELD,)))[:1]] == [GOOD]
    assert len(expectation_blocks(Report((WARNED,)))) == 2  # nothing holds, so nothing is collapsed


def test_a_page_without_scripts_has_none():
    document = Document("Data Docs", expectation_blocks(Report((HELD, WARNED))))
    assert "<script" not in page(document, scripts=False)
    assert "<script" in page(document)
