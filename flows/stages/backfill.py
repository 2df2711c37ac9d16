"""BackfillFlow: a registered model fills in the missing values of a catalog, partition by partition."""

import os
import shlex
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from moemoe.catalog.find import find_partitions
from moemoe.catalog.read import check_layouts
from moemoe.contract.load import load_contract
from moemoe.inference.attribute_model import CONTRACT, AttributeModel
from moemoe.inference.backfill import BackfillJob, PartitionResult, backfill_partitions, start_backfill, task_partitions
from moemoe.inference.backfill_report import Finished, finish_backfill
from moemoe.inference.partition_questions import NEEDED
from moemoe.inference.thresholds import check_threshold_kind
from moemoe.registry.tracking import check_tracking, default_tracking_uri
from moemoe.registry.versions import Version, fetch_version, find_version
from moemoe.reporting.audit_page import audit_page
from moemoe.reporting.backfill_report import backfill_report
from moemoe.reporting.document import Document
from moemoe.reporting.html import page
from moemoe.schemas import CONTRADICTS, FILLED
from moemoe.storage import join, write_bytes
from stages.collect import say
from stages.options import BackfillOptions, check_numbers


@dataclass(frozen=True)
class Started:
    """A backfill that has begun: the model's version and where MLflow has it, and the partitions of each task."""

    job: BackfillJob
    version: Version
    tracking: str
    groups: list[list[str]]


def start(options: BackfillOptions) -> Started:
    """Checks catalog, model and output, and fixes the model's version.

    The layout of each local file is recognised, by the names of the model's contract.

    Raises:
        MoEMoEError: an error that would end the backfill later.
    """
    check_threshold_kind(options.thresholds)
    check_numbers(audit_size=options.audit_size, tasks=options.tasks)
    tracking = default_tracking_uri()
    check_tracking(tracking)
    version = find_version(tracking, options.model)
    partitions = find_partitions(options.catalog, say)
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        contract = load_contract(fetch_version(tracking, version, scratch, CONTRACT))
    for note in check_layouts(partitions, contract.columns, options.layout, NEEDED):
        say(note)
    given = (options.thresholds, options.output, partitions, options.layout, options.allow_private_hosts)
    job = start_backfill(version.words, *given)
    return Started(job, version, tracking, task_partitions(partitions, options.tasks or os.cpu_count() or 1))


def fill(
    job: BackfillJob,
    version: Version,
    tracking: str,
    partitions: Sequence[str],
    scratch: str,
    on_rows: Callable[[int], None],
    on_part: Callable[[PartitionResult, bool], None],
) -> list[PartitionResult]:
    """Fills in some of the partitions; those that an earlier run has finished stay as they are."""

    def load_model() -> AttributeModel:
        return AttributeModel.load(fetch_version(tracking, version, scratch))

    return backfill_partitions(load_model, list(partitions), job, on_rows, on_part, say)


def finish(job: BackfillJob, tasks: Iterable[Sequence[PartitionResult]], audit_size: int) -> Finished:
    """Writes coverage, the sample for people to judge and, last, the manifest."""
    return finish_backfill(job, [part for parts in tasks for part in parts], audit_size)


def write_pages(job: BackfillJob, finished: Finished) -> Document:
    """Writes the audits' pages and the report beside the values; returns the report's document, for the card."""
    for audit, decision in ((finished.audit, FILLED), (finished.label_audit, CONTRADICTS)):
        name = audit.page.rsplit("/", 1)[-1].removesuffix(".html")
        write_bytes(audit.page, audit_page(audit.rows, job.model_version, name, decision).encode())
    document = backfill_report(finished, job.model_version, job.threshold_kind)
    write_bytes(report_uri(job), page(document).encode())
    return document


def report_uri(job: BackfillJob) -> str:
    """The URI of a backfill's report."""
    return join(job.output, "report.html")


def summary(finished: Finished, report: str) -> str:
    """The lines that a backfill ends with."""
    command = shlex.join(["moemoe", "audit", finished.audit.table])
    return "\n".join(
        [
            f"report   {report}",
            f"values   {finished.manifest} lists the Parquet files",
            f"audit    {finished.audit.page} for people; its table is {finished.audit.table}",
            f"verdicts {command} --verdicts VERDICTS.csv",
            f"labels   {finished.label_audit.page}: labels of the catalog that the model contradicts",
        ]
    )
