"""The manifest of a set of shards: written last; readers ignore shards without it."""

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from moemoe.errors import StorageError
from moemoe.schemas import LABELS
from moemoe.storage import join, publish, read_bytes, size_of, write_bytes

SCHEMA_VERSION = 3

#: A payload shard's rows: the products' texts and images. It holds no labels, so a changed rule does not change it. It
#: has the column FURTHER_IMAGES only if one of its products has usable images after the first: a shard of single images
#: is the same file however many the recipe reads.
PAYLOAD = pa.schema(
    [
        ("product_id", pa.string()),
        ("marketplace", pa.string()),
        ("title", pa.string()),
        ("bullet_points", pa.list_(pa.string())),
        ("description", pa.string()),
        ("image", pa.binary()),
    ]
)

#: The labels sidecar: ``row`` joins a label to its payload row, counted over all shards in manifest order.
SIDECAR = LABELS.append(pa.field("row", pa.int64()))


@dataclass(frozen=True)
class File:
    """A file under the root: URI relative to the root, rows, size in bytes, SHA-256.

    Raises:
        ValueError: a value is of another type, or the path leads out of the root.
    """

    path: str
    rows: int
    bytes: int
    sha256: str

    def __post_init__(self):
        for name, kind in (("path", str), ("rows", int), ("bytes", int), ("sha256", str)):
            if type(getattr(self, name)) is not kind or (kind is int and not 0 <= getattr(self, name) < 2**63):
                raise ValueError(f"{name} of {self.path!r:.80} is {getattr(self, name)!r:.50}")
        if not re.fullmatch(r"[\w-]+/[\w.-]+", self.path) or "/." in self.path:
            raise ValueError(f"{self.path!r:.80} is not a file in a folder of the root")


@dataclass(frozen=True)
class Manifest:
    """The files that a training run reads: payload shards in row order, the labels sidecar, and their origin.

    ``mapped_labels`` are the sidecar's labels in the form that ``ShardedDataset`` reads. ``splits`` holds the split of
    every group's keys so far, which later runs keep.
    """

    schema_version: int
    dataset: str
    contract_hash: str
    data_hash: str
    sample_catalog: bool
    shards: tuple[File, ...]
    sidecar: File
    mapped_labels: tuple[File, ...]
    splits: File

    @property
    def rows(self) -> int:
        """Number of products over all shards."""
        return sum(shard.rows for shard in self.shards)

    def write(self, uri: str) -> None:
        """Writes the manifest as JSON, atomically."""
        write_bytes(uri, (json.dumps(dataclasses.asdict(self), indent=2) + "\n").encode())

    @classmethod
    def read(cls, uri: str) -> "Manifest":
        """Raises StorageError if there is no manifest, a damaged one, or one of another schema version."""
        try:
            values = json.loads(read_bytes(uri))
            version = values.get("schema_version")
        except (ValueError, AttributeError, RecursionError) as error:
            raise StorageError(f"{uri}: not a manifest ({error}); delete it and run again") from error
        if version != SCHEMA_VERSION:
            raise StorageError(f"{uri}: manifest of schema version {version}; this code reads {SCHEMA_VERSION}")
        try:
            found = cls(
                **{
                    **values,
                    "shards": tuple(File(**shard) for shard in values["shards"]),
                    "sidecar": File(**values["sidecar"]),
                    "mapped_labels": tuple(File(**file) for file in values["mapped_labels"]),
                    "splits": File(**values["splits"]),
                }
            )
            if not found.shards or sum(file.rows for file in found.mapped_labels) != found.rows:
                raise ValueError("its labels are not those of its shards")
        except (ValueError, TypeError, KeyError) as error:
            raise StorageError(f"{uri}: not a complete manifest ({error}); delete it and run again") from error
        return found


def store(root: str, folder: str, suffix: str, data: bytes | pa.Buffer, rows: int) -> File:
    """Writes ``data`` to a path derived from its hash; an existing file is kept."""
    digest = hashlib.sha256(data).hexdigest()
    path = f"{folder}/{digest[:32]}{suffix}"
    size = len(memoryview(data))
    if size_of(join(root, path)) != size:
        write_bytes(join(root, path), data)
    return File(path, rows, size, digest)


def store_file(root: str, folder: str, suffix: str, path: Path, rows: int) -> File:
    """Like ``store``, for a local file, which need not fit into memory."""
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    target = f"{folder}/{digest[:32]}{suffix}"
    size = path.stat().st_size
    if size_of(join(root, target)) != size:
        publish(path, join(root, target))
    return File(target, rows, size, digest)


def arrow_bytes(table: pa.Table) -> pa.Buffer:
    """``table`` as an Arrow file of one record batch, which can be memory-mapped."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return sink.getvalue()
