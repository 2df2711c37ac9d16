"""Reads shards: products by row index, with their labels."""

import hashlib
import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from moemoe.catalog.context import ProductText
from moemoe.errors import StorageError, first_line
from moemoe.s3 import WrongChecksumError
from moemoe.schemas import FURTHER_IMAGES
from moemoe.shards.cache import ShardCache
from moemoe.shards.hidden import Hidden
from moemoe.shards.lru_files import LruFiles
from moemoe.shards.manifest import PAYLOAD, File, Manifest
from moemoe.shards.mapped_labels import MAPPED_LABELS, MappedLabels
from moemoe.shards.sampler import WINDOW
from moemoe.sources import TEXT
from moemoe.storage import is_s3, join, sizes

CACHE_BYTES = 16 * 2**30
#: How many shards stay open: those of the window being read and of the next one.
OPEN_SHARDS = 2 * WINDOW
FETCHING_THREADS = 8
SPLITS = ("train", "validation", "test")


@dataclass
class Product:
    """One labelled product: its texts, images and labels. ``values`` maps attribute to its gold values.

    ``further_images`` are the images after ``image``, None for each that cannot be used.
    """

    product_id: str
    marketplace: str | None
    product_type: str
    title: str | None
    bullet_points: list[str]
    description: str | None
    image: bytes | None
    group: str
    split: str
    values: dict[str, list[str]]
    further_images: list[bytes | None] = field(default_factory=list)

    @property
    def text(self) -> ProductText:
        """The product's text, of which each text source is a part."""
        return ProductText(self.marketplace, self.product_type, self.title, self.bullet_points, self.description)

    @property
    def context(self) -> str:
        """The whole text, as in the source ``text``."""
        return self.text.of_source(TEXT) or ""

    @property
    def images(self) -> list[bytes | None]:
        """All images in order, None for each that cannot be used."""
        return [self.image, *self.further_images]


