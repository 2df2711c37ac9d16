"""A catalog's labels through normalization, the rare-value filter and the split, part by part in bounded memory.

Every function reads parts (Parquet files of at most some ten thousand products) and writes parts of the same number
and order under ``folder``; part i of the labels speaks of the products of part i.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import Contract
from moemoe.catalog.contradictions import set_aside_contradictions
from moemoe.catalog.normalize import Normalizer
from moemoe.catalog.parts import Parts
from moemoe.catalog.rare_values import find_rare_values, remove_values
from moemoe.catalog.split import Groups
from moemoe.schemas import CONTRADICTIONS
from moemoe.storage import join, read_table, write_table


@dataclass(frozen=True)
class NormalizedParts:
    """URIs of the labels; LABEL_STATISTICS, raw product types (see ``Normalizer``) and CONTRADICTIONS of all parts."""

    labels: list[str]
    statistics: pa.Table
    product_types: pa.Table
    contradictions: pa.Table


def normalize_parts(products: Sequence[str], contract: Contract, folder: str) -> NormalizedParts:
    """Labels (LABELS) of products (PRODUCTS) in the contract's values, contradictory ones set aside.

    Raises:
        CatalogError: no label results.
    """
    normalizer = Normalizer(contract)
    uris, contradictions = [], [CONTRADICTIONS.empty_table()]
    for index, part in enumerate(Parts(products)):
        labels, aside = set_aside_contradictions(normalizer.labels(part), contract)
        contradictions.append(aside)
        uris.append(write_table(labels, _part(folder, index)))
    normalizer.raise_without_labels()
    return NormalizedParts(
        uris, normalizer.statistics(), normalizer.product_types(), pa.concat_tables(contradictions)
    )


def filter_parts(labels: Sequence[str], rare_share: float, folder: str) -> tuple[list[str], pa.Table]:
    """The labels without rare values, and what went (RARE_VALUES); the labels are read twice."""
    removed = find_rare_values(Parts(labels), rare_share)
    parts = (remove_values(part, removed) for part in Parts(labels))
    return [write_table(part, _part(folder, index)) for index, part in enumerate(parts)], removed


@dataclass(frozen=True)
class SplitParts:
    """URIs of the labels with group and split; products set aside (QUARANTINE); SPLITS so far; products per cell.

    ``products`` has columns product_type, split and products.
    """

    labels: list[str]
    quarantine: pa.Table
    splits: pa.Table
    products: pa.Table


def split_parts(
    products: Sequence[str], labels: Sequence[str], contract: Contract, earlier: pa.Table | None, folder: str
) -> SplitParts:
    """Labels with group and split (see ``split.Groups``); ``earlier`` are the SPLITS of earlier runs.

    Only products with a label count.
    """
    pairs = list(zip(products, labels, strict=True))
    groups = Groups((labelled(read_table(p), read_table(own)) for p, own in pairs), contract.split, earlier)
    uris, counts = [], []
    for index, (uri, own) in enumerate(pairs):
        part = read_table(own)
        part = groups.assign(index, labelled(read_table(uri), part), part)
        one_a_product = part.group_by(["product_type", "split", "product_id"]).aggregate([])
        counts.append(one_a_product.group_by(["product_type", "split"]).aggregate([([], "count_all")]))
        uris.append(write_table(part, _part(folder, index)))
    number = pa.concat_tables(counts).group_by(["product_type", "split"]).aggregate([("count_all", "sum")])
    return SplitParts(
        uris, groups.quarantine(), groups.splits(), number.rename_columns(["product_type", "split", "products"])
    )


def labelled(products: pa.Table, labels: pa.Table) -> pa.Table:
    """The rows of ``products`` that have one of ``labels``."""
    return products.filter(pc.is_in(products["product_id"], value_set=labels["product_id"].combine_chunks().unique()))


def _part(folder: str, index: int) -> str:
    return join(folder, f"{index:05d}.parquet")
