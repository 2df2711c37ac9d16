"""Functions that work on parts of a catalog, for tests with a single part."""

from collections.abc import Sequence
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.products import Collected, collect_products
from moemoe.contract.contract import Contract, Split
from moemoe.labels import drift
from moemoe.labels.normalize import Normalizer
from moemoe.labels.rare_values import find_rare_values, remove_values
from moemoe.labels.split import Groups
from moemoe.schemas import PRODUCTS, QUARANTINE, SPLIT_KEYS


def in_parts(table: pa.Table, parts: int) -> list[pa.Table]:
    """``table`` cut into consecutive parts."""
    size = max(1, -(-len(table) // parts))
    return [table.slice(start, size) for start in range(0, len(table), size)] or [table]


def collect(partitions: Sequence[str], contract: Contract, **arguments) -> Collected:
    """All parts of ``collect_products`` as one."""
    parts = list(collect_products(partitions, contract, **arguments))
    return Collected(
        pa.concat_tables([PRODUCTS.empty_table(), *(part.products for part in parts)]),
        pa.concat_tables([QUARANTINE.empty_table(), *(part.quarantine for part in parts)]),
        sum(part.rows for part in parts),
    )


def normalize(products: pa.Table, contract: Contract, parts: int = 1) -> SimpleNamespace:
    """Labels, statistics, product types and unread keys of products."""
    normalizer = Normalizer(contract)
    labels = pa.concat_tables([normalizer.labels(part) for part in in_parts(products, parts)])
    normalizer.raise_without_labels()
    return SimpleNamespace(
        labels=labels,
        statistics=normalizer.statistics(),
        product_types=normalizer.product_types(),
        unread_keys=normalizer.unread_keys(),
    )


def remove_rare_values(labels: pa.Table, rare_share: float) -> tuple[pa.Table, pa.Table]:
    """Labels without the rare values, and those."""
    removed = find_rare_values([labels], rare_share)
    return remove_values(labels, removed), removed


def assign_splits(
    products: pa.Table, labels: pa.Table, shares: Split, earlier: pa.Table | None = None, parts: int = 1
) -> SimpleNamespace:
    """Labels with group and split, the products quarantined, the splits so far."""
    labelled = products.filter(pc.is_in(products["product_id"], labels["product_id"].combine_chunks()))
    cut = in_parts(labelled, parts)
    groups = Groups(cut, shares, earlier.to_batches(max_chunksize=50) if earlier is not None else ())
    own = [labels.filter(pc.is_in(labels["product_id"], part["product_id"].combine_chunks())) for part in cut]
    filled = [groups.assign(i, part, some) for i, (part, some) in enumerate(zip(cut, own, strict=True))]
    return SimpleNamespace(
        labels=pa.concat_tables(filled).combine_chunks(),
        quarantine=groups.quarantine(),
        splits=pa.concat_tables([SPLIT_KEYS.empty_table(), *groups.splits()]),
        common=groups.common,
    )


def label_drift(before: pa.Table, after: pa.Table, *arguments, **named) -> pa.Table:
    """Drift between two tables of labels."""
    return drift.label_drift(before.to_batches(), after.to_batches(), *arguments, **named)
