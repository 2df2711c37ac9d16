"""Train, validation and test, by hash of groups: products with the same title or the same picture stay together."""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import Contract, fold
from moemoe.schemas import LABELS


def assign_splits(products: pa.Table, labels: pa.Table, contract: Contract) -> pa.Table:
    """``labels`` with group and split filled; a product's split depends on its group's content alone.

    Args:
        products: PRODUCTS.
        labels: LABELS; only products with a label are grouped.
    """
    labelled = products.filter(pc.is_in(products["product_id"], labels["product_id"].unique()))
    ids = labelled["product_id"].to_pylist()
    groups = group_products(ids, labelled["title"].to_pylist(), labelled["image_hash"].to_pylist())
    splits = {group: split_of(group, contract.split) for group in set(groups)}
    where = pc.index_in(labels["product_id"], pa.array(ids, pa.string()))
    group = pa.array(groups, pa.string()).take(where)
    split = pa.array([splits[g] for g in groups], pa.string()).take(where)
    labels = labels.set_column(labels.schema.get_field_index("group"), "group", group)
    return labels.set_column(labels.schema.get_field_index("split"), "split", split).cast(LABELS)


def group_products(ids: list[str], titles: list[str | None], image_hashes: list[str | None]) -> list[str]:
    """Each product's group, named after the group's smallest title, picture or id hash, whatever the order of rows."""
    parent: dict[str, str] = {}

    def find(key: str) -> str:
        root = key
        while parent[root] != root:
            root = parent[root]
        while parent[key] != root:
            parent[key], key = root, parent[key]
        return root

    own: list[str] = []
    for product_id, title, image_hash in zip(ids, titles, image_hashes, strict=True):
        folded = fold(title or "")
        keys = [_digest("title", folded)] if folded else []
        keys += [_digest("image", image_hash)] if image_hash else []
        keys = keys or [_digest("id", product_id)]
        for key in keys:
            parent.setdefault(key, key)
        for key in keys[1:]:
            first, second = sorted((find(keys[0]), find(key)))
            parent[second] = first  # the smallest key of a group is its root
        own.append(keys[0])
    return [find(key) for key in own]


def split_of(group: str, shares: dict[str, float]) -> str:
    """The split of a group: its hash as a number in [0, 1), placed among the shares."""
    place = int(hashlib.sha256(group.encode()).hexdigest()[:13], 16) / 16**13
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    return next(split for split, share in reversed(shares.items()) if share)


def _digest(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:32]
