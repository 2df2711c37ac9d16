"""Reading shards: products by row index, with their labels."""

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.catalog.context import context_text
from moemoe.errors import StorageError
from moemoe.shards.hidden import Hidden
from moemoe.shards.manifest import File, Manifest
from moemoe.storage import fetch, join


@dataclass
class Product:
    """One labelled product: what it shows and what is known of it. ``values`` maps attribute to its gold values."""

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

    @property
    def context(self) -> str:
        """The text that the model reads."""
        return context_text(self.marketplace, self.product_type, self.title, self.bullet_points, self.description)


class ShardedDataset:
    """The products of a manifest, memory-mapped; every file's checksum is verified when it is opened.

    Args:
        manifest_uri: as ``write_manifest`` returned it; the root is three levels above.
        scratch: local folder for copies of files from S3.
        hidden: words and training values that are left out.

    Raises:
        StorageError: a file that is missing or is not the one the manifest names.
    """

    def __init__(self, manifest_uri: str, scratch: str | Path, hidden: Hidden | None = None):
        self.hidden = hidden or Hidden()
        self.manifest = Manifest.read(manifest_uri)
        root = manifest_uri.rsplit("/", 3)[0]
        self._shards = [
            pa.ipc.open_file(pa.memory_map(str(_verified(root, file, scratch)))).read_all()
            for file in self.manifest.shards
        ]
        self._starts = np.cumsum([0, *(file.rows for file in self.manifest.shards)])
        sidecar = self.hidden.labels(pq.read_table(_verified(root, self.manifest.sidecar, scratch)))
        self._known: dict[int, dict[str, Any]] = {}
        for label in sidecar.to_pylist():
            known = self._known.setdefault(label["row"], {**label, "labels": {}})
            known["labels"][label["attribute"]] = label["values"]
        self.attributes = sorted(set(sidecar["attribute"].to_pylist()))
        self.labels = sidecar

    def rows(self, split: str) -> np.ndarray:
        """The row indices of a split's labelled products, rising."""
        return np.array(sorted(row for row, known in self._known.items() if known["split"] == split), dtype=np.int64)

    @cached_property
    def not_applicable(self) -> dict[str, list[str]]:
        """Product type -> the dataset's attributes that no product of the type has a label of, in any split."""
        had: dict[str, set[str]] = {}
        for known in self._known.values():
            had.setdefault(known["product_type"], set()).update(known["labels"])
        return {kind: [a for a in self.attributes if a not in own] for kind, own in sorted(had.items())}

    def __getitem__(self, row: int) -> Product:
        shard = int(np.searchsorted(self._starts, row, side="right")) - 1
        payload = self._shards[shard].slice(row - self._starts[shard], 1).to_pylist()[0]
        known = self._known[int(row)]
        cut = self.hidden.cut
        payload |= {name: cut(payload[name]) for name in ("title", "description")}
        return Product(
            **{**payload, "bullet_points": [cut(point) for point in payload["bullet_points"] or []]},
            product_type=known["product_type"],
            group=known["group"],
            split=known["split"],
            values=known["labels"],
        )


def _verified(root: str, file: File, scratch: str | Path) -> Path:
    path = fetch(join(root, file.path), scratch)
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as stream:
        while chunk := stream.read(io.DEFAULT_BUFFER_SIZE * 64):
            digest.update(chunk)
    if digest.hexdigest() != file.sha256:
        raise StorageError(f"{join(root, file.path)}: checksum differs from the manifest's; delete it and run again")
    return path
