"""Train, validation and test by hash of groups: products with the same title or the same picture stay together.

A later run keeps the splits of earlier ones: a product that joins a group takes its split, and one that would join
groups of two splits is set aside.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import Contract, Split, fold
from moemoe.schemas import LABELS, QUARANTINE, SPLITS

STAGE = "split"


@dataclass(frozen=True)
class Assigned:
    """LABELS with group and split, the products set aside (QUARANTINE), the split of every key so far (SPLITS)."""

    labels: pa.Table
    quarantine: pa.Table
    splits: pa.Table


def assign_splits(
    products: pa.Table, labels: pa.Table, contract: Contract, earlier: pa.Table | None = None
) -> Assigned:
    """``labels`` (LABELS) with group and split filled in; ``earlier`` are the SPLITS of earlier runs.

    Both depend on the content of a group and on earlier splits alone, not on the order or number of rows. Only
    products with a label count.
    """
    labelled = products.filter(pc.is_in(products["product_id"], value_set=labels["product_id"].unique()))
    ids = labelled["product_id"].to_pylist()
    kept = dict(zip(*(column.to_pylist() for column in earlier.columns), strict=True)) if earlier is not None else {}
    groups = Groups(ids, labelled["title"].to_pylist(), labelled["image_hash"].to_pylist(), kept)
    split_of = {g: groups.split.get(g) or split_of_group(g, contract.split) for g in set(groups.of) if g is not None}

    product = pc.index_in(labels["product_id"], value_set=pa.array(ids, pa.string()))
    filled = {
        "group": pa.array(groups.of, pa.string()).take(product),
        "split": pa.array([split_of.get(group or "") for group in groups.of], pa.string()).take(product),
    }
    for name, column in filled.items():
        labels = labels.set_column(labels.schema.get_field_index(name), LABELS.field(name), column)
    aside = [
        {"product_id": i, "stage": STAGE, "field": "group", "reason": "joins groups of two splits", "detail": None}
        for i, group in zip(ids, groups.of, strict=True)
        if group is None
    ]
    known = kept | {key: split_of[root] for key in groups.every_key() if (root := groups.root(key)) in split_of}
    splits = pa.table({"key": list(known), "split": list(known.values())}, schema=SPLITS).sort_by("key")
    return Assigned(labels.filter(labels["group"].is_valid()), pa.Table.from_pylist(aside, QUARANTINE), splits)


class Groups:
    """The group of each product, in ``of``: the smallest key that its members share, as 32 hex digits.

    A key is the hash of a folded title or of a picture (or of the product id where a product has neither), so a group
    keeps its name when rows come in another order. ``split`` maps keys to earlier splits; a product between two of
    them has the group None.
    """

    def __init__(
        self,
        product_ids: Sequence[str],
        titles: Sequence[str | None],
        image_hashes: Sequence[str | None],
        earlier: Mapping[str, str] | None = None,
    ):
        self.split = dict(earlier or {})
        self._parent: dict[str, str] = {}
        keys = [_keys(*product) for product in zip(product_ids, titles, image_hashes, strict=True)]
        # Products that were there before come first, then by id: the result does not depend on the order of rows.
        order = sorted(range(len(keys)), key=lambda i: (not all(key in self.split for key in keys[i]), product_ids[i]))
        joined = {i for i in order if self._join(keys[i])}
        self.of = [self.root(keys[i][0]) if i in joined else None for i in range(len(keys))]

    def every_key(self) -> list[str]:
        """Every key of a product."""
        return list(self._parent)

    def root(self, key: str) -> str:
        """The smallest key of the group of ``key``."""
        root = key
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[key] != root:
            self._parent[key], key = root, self._parent[key]
        return root

    def _join(self, keys: list[str]) -> bool:
        """Makes one group of the keys' groups, unless they have two splits."""
        for key in keys:
            self._parent.setdefault(key, key)
        roots = {self.root(key) for key in keys}
        splits = {self.split[root] for root in roots if root in self.split}
        if len(splits) > 1:
            return False
        low = min(roots)
        for root in roots:
            self._parent[root] = low
        if splits:
            self.split[low] = splits.pop()
        return True


def split_of_group(group: str, shares: Split) -> str:
    """The split in which a group's hash, read as a number in [0, 1), falls."""
    place = int(hashlib.sha256(group.encode()).hexdigest()[:12], 16) / 16**12
    if place < shares.train:
        return "train"
    return "validation" if place < shares.train + shares.validation else "test"


def _keys(product_id: str, title: str | None, image_hash: str | None) -> list[str]:
    folded = fold(title or "")
    keys = [_key("title", folded)] if folded else []
    keys += [_key("image", image_hash)] if image_hash else []
    return keys or [_key("product", product_id)]


def _key(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:32]
