"""Compares two manifests by content, not by file names or dates, to find what is new in a catalog."""

import hashlib
import tempfile
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from moemoe.counts import counted
from moemoe.shards.manifest import Manifest
from moemoe.storage import fetch, join


@dataclass(frozen=True)
class ManifestDiff:
    """What changed from one manifest to the next.

    Args:
        new_products, gone_products: number of labelled products only in the later, or only in the earlier manifest.
        relabelled_products: number of products in both whose labels differ.
        new_shards: number of payload shards (titles, texts, images) that the earlier manifest does not have.
        contract_changed: whether the labels were made with another contract.
    """

    new_products: int
    gone_products: int
    relabelled_products: int
    new_shards: int
    contract_changed: bool

    @property
    def anything(self) -> bool:
        """Whether anything changed: False if training would see the same products with the same labels."""
        return any(vars(self).values())

    def message(self) -> str:
        """The changes in one sentence."""
        if not self.anything:
            return "nothing is new: the same products, images and labels, and the same contract"
        return (
            f"{counted(self.new_products, 'new product')}, {self.gone_products:,} gone, "
            f"{self.relabelled_products:,} with other labels, "
            f"{counted(self.new_shards, 'payload shard')} with other content, the contract "
            + ("changed" if self.contract_changed else "is the same")
        )


def diff_manifests(before_uri: str, after_uri: str) -> ManifestDiff:
    """Compares two manifests. Raises StorageError if the earlier one, or its labels, are gone."""
    before, after = Manifest.read(before_uri), Manifest.read(after_uri)
    new = gone = relabelled = 0
    if before.sidecar.sha256 != after.sidecar.sha256:
        (ids_then, labels_then), (ids_now, labels_now) = (
            _digests(*m) for m in ((before_uri, before), (after_uri, after))
        )
        common, then, now = np.intersect1d(ids_then, ids_now, return_indices=True)
        new, gone = len(ids_now) - len(common), len(ids_then) - len(common)
        relabelled = int((labels_then[then] != labels_now[now]).sum())
    known = {shard.sha256 for shard in before.shards}
    return ManifestDiff(
        new_products=new,
        gone_products=gone,
        relabelled_products=relabelled,
        new_shards=sum(shard.sha256 not in known for shard in after.shards),
        contract_changed=before.contract_hash != after.contract_hash,
    )


def _digests(uri: str, manifest: Manifest) -> tuple[np.ndarray, np.ndarray]:
    """Digests of every labelled product's id and of its labels, two uint64 arrays: 16 bytes per product in memory.

    Two of 20 million ids share a digest in one of 100,000 catalogs; the number of new products is then off by one.
    """
    ids, labels = [], []
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        file = pq.ParquetFile(fetch(join(uri.rsplit("/", 3)[0], manifest.sidecar.path), scratch))
        for group in range(file.num_row_groups):
            part = file.read_row_group(group, ["row", "product_id", "attribute", "values"])
            part = part.sort_by([("row", "ascending"), ("attribute", "ascending")]).combine_chunks()
            if not part.num_rows:
                continue
            row, values = part["row"].to_numpy(), pc.binary_join(part["values"], "\x1f")
            first = np.concatenate([[0], np.flatnonzero(np.diff(row)) + 1, [len(row)]]).astype(np.int32)
            label = pc.binary_join_element_wise(part["attribute"], values, "\x1e").combine_chunks()
            ids.append(_digest(part["product_id"].take(pa.array(first[:-1]))))
            labels.append(_digest(pc.binary_join(pa.ListArray.from_arrays(first, label), "\x1d")))
        file.close()
    nothing = np.array([], np.uint64)
    return np.concatenate([nothing, *ids]), np.concatenate([nothing, *labels])


def _digest(texts: pa.Array | pa.ChunkedArray) -> np.ndarray:
    digests = b"".join(hashlib.blake2b(text.encode(), digest_size=8).digest() for text in texts.to_pylist())
    return np.frombuffer(digests, np.uint64)
