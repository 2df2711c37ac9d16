"""Finished partitions -> coverage, examples, the audit and, last, the manifest that describes the backfill."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from moemoe.catalog.reading import Reading, merge_readings
from moemoe.errors import StorageError
from moemoe.inference.audit import draw_audit, merge_samples
from moemoe.inference.backfill import BackfillJob, PartitionResult
from moemoe.schemas import ABSTAINED, AGREES, CONTRADICTS, FILLED
from moemoe.storage import exists, join, read_table, sizes, write_bytes, write_table


@dataclass(frozen=True)
class Coverage:
    """The decisions on one product type and attribute, or on everything.

    Args:
        missing: products without a label that the contract can read; ``filled`` of them got a value.
        agrees, contradicts: products with a label that an accepted prediction agrees with, or contradicts.
        abstained_labelled: products with a label about which the model abstains.
        blocked: accepted predictions that break a rule on contradictions: of the missing values, and of the labelled
            products about which the model then abstains.
        validation_accepted: the validation products that the cell's threshold accepts; None if unknown.
    """

    product_type: str
    attribute: str
    missing: int
    filled: int
    agrees: int
    contradicts: int
    abstained_labelled: int
    blocked: int = 0
    validation_accepted: int | None = None

    @property
    def share(self) -> float:
        """Share of the missing values that were filled in; NaN if none is missing."""
        return self.filled / self.missing if self.missing else float("nan")


@dataclass(frozen=True)
class Audit:
    """Rows of one decision for people to judge: AUDIT without verdicts, and the URIs of their table and page."""

    rows: pa.Table
    table: str
    page: str


@dataclass(frozen=True)
class Finished:
    """A finished backfill: where its files are, and what the card shows.

    Args:
        audit: of filled values; ``label_audit`` is of labels that accepted predictions contradict.
        coverage: per product type and attribute, those with most missing values first; ``total`` is all together.
        sample: AUDIT_CANDIDATES, filled and contradicting rows with their images.
        blocked: by rule on contradictions (``Contradiction.words``), the values that were abstained from for it.
        readings: how the partitions were read, equal ones once.
    """

    manifest: str
    audit: Audit
    label_audit: Audit
    coverage: list[Coverage]
    total: Coverage
    sample: pa.Table
    rows: int
    products: int
    quarantined: int
    blocked: dict[str, int] = field(default_factory=dict)
    readings: list[Reading] = field(default_factory=list)


def finish_backfill(job: BackfillJob, parts: Sequence[PartitionResult], audit_size: int) -> Finished:
    """Writes the audits of values and labels, ``audit_size`` rows each, and then the manifest.

    Raises:
        StorageError: a table of a finished partition is lost.
    """
    parts = sorted(parts, key=lambda part: part.values)
    _check_tables(job, parts)
    coverage, total = coverage_of(parts)
    sample = merge_samples(read_table(join(job.output, part.sample)) for part in parts)
    name = hashlib.sha256("".join([*(part.values for part in parts), str(audit_size)]).encode()).hexdigest()[:16]
    audit_stem, labels_stem = f"audit/audit-{name}", f"audit/labels-{name}"
    filled = {(row.product_type, row.attribute): row.filled for row in coverage}
    audit = _audit(draw_audit(sample, filled, audit_size), join(job.output, audit_stem))
    contradicts = {(row.product_type, row.attribute): row.contradicts for row in coverage}
    label_audit = _audit(draw_audit(sample, contradicts, audit_size, CONTRADICTS), join(job.output, labels_stem))
    counts = {number: sum(getattr(part, number) for part in parts) for number in ("rows", "products", "quarantined")}
    blocked: Counter[str] = Counter()
    for part in parts:
        for _, _, rule, number in part.blocked:
            blocked[rule] += number
    manifest = {
        "model_version": job.model_version,
        "thresholds": job.threshold_kind,
        **counts,
        "blocked": blocked,
        "values": [part.values for part in parts],
        "quarantine": [part.quarantine for part in parts],
        "audit": f"{audit_stem}.parquet",
        "label_audit": f"{labels_stem}.parquet",
    }
    uri = join(job.output, "manifest.json")
    write_bytes(uri, (json.dumps(manifest, indent=2) + "\n").encode())
    readings = merge_readings(Reading(**reading) for part in parts for reading in part.readings)
    found = (uri, audit, label_audit, coverage, total, sample)
    return Finished(*found, **counts, blocked=dict(blocked), readings=readings)


def _check_tables(job: BackfillJob, parts: Sequence[PartitionResult]) -> None:
    """Raises StorageError if a table that a task has written is lost, as the manifest would name it."""
    found = {f"{kind}/{path}" for kind in ("values", "sample", "quarantine") for path in sizes(join(job.output, kind))}
    for part in parts:
        for path in part.files:
            if path not in found:
                raise StorageError(
                    f"cannot read {join(job.output, path)}: a task of this backfill has written it, and it is lost. "
                    "Run the backfill again: what is lost is filled in again, the rest is kept"
                )


def _audit(rows: pa.Table, stem: str) -> Audit:
    """Writes the table of an audit; an existing one is kept, as it may hold verdicts."""
    audit = Audit(rows, f"{stem}.parquet", f"{stem}.html")
    if not exists(audit.table):
        write_table(rows, audit.table)
    return audit


def coverage_of(parts: Sequence[PartitionResult]) -> tuple[list[Coverage], Coverage]:
    """Per product type and attribute, those with most missing values first; and all together."""
    counts: dict[tuple[str, str], Counter[tuple[str, bool]]] = {}
    for part in parts:
        for product_type, attribute, decision, has_label, number in part.counts:
            counts.setdefault((product_type, attribute), Counter())[decision, has_label] += number
    blocked: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for product_type, attribute, _, number in part.blocked:
            blocked[product_type, attribute] += number
    validation_accepted = {
        (product_type, attribute): n for part in parts for product_type, attribute, n in part.validation_accepted
    }
    rows = [_coverage(*cell, counter, blocked[cell], validation_accepted.get(cell)) for cell, counter in counts.items()]
    rows.sort(key=lambda row: (-row.missing, row.product_type, row.attribute))
    return rows, _coverage("all", "all", sum(counts.values(), Counter()), blocked.total())


def _coverage(
    product_type: str,
    attribute: str,
    counter: Counter[tuple[str, bool]],
    blocked: int,
    validation_accepted: int | None = None,
) -> Coverage:
    return Coverage(
        product_type,
        attribute,
        missing=counter[FILLED, False] + counter[ABSTAINED, False],
        filled=counter[FILLED, False],
        agrees=counter[AGREES, True],
        contradicts=counter[CONTRADICTS, True],
        abstained_labelled=counter[ABSTAINED, True],
        blocked=blocked,
        validation_accepted=validation_accepted,
    )
