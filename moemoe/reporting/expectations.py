"""The results of a contract's expectations: failures first and in color, the others collapsed below."""

from collections.abc import Sequence
from typing import Protocol

from moemoe.reporting.document import FAILURE, GOOD, WARNING, Badge, Block, Cell, Notice, Section, Table

HEADS = ["expectation", "result", "severity", "observed", "failing products"]


class ExpectationResult(Protocol):
    """The result of one expectation; ``data_contracts.check.ExpectationResult`` implements it."""

    @property
    def words(self) -> str: ...  # noqa: D102
    @property
    def severity(self) -> str: ...  # noqa: D102
    @property
    def success(self) -> bool: ...  # noqa: D102
    @property
    def observed(self) -> str: ...  # noqa: D102
    @property
    def product_ids(self) -> tuple[str, ...]: ...  # noqa: D102


class Report(Protocol):
    """Every finding of a suite; ``data_contracts.check.ContractReport`` implements it."""

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def findings(self) -> Sequence[ExpectationResult]:
        """In the order of the suite."""

    @property
    def failures(self) -> Sequence[ExpectationResult]:
        """Failed expectations, critical ones first."""


def expectation_blocks(report: Report) -> list[Block]:
    """How many expectations pass, each failed one with its observed value, and those that pass."""
    failures = report.failures
    held = [finding for finding in report.findings if finding.success]
    critical = any(finding.severity == "critical" for finding in failures)
    kind = FAILURE if critical else WARNING if failures else GOOD
    found: list[Block] = [Notice(f"{len(held)} of {len(report.findings)} expectations pass.", kind)]
    if failures:
        found.append(Table(HEADS, [_row(finding) for finding in failures], stacked=True))
    if held:
        found.append(
            Section("Passed", [Table(HEADS, [_row(finding) for finding in held], stacked=True)], collapsed=True)
        )
    return found


def _row(finding: ExpectationResult) -> list[Cell]:
    state = (
        Badge("passes", GOOD)
        if finding.success
        else Badge("fails", FAILURE if finding.severity == "critical" else WARNING)
    )
    return [finding.words, state, finding.severity, finding.observed, ", ".join(finding.product_ids)]
