"""A registered model fills in the missing attribute values of a catalog, partition by partition.

Of each partition there are three tables (BACKFILL, AUDIT_CANDIDATES, QUARANTINE) and, written last, a small JSON that
says they are finished. All lie at names made from the partition's content, the model's version and the kind of
thresholds, so that a run that is repeated finds what is done, and nothing half-written is ever taken for done.
"""

import dataclasses
import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.fetch_images import ImageFetcher, fetch_ahead
from moemoe.catalog.images import ImageError, load_image
from moemoe.catalog.known_layouts import AUTO
from moemoe.catalog.layouts.columns import REQUIRED
from moemoe.catalog.read import read_batches
from moemoe.catalog.reading import Reading
from moemoe.catalog.screen import is_usable, screen
from moemoe.catalog.url_images import UrlImages
from moemoe.contract.text import normalize_text
from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.audit import Sampler
from moemoe.inference.catalog_rows import CatalogQuery, question_of, usable_image
from moemoe.inference.decisions import BackfillDecision, decide
from moemoe.inference.thresholds import PLAIN, UNFAMILIAR
from moemoe.schemas import BACKFILL, CATALOG, QUARANTINE
from moemoe.sources import image_name, images_read
from moemoe.storage import absolute, exists, fetch, join, publish, read_bytes, write_bytes, write_table

STAGE = "backfill"
CHUNK_ROWS = 512
MAX_TASKS = 100  # Metaflow's own limit on a foreach
#: Raised where the same answers are decided otherwise, so that a rerun does not keep what an earlier release decided.
DECIDING = 5

#: The columns that a catalog must have: a new one has no labels yet.
NEEDED = tuple(name for name in REQUIRED if name != "attributes")

T = TypeVar("T")


@dataclass(frozen=True)
class BackfillJob:
    """What a backfill is made with: the model's version as NAME/VERSION, ``plain``, ``guarded`` or
    ``unfamiliar``, and where to.

    Args:
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
    """A finished partition: where its tables lie under the output, and what is in them.

    Args:
        rows: read of the catalog; ``products`` of them were asked about.
        counts: product type, attribute, decision, whether the catalog has a label, and how many.
        blocked: product type, attribute, rule (``Contradiction.words``), and how many accepted values were abstained
            from because they would have broken that rule of the contract.
        validation_accepted: product type, attribute, and the validation products that the cell's threshold accepts, if
            known.
        readings: how the partition was read, as ``Reading`` has it; an earlier release did not note it.
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
        """From the JSON that says that the partition is finished."""
        values = json.loads(read_bytes(uri))
        lists = {name: [tuple(row) for row in values[name]] for name in ("counts", "blocked", "validation_accepted")}
        return cls(**{**values, **lists})


def start_backfill(
    model_version: str,
    threshold_kind: str,
    output: str,
    partitions: list[str],
    layout: str = AUTO,
    allow_private_hosts: bool = False,
) -> BackfillJob:
    """The job, after it has been seen that the output can be written. Raises StorageError."""
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
    """Fills in those of ``partitions`` that are not done; the model is loaded if there is one.

    Images behind URLs are kept under the output.

    Args:
        on_rows: told how many rows have been read since the last time.
        on_part: told of each finished partition, and whether it was there before.
        say: told in a line what was fetched from URLs, now and then.
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
    """The name of a partition's files: its own, and a hash of its content and of what fills it in.

    Images that lie beside the catalog, or behind URLs, count by their path alone.
    """
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        layout = "" if job.layout == AUTO else f"{job.layout}|"
        private = "private hosts|" if job.allow_private_hosts else ""  # of whose images others have none
        made_with = f"{job.model_version}|{job.threshold_kind}|{','.join(BACKFILL.names)}|{DECIDING}|{layout}{private}"
        digest = hashlib.sha256(made_with.encode())
        with open(fetch(partition, scratch), "rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    return f"{Path(partition).name.split('.')[0]}-{digest.hexdigest()[:16]}"


def _done(name: str, job: BackfillJob) -> PartitionResult | None:
    """A partition that is finished; one whose files are lost is not."""
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

    Set aside into QUARANTINE are rows that cannot be read, have no id, neither title nor description, or a product type
    that the model does not answer; and images that cannot be used, whose products are asked about without.

    Raises:
        CatalogError: the partition cannot be read.
        StorageError: the output cannot be written.
    """
    files = {kind: f"{kind}/{name}.parquet" for kind in ("values", "sample", "quarantine")}
    counts: Counter[tuple[str, str, str, bool]] = Counter()
    blocked: Counter[tuple[str, str, str]] = Counter()
    quarantine: list[dict[str, str | None]] = []
    readings: list[Reading] = []
    sampler = Sampler(job.model_version)
    rows = products = 0
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        local = Path(scratch) / "values.parquet"
        with pq.ParquetWriter(local, BACKFILL, compression="zstd") as writer:
            chunks = read_chunks(partition, model, quarantine, job.layout, readings.append, fetcher)
            for chunk in one_ahead(chunks):
                rows += chunk.rows
                products += len(chunk.questions)
                records = []
                answers = model.predictor.answer(chunk.questions)
                for row, question, given in zip(chunk.products, chunk.questions, answers, strict=True):
                    for decided in decide(question, given, model, job.threshold_kind):
                        record = _record(row, question, decided, job, model)
                        has_label = bool(decided.label and decided.label.values)
                        counts[question.product_type, decided.attribute, decided.decision, has_label] += 1
                        if decided.broken:
                            blocked[question.product_type, decided.attribute, decided.broken] += 1
                        sampler.offer(record, row["title"], question.context, question.image)
                        records.append(record)
                writer.write_table(pa.Table.from_pylist(records, BACKFILL))
                if on_rows:
                    on_rows(chunk.rows)
        publish(local, join(job.output, files["values"]))
    write_table(sampler.table(), join(job.output, files["sample"]))
    write_table(pa.Table.from_pylist(quarantine, QUARANTINE), join(job.output, files["quarantine"]))
    found = [(*key, number) for key, number in sorted(counts.items())]
    back = [(*key, number) for key, number in sorted(blocked.items())]
    kind = PLAIN if job.threshold_kind == UNFAMILIAR else job.threshold_kind
    accepted = {cell: numbers.get(kind) for cell, numbers in model.thresholds.validation_accepted.items()}
    validation_accepted = [
        (*cell, number) for cell in sorted({key[:2] for key in counts}) if (number := accepted.get(cell))
    ]
    part = PartitionResult(
        partition,
        **files,
        rows=rows,
        products=products,
        quarantined=len(quarantine),
        counts=found,
        blocked=back,
        validation_accepted=validation_accepted,
        readings=[dataclasses.asdict(reading) for reading in readings],
    )
    write_bytes(join(job.output, "parts", f"{name}.json"), json.dumps(dataclasses.asdict(part)).encode())
    return part


