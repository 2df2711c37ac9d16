"""A registered model fills in the missing attribute values of a catalog, partition by partition.

Each partition gives three tables (BACKFILL, AUDIT_CANDIDATES, QUARANTINE) and, written last, a small JSON that
marks them as finished. Their names are made from the partition's content, the model's version and the kind of
thresholds, so a repeated run finds finished partitions and never takes half-written ones for finished.
"""

import dataclasses
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.known_layouts import AUTO
from moemoe.catalog.reading import Reading
from moemoe.catalog.url_images import UrlImages
from moemoe.errors import StorageError
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.audit import Sampler
from moemoe.inference.catalog_rows import CatalogQuery
from moemoe.inference.decisions import BackfillDecision, decide
from moemoe.inference.partition_questions import Chunk, one_ahead, read_chunks
from moemoe.inference.thresholds import PLAIN, UNFAMILIAR
from moemoe.schemas import BACKFILL, QUARANTINE
from moemoe.storage import absolute, exists, fetch, join, publish, read_json, write_bytes, write_table

MAX_TASKS = 100  # Metaflow's own limit on a foreach
#: Raised if a release decides differently on the same answers: then a rerun repeats what an earlier one has finished.
DECIDING = 5


@dataclass(frozen=True)
class BackfillJob:
    """The settings of a backfill.

    Args:
        model_version: NAME/VERSION.
        threshold_kind: ``plain``, ``guarded`` or ``unfamiliar``.
        output: a folder or ``s3://``.
        layout: of all partitions, by name; else each one's is recognised.
        allow_private_hosts: whether images may be fetched from hosts with private addresses.
    """

    model_version: str
    threshold_kind: str
    output: str
    layout: str = AUTO
    allow_private_hosts: bool = False


@dataclass(frozen=True)
class PartitionResult:
    """A finished partition: the paths of its tables under the output, and counts of their content.

    Args:
        rows: read from the catalog; ``products`` of them were asked about.
        counts: product type, attribute, decision, whether the catalog has a label, and how many.
        blocked: product type, attribute, rule (``Contradiction.words``), and how many accepted values were abstained
            from because they would have broken that rule of the contract.
        validation_accepted: product type, attribute, and the validation products that the cell's threshold accepts, if
            known.
        readings: how the partition was read, as fields of ``Reading``; empty if written by an earlier release.
    """

    partition: str
    values: str
    sample: str
    quarantine: str
    rows: int
    products: int
    quarantined: int
    counts: list[tuple[str, str, str, bool, int]]
    blocked: list[tuple[str, str, str, int]]
    validation_accepted: list[tuple[str, str, int]]
    readings: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    @property
    def files(self) -> tuple[str, str, str]:
        """Its tables' paths."""
        return self.values, self.sample, self.quarantine

    @classmethod
    def read(cls, uri: str) -> "PartitionResult":
        """Reads the JSON that marks a partition as finished."""
        values = read_json(uri)
        try:
            lists = {
                name: [tuple(row) for row in values[name]] for name in ("counts", "blocked", "validation_accepted")
            }
            return cls(**{**values, **lists})
        except (TypeError, KeyError) as error:
            raise StorageError(f"{uri} does not say what became of a partition; delete it and run again") from error


def start_backfill(
    model_version: str,
    threshold_kind: str,
    output: str,
    partitions: list[str],
    layout: str = AUTO,
    allow_private_hosts: bool = False,
) -> BackfillJob:
    """The job, after checking that the output can be written. Raises StorageError."""
    job = BackfillJob(model_version, threshold_kind, absolute(output), layout, allow_private_hosts)
    started = {"model_version": model_version, "thresholds": threshold_kind, "partitions": partitions, "layout": layout}
    write_bytes(join(job.output, "started.json"), json.dumps(started, indent=2).encode())
    return job


def task_partitions(partitions: list[str], tasks: int) -> list[list[str]]:
    """The partitions in at most ``tasks`` groups, MAX_TASKS at most, none empty."""
    number = max(1, min(len(partitions), tasks, MAX_TASKS))
    return [partitions[index::number] for index in range(number)]


