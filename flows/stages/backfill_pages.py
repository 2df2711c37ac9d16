"""The pages of a finished backfill: the audit for people to judge, and the report."""

from typing import Any

from moemoe.reporting import html
from moemoe.reporting.audit_page import audit_page
from moemoe.reporting.backfill_report import backfill_report
from moemoe.reporting.document import Document
from moemoe.storage import join, write_bytes

REPORT = "report.html"


def write_pages(finished: Any, job: Any) -> Document:
    """Writes both beside the backfill's values; returns the report's document, for the card."""
    name = finished.page.rsplit("/", 1)[-1].removesuffix(".html")
    write_bytes(finished.page, audit_page(finished.drawn, job.model_version, name).encode())
    document = backfill_report(finished, job.model_version, job.rule)
    write_bytes(join(job.output, REPORT), html.page(document).encode())
    return document