@dataclass(frozen=True)
class Chunk:
    """Some rows of a partition: those that are asked about with their questions, and how many were read."""

    products: list[dict[str, Any]]
    questions: list[CatalogQuery]
    rows: int


def read_chunks(
    partition: str,
    model: AttributeModel,
    quarantine: list[dict[str, str | None]],
    layout: str = AUTO,
    told: Callable[[Reading], None] = lambda _: None,
    fetcher: ImageFetcher | None = None,
) -> Iterator[Chunk]:
    """A partition as questions; what cannot be asked about is added to ``quarantine`` (QUARANTINE rows).

    Args:
        layout, told: see ``read_batches``.
        fetcher: fetches images that are URLs; None: such an image is quarantined.
    """
    read_url = fetcher.images.read if fetcher else None
    types = model.contract.product_type_aliases()
    unreadable: dict[int, tuple[str, str, str]] = {}
    start = 0

    def keep(row: int, field: str, reason: str, detail: str) -> None:
        unreadable[row] = (field, reason, detail)

    def quarantined(product_id: str | None, row: int, field: str, reason: str, detail: str) -> None:
        place = f"{partition.rsplit('/', 1)[-1]}, row {row}"
        detail = f"{place}: {detail}" if detail else place
        quarantine.append(
            {"product_id": product_id, "stage": STAGE, "field": field, "reason": reason, "detail": detail}
        )

    def images_of(row: dict[str, Any]) -> list[bytes | ImageError | None]:
        return [image_of(one) for one in (row["image"], *(row["images"] or []))]

    def image_of(image: dict[str, Any] | None) -> bytes | ImageError | None:
        try:
            data = load_image(image, partition, read_url)
            return None if data is None else usable_image(data)
        except ImageError as error:
            return error

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        columns = tuple(CATALOG.names)
        what = (partition, model.contract.columns, keep, columns, CHUNK_ROWS, NEEDED, layout, told)
        batches = read_batches(*what, images=max(1, images_read(model.sources)))
        for batch in fetch_ahead(batches, fetcher) if fetcher else batches:
            kept = []
            for index, row in enumerate(batch.to_pylist()):
                found = unreadable.pop(start + index, None)
                problem = screen(row["product_id"], row["product_type"], row["title"], row["description"], found)
                product_type = types.get(normalize_text(row["product_type"] or ""), "")
                if is_usable(problem) and product_type not in model.attributes:
                    problem = ("product_type", "unknown to the model", repr(row["product_type"])[:100])
                if problem is not None:
                    quarantined(row["product_id"], start + index, *problem)
                if is_usable(problem):
                    kept.append((start + index, row, product_type))
            questions = []
            found_images = pool.map(images_of, [row for _, row, _ in kept])
            for (number, row, product_type), images in zip(kept, found_images, strict=True):
                for index, image in enumerate(images):
                    if isinstance(image, ImageError):
                        quarantined(row["product_id"], number, image_name(index), image.reason, image.detail)
                usable = [None if isinstance(image, ImageError) else image for image in images]
                questions.append(question_of(row, product_type, usable, model.attributes[product_type]))
            start += batch.num_rows
            yield Chunk([row for _, row, _ in kept], questions, batch.num_rows)


def one_ahead(items: Iterator[T]) -> Iterator[T]:
    """``items`` in order, the next one made in a thread while the caller works on this one."""
    nothing = object()
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as pool:
        waiting = pool.submit(next, items, nothing)
        while (item := waiting.result()) is not nothing:
            waiting = pool.submit(next, items, nothing)
            yield item  # type: ignore[misc]


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