class ShardedDataset:
    """The products of a manifest. Shards are memory-mapped, and verified when they are first read.

    Args:
        manifest_uri: as ``write_manifest`` returned it; the root is three levels above.
        scratch: local folder for the files that come from S3, shared by the processes of a machine.
        hidden: words and training values to leave out.
        cache_bytes: the most bytes of files from S3 that are kept locally.

    Raises:
        StorageError: a file is missing or its size differs from the manifest, or the labels' checksum does. A shard
            whose checksum differs raises it when it is first read.
    """

    def __init__(
        self,
        manifest_uri: str,
        scratch: str | Path,
        hidden: Hidden | None = None,
        cache_bytes: int = CACHE_BYTES,
    ):
        self.hidden = hidden or Hidden()
        self.manifest = Manifest.read(manifest_uri)
        self.root = manifest_uri.rsplit("/", 3)[0]
        self.starts = np.cumsum([0, *(file.rows for file in self.manifest.shards)])
        self._starts = self.starts.tolist()
        self._cache = ShardCache(Path(scratch) / "shards", cache_bytes)
        self._verified: set[str] = set()
        self._shards: LruFiles[_Shard] = LruFiles(self._open_shard, len(self.manifest.shards), OPEN_SHARDS)
        self._fetching: ThreadPoolExecutor | None = None
        self._check_presence()
        self._known = MappedLabels([self._read(file, MAPPED_LABELS) for file in self.manifest.mapped_labels])

    @property
    def attributes(self) -> list[str]:
        """All attributes with a label, sorted."""
        if not self.hidden.values:
            return self._known.attributes
        return sorted({attribute for split in SPLITS for _, attribute in self.cell_value_counts(split)})

    @cached_property
    def labels(self) -> pa.Table:
        """LABELS of all products, in memory: for inspecting a small dataset; no pipeline step uses it."""
        return self.hidden.labels(self._known.table())

    def rows(self, split: str) -> np.ndarray:
        """The row indices of a split's labelled products, int64, in ascending order."""
        rows = self._known.rows(split)
        if not self.hidden.values or split != "train":
            return rows
        return np.array([row for row in rows.tolist() if self.values(row)], np.int64)

    def cell_value_counts(self, split: str) -> dict[tuple[str, str], Counter[str]]:
        """(Product type, attribute) -> value -> number of the split's products with that value."""
        counts = self._known.value_counts(split)
        for (_, attribute), values in counts.items() if split == "train" else ():
            for value in self.hidden.values.get(attribute, ()):
                values.pop(value, None)
        return {cell: values for cell, values in counts.items() if values}

    def value_counts(self, split: str) -> dict[str, Counter[str]]:
        """Attribute -> value -> number of the split's products with that value."""
        found: dict[str, Counter[str]] = {}
        for (_, attribute), values in self.cell_value_counts(split).items():
            found.setdefault(attribute, Counter()).update(values)
        return found

    @cached_property
    def not_applicable(self) -> dict[str, list[str]]:
        """Product type -> the dataset's attributes for which no product of the type has a label, in any split."""
        had = self._known.attributes_of_types()
        return {kind: [a for a in self.attributes if a not in own] for kind, own in sorted(had.items())}

    def __getitem__(self, row: int) -> Product:
        shard, index = self.place(row)
        payload = self._shards[shard].batch.slice(index, 1).to_pylist()[0]
        cut = self.hidden.cut
        payload |= {name: cut(payload[name]) for name in ("title", "description")}
        payload[FURTHER_IMAGES.name] = payload.get(FURTHER_IMAGES.name) or []
        return Product(
            **{**payload, "bullet_points": [cut(point) for point in payload["bullet_points"] or []]},
            product_type=self._known.word(row, "product_type"),
            group=self._known.word(row, "group"),
            split=self._known.word(row, "split"),
            values=self.values(row),
        )

    def image(self, row: int, number: int = 0) -> memoryview | None:
        """An encoded image of a product, without copying; ``number`` counts its images from 0."""
        shard, index = self.place(row)
        return self._shards[shard].image(index, number)

    def product_id(self, row: int) -> str:
        """The product's id."""
        return self._known.word(row, "product_id")

    def product_type(self, row: int) -> str:
        """The product's type."""
        return self._known.word(row, "product_type")

    def values(self, row: int) -> dict[str, list[str]]:
        """Attribute -> gold values of a product."""
        values = self._known.values(row)
        if not self.hidden.values or self._known.word(row, "split") != "train":
            return values
        left = {a: [v for v in own if v not in self.hidden.values.get(a, ())] for a, own in values.items()}
        return {attribute: own for attribute, own in left.items() if own}

    def words(self, name: str, start: int, stop: int) -> list[str | None]:
        """``product_id``, ``product_type``, ``group`` or ``split`` of the rows from ``start`` to ``stop``."""
        return self._known.words(name, start, stop)

    def place(self, row: int) -> tuple[int, int]:
        """The shard of a row, and the row's index in that shard."""
        shard = bisect_right(self._starts, row) - 1
        return shard, int(row) - self._starts[shard]

    def texts(self, shard: int, source: str) -> list[str | None]:
        """The text of ``source`` for each product of a shard, None if a product has none."""
        batch = self._shards[shard].batch
        types = self.words("product_type", *self._starts[shard : shard + 2])
        texts = (batch[name].to_pylist() for name in ("marketplace", "title", "bullet_points", "description"))
        cut = self.hidden.cut
        return [
            ProductText(
                marketplace, product_type, cut(title), [cut(b) for b in bullets or []], cut(description)
            ).of_source(source)
            for product_type, marketplace, title, bullets, description in zip(types, *texts, strict=True)
        ]

    def fetch_ahead(self, shards: Iterable[int]) -> None:
        """Starts copying ``shards`` from S3, several at a time; a failed copy is retried when the shard is read."""
        if not is_s3(self.root):
            return
        if self._fetching is None:
            self._fetching = ThreadPoolExecutor(FETCHING_THREADS, thread_name_prefix="fetch")
        for shard in shards:
            self._fetching.submit(self._shards.__getitem__, int(shard))

    def stop_fetching(self) -> None:
        """Cancels the copies of ``fetch_ahead`` that have not started."""
        if self._fetching is not None:
            self._fetching.shutdown(wait=False, cancel_futures=True)
            self._fetching = None

    def open_uri(self, uri: str, sha256: str | None = None) -> pa.MemoryMappedFile:
        """A file under the root, memory-mapped; from S3 through the cache, which verifies it. Raises StorageError."""
        if is_s3(uri):
            return self._cache.open(uri, sha256)
        try:
            return pa.memory_map(uri)
        except OSError as error:
            raise StorageError(f"cannot read {uri}: {os.strerror(error.errno) if error.errno else error}") from error

    def _open_file(self, file: File) -> pa.MemoryMappedFile:
        uri = join(self.root, file.path)
        mapped = self.open_uri(uri, file.sha256)
        if not is_s3(uri) and file.path not in self._verified:
            if hashlib.sha256(mapped.read_buffer()).hexdigest() != file.sha256:
                raise WrongChecksumError(uri)
            mapped.seek(0)
            self._verified.add(file.path)
        return mapped

    def _open_shard(self, shard: int) -> "_Shard":
        [batch] = self._read(self.manifest.shards[shard], PAYLOAD).combine_chunks().to_batches()
        return _Shard(batch)

    def _read(self, file: File, schema: pa.Schema) -> pa.Table:
        """An Arrow file, memory-mapped. Raises StorageError unless it has its rows and all columns of ``schema``."""
        again = f"the manifest says {file.rows}, with {', '.join(schema.names)}; delete the manifest and run again"
        try:
            table = pa.ipc.open_file(self._open_file(file)).read_all()
        except pa.ArrowInvalid as error:
            raise StorageError(f"{join(self.root, file.path)}: {first_line(error)}; {again}") from error
        own = [field for field in table.schema if field.name in schema.names]
        if table.num_rows != file.rows or pa.schema(own) != schema:
            found = ", ".join(f"{field.name} {field.type}" for field in table.schema)
            raise StorageError(f"{join(self.root, file.path)}: {table.num_rows} rows of {found}; {again}")
        return table

    def _check_presence(self) -> None:
        files = (*self.manifest.shards, *self.manifest.mapped_labels)
        there: dict[str, dict[str, int]] = {}
        for file in files:
            folder, name = file.path.rsplit("/", 1)
            if folder not in there:
                there[folder] = sizes(join(self.root, folder))
            size, uri = there[folder].get(name), join(self.root, file.path)
            if size is None:
                raise StorageError(f"cannot read {uri}: no such file, but the manifest names it; run again to write it")
            if size != file.bytes:
                raise StorageError(f"{uri}: {size} bytes; the manifest says {file.bytes}; run again to write it anew")


class _Shard:
    """An open shard; its images are read without copying."""

    def __init__(self, batch: pa.RecordBatch):
        self.batch = batch
        self._first = _Encoded(batch["image"])
        self._ends: list[int] = []
        if FURTHER_IMAGES.name in batch.schema.names:
            further = batch[FURTHER_IMAGES.name]
            self._ends, self._further = further.offsets.to_pylist(), _Encoded(further.values)

    def image(self, index: int, number: int) -> memoryview | None:
        if number == 0:
            return self._first[index]
        if not self._ends or (place := self._ends[index] + number - 1) >= self._ends[index + 1]:
            return None
        return self._further[place]


class _Encoded:
    """The encoded images of a column, without copying."""

    def __init__(self, images: pa.BinaryArray):
        _, offsets, data = images.buffers()
        self._offsets = np.frombuffer(offsets, np.int32).tolist()
        self._data = memoryview(data).cast("B") if data is not None and data.size else memoryview(b"")
        self._there = images.is_valid().to_pylist()

    def __getitem__(self, index: int) -> memoryview | None:
        return self._data[self._offsets[index] : self._offsets[index + 1]] if self._there[index] else None