def backfill_partitions(
    load_model: Callable[[], AttributeModel],
    partitions: list[str],
    job: BackfillJob,
    on_rows: Callable[[int], None] | None = None,
    on_part: Callable[[PartitionResult, bool], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[PartitionResult]:
    """Fills in the ``partitions`` that are not finished; loads the model only if there is one.

    Images behind URLs are kept under the output.

    Args:
        on_rows: called with the number of rows read since the last call.
        on_part: called with each finished partition, and whether an earlier run has finished it.
        say: called now and then with a line about the images fetched from URLs.
    """
    parts: list[PartitionResult] = []
    model = None
    with ImageFetcher(UrlImages.under(job.output), job.allow_private_hosts, say=say) as fetcher:
        for partition in partitions:
            name = part_name(partition, job)
            part = _done(name, job)
            was_there = part is not None
            if part is None:
                model = model or load_model()
                part = _backfill_partition(model, partition, name, job, on_rows, fetcher)
            parts.append(part)
            if on_part:
                on_part(part, was_there)
    return parts


def part_name(partition: str, job: BackfillJob) -> str:
    """The name of a partition's files: its own, and a hash of its content, the model and the settings.

    Of images beside the catalog or behind URLs only the path is hashed.
    """
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        layout = "" if job.layout == AUTO else f"{job.layout}|"
        private = "private hosts|" if job.allow_private_hosts else ""  # a job without them fetches fewer images
        made_with = f"{job.model_version}|{job.threshold_kind}|{','.join(BACKFILL.names)}|{DECIDING}|{layout}{private}"
        digest = hashlib.sha256(made_with.encode())
        with open(fetch(partition, scratch), "rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return f"{Path(partition).name.split('.')[0]}-{digest.hexdigest()[:16]}"


def _done(name: str, job: BackfillJob) -> PartitionResult | None:
    """The result of a finished partition; None if it is not finished, or its files are lost."""
    uri = join(job.output, "parts", f"{name}.json")
    if not exists(uri):
        return None
    part = PartitionResult.read(uri)
    return part if all(exists(join(job.output, path)) for path in part.files) else None


def _backfill_partition(
    model: AttributeModel,
    partition: str,
    name: str,
    job: BackfillJob,
    on_rows: Callable[[int], None] | None,
    fetcher: ImageFetcher,
) -> PartitionResult:
    """Fills in one partition.

    Raises:
        CatalogError: the partition cannot be read.
        StorageError: the output cannot be written.
    """
    files = {kind: f"{kind}/{name}.parquet" for kind in ("values", "sample", "quarantine")}
    quarantine: list[dict[str, str | None]] = []
    readings: list[Reading] = []
    filled = _Filled(model, job)
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        local = Path(scratch) / "values.parquet"
        with pq.ParquetWriter(local, BACKFILL, compression="zstd") as writer:
            chunks = read_chunks(partition, model, quarantine, job.layout, readings.append, fetcher)
            for chunk in one_ahead(chunks):
                writer.write_table(pa.Table.from_pylist(filled.records_of(chunk), BACKFILL))
                if on_rows:
                    on_rows(chunk.rows)
        publish(local, join(job.output, files["values"]))
    write_table(filled.sampler.table(), join(job.output, files["sample"]))
    write_table(pa.Table.from_pylist(quarantine, QUARANTINE), join(job.output, files["quarantine"]))
    part = PartitionResult(
        partition,
        **files,
        rows=filled.rows,
        products=filled.products,
        quarantined=len(quarantine),
        counts=[(*key, number) for key, number in sorted(filled.counts.items())],
        blocked=[(*key, number) for key, number in sorted(filled.blocked.items())],
        validation_accepted=filled.validation_accepted(),
        readings=[dataclasses.asdict(reading) for reading in readings],
    )
    write_bytes(join(job.output, "parts", f"{name}.json"), json.dumps(dataclasses.asdict(part)).encode())
    return part


class _Filled:
    """Decides on the answers of one partition, counts the decisions, and samples them for the audit."""

    def __init__(self, model: AttributeModel, job: BackfillJob) -> None:
        self.model, self.job = model, job
        self.rows = self.products = 0
        self.counts: Counter[tuple[str, str, str, bool]] = Counter()
        self.blocked: Counter[tuple[str, str, str]] = Counter()
        self.sampler = Sampler(job.model_version)

    def records_of(self, chunk: Chunk) -> list[dict[str, Any]]:
        """The answers to a chunk's questions, as rows of BACKFILL."""
        self.rows += chunk.rows
        self.products += len(chunk.questions)
        records = []
        answers = self.model.predictor.answer(chunk.questions)
        for row, question, given in zip(chunk.products, chunk.questions, answers, strict=True):
            for decided in decide(question, given, self.model, self.job.threshold_kind):
                record = _record(row, question, decided, self.job, self.model)
                has_label = bool(decided.label and decided.label.values)
                self.counts[question.product_type, decided.attribute, decided.decision, has_label] += 1
                if decided.broken:
                    self.blocked[question.product_type, decided.attribute, decided.broken] += 1
                self.sampler.offer(record, row["title"], question.context, question.image)
                records.append(record)
        return records

    def validation_accepted(self) -> list[tuple[str, str, int]]:
        """Of each cell asked, how many validation products its threshold accepts."""
        kind = PLAIN if self.job.threshold_kind == UNFAMILIAR else self.job.threshold_kind
        known = self.model.thresholds.validation_accepted
        cells = sorted({key[:2] for key in self.counts})
        return [(*cell, number) for cell in cells if (number := known.get(cell, {}).get(kind))]


def _record(
    row: Mapping[str, Any], question: CatalogQuery, decided: BackfillDecision, job: BackfillJob, model: AttributeModel
) -> dict[str, Any]:
    attribute_id, value_id = model.contract.ids(decided.attribute, decided.answer.value)
    return {
        "product_id": row["product_id"],
        "product_type": question.product_type,
        "attribute": decided.attribute,
        "raw_label": decided.label.raw if decided.label else None,
        "prediction": decided.answer.value,
        "confidence": decided.answer.confidence,
        "decision": decided.decision,
        "image_weight": decided.answer.image_weight,
        "text_weight": decided.answer.text_weight,
        "model_version": job.model_version,
        "attribute_id": attribute_id,
        "value_id": value_id,
        "source_weights": list(decided.answer.by_source(model.sources).items()),
    }
