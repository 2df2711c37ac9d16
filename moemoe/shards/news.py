"""What a catalog holds that an earlier manifest did not: told by content, not by dates or names of files."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.shards.manifest import Manifest
from moemoe.storage import join, read_table


@dataclass(frozen=True)
class News:
    """What changed from one manifest to the next.

    Args:
        new_products, gone_products: labelled products that only the later, only the earlier one has.
        relabelled_products: products of both whose labels differ.
        new_shards: payload shards (titles, texts, pictures) that the earlier one does not have.
        contract_changed: whether the labels were made by another contract.
    """

    new_products: int
    gone_products: int
    relabelled_products: int
    new_shards: int
    contract_changed: bool

    @property
    def anything(self) -> bool:
        """False where training would see the same products with the same labels."""
        return any(vars(self).values())

    def message(self) -> str:
        """One sentence for a person."""
        if not self.anything:
            return "nothing is new: the same products, pictures and labels, and the same contract"
        return (
            f"{self.new_products:,} new products, {self.gone_products:,} gone, {self.relabelled_products:,} with other "
            f"labels, {self.new_shards:,} payload shards with other content, the contract "
            + ("changed" if self.contract_changed else "is the same")
        )


def what_is_new(before_uri: str, after_uri: str) -> News:
    """The difference of two manifests. Raises StorageError where the earlier one, or its labels, are gone."""
    before, after = Manifest.read(before_uri), Manifest.read(after_uri)
    new = gone = relabelled = 0
    if before.sidecar.sha256 != after.sidecar.sha256:
        labels = [_keyed(uri, manifest) for uri, manifest in ((before_uri, before), (after_uri, after))]
        (then, then_keys), (now, now_keys) = labels
        ids_then, ids_now = pc.unique(then), pc.unique(now)
        new, gone = _missing(ids_now, ids_then), _missing(ids_then, ids_now)
        other = [then.filter(_not_in(then_keys, now_keys)), now.filter(_not_in(now_keys, then_keys))]
        differ = pc.unique(pa.chunked_array(other, pa.string()))
        relabelled = len(differ) - new - gone
    known = {shard.sha256 for shard in before.shards}
    return News(
        new_products=new,
        gone_products=gone,
        relabelled_products=relabelled,
        new_shards=sum(shard.sha256 not in known for shard in after.shards),
        contract_changed=before.contract_hash != after.contract_hash,
    )


def _keyed(uri: str, manifest: Manifest) -> tuple[pa.Array, pa.Array]:
    """The product id of every label, and one string per label that holds product, attribute and values."""
    labels = read_table(join(uri.rsplit("/", 3)[0], manifest.sidecar.path)).combine_chunks()
    ids = labels["product_id"].combine_chunks()
    values = pc.binary_join(labels["values"].combine_chunks(), "\x1f")
    return ids, pc.binary_join_element_wise(ids, labels["attribute"].combine_chunks(), values, "\x1e")


def _not_in(values: pa.Array, others: pa.Array) -> pa.Array:
    return pc.invert(pc.is_in(values, others))


def _missing(values: pa.Array, others: pa.Array) -> int:
    return pc.sum(_not_in(values, others)).as_py() or 0
