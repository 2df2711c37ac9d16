"""Train, validation and test by hash of groups: products with the same title or the same picture stay together."""

import hashlib
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import Contract, Split, fold
from moemoe.schemas import LABELS


def assign_splits(products: pa.Table, labels: pa.Table, contract: Contract) -> pa.Table:
    """``labels`` (LABELS) with group and split filled in.

    Both depend on the content of a group alone, not on the order or number of rows. Only products with a label count.
    """
    labelled = products.filter(pc.is_in(products["product_id"], value_set=labels["product_id"].unique()))
    ids = labelled["product_id"].to_pylist()
    groups = group_products(ids, labelled["title"].to_pylist(), labelled["image_hash"].to_pylist())
    split_of = {group: split_of_group(group, contract.split) for group in set(groups)}
    product = pc.index_in(labels["product_id"], value_set=pa.array(ids, pa.string()))
    filled = {
        "group": pa.array(groups, pa.string()).take(product),
        "split": pa.array([split_of[group] for group in groups], pa.string()).take(product),
    }
    for name, column in filled.items():
        labels = labels.set_column(labels.schema.get_field_index(name), LABELS.field(name), column)
    return labels


def group_products(
    product_ids: Sequence[str], titles: Sequence[str | None], image_hashes: Sequence[str | None]
) -> list[str]:
    """The group of each product: the smallest key that its members share, as 32 hex digits.

    A key is the hash of a folded title or of a picture (or of the product id where a product has neither), so a group
    keeps its name when rows come in another order.
    """
    parent: dict[str, str] = {}
    first_key = []
    for product_id, title, image_hash in zip(product_ids, titles, image_hashes, strict=True):
        folded = fold(title or "")
        keys = [_key("title", folded)] if folded else []
        keys += [_key("image", image_hash)] if image_hash else []
        keys = keys or [_key("product", product_id)]
        for key in keys:
            parent.setdefault(key, key)
        low, high = sorted((_root(parent, keys[0]), _root(parent, keys[-1])))
        parent[high] = low
        first_key.append(keys[0])
    return [_root(parent, key) for key in first_key]


def split_of_group(group: str, shares: Split) -> str:
    """The split in which a group's hash, read as a number in [0, 1), falls."""
    place = int(hashlib.sha256(group.encode()).hexdigest()[:12], 16) / 16**12
    if place < shares.train:
        return "train"
    return "validation" if place < shares.train + shares.validation else "test"


def _root(parent: dict[str, str], key: str) -> str:
    root = key
    while parent[root] != root:
        root = parent[root]
    while parent[key] != root:
        parent[key], key = root, parent[key]
    return root


def _key(kind: str, text: str) -> str:
    return hashlib.sha256(f"{kind}:{text}".encode()).hexdigest()[:32]
