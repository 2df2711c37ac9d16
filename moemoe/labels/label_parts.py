"""Normalizes, filters and splits a catalog's labels part by part, in bounded memory.

Every function reads parts of some ten thousand products each and writes as many parts, in the same order, under
``folder``; part i of the labels belongs to the products of part i.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.contract.contract import Contract
from moemoe.labels.contradictions import ContradictionCounts, drop_contradictions
from moemoe.labels.normalize import Normalizer
from moemoe.labels.parts import Parts
from moemoe.labels.rare_values import find_rare_values, remove_values
from moemoe.labels.split import KEY_COLUMNS, Groups
from moemoe.schemas import CONTRADICTIONS, SPLIT_KEYS
from moemoe.storage import part_uri, read_table, write_table, writing_table


@dataclass(frozen=True)
class NormalizedParts:
    """URIs of the labels; LABEL_STATISTICS, raw product types (see ``Normalizer``) and UNREAD_KEYS; contradictions."""

    labels: list[str]
    statistics: pa.Table
    product_types: pa.Table
    unread_keys: pa.Table
    contradictions: ContradictionCounts


def normalize_parts(
    products: Iterable[pa.Table], contract: Contract, folder: str, contradictions_uri: str
) -> NormalizedParts:
    """Turns the raw labels in parts of PRODUCTS into LABELS with the contract's values.

    Contradictory labels are dropped and written to ``contradictions_uri`` (CONTRADICTIONS). The products need only the
    columns product_id, product_type and attributes.

    Raises:
        CatalogError: the catalog yields no label.
    """
    normalizer = Normalizer(contract)
    uris, contradictions = [], ContradictionCounts()
    with writing_table(contradictions_uri, CONTRADICTIONS) as writer:
        for index, part in enumerate(products):
            labels, aside = drop_contradictions(normalizer.labels(part), contract)
            contradictions.add(aside)
            writer.write_table(aside)
            uris.append(write_table(labels, part_uri(folder, index)))
        normalizer.raise_without_labels()
    return NormalizedParts(
        uris, normalizer.statistics(), normalizer.product_types(), normalizer.unread_keys(), contradictions
    )


@dataclass(frozen=True)
class FrequentParts:
    """URIs of the labels, their number, and the removed values (RARE_VALUES)."""

    labels: list[str]
    number: int
    removed: pa.Table


def filter_parts(labels: Sequence[str], contract: Contract, folder: str) -> FrequentParts:
    """Removes rare values from the labels, in two passes over them."""
    removed = find_rare_values(
        Parts(labels, ["attribute", "values"]), contract.rare_share, sorted(contract.measurements())
    )
    uris, number = [], 0
    for index, part in enumerate(Parts(labels)):
        part = remove_values(part, removed)
        number += part.num_rows
        uris.append(write_table(part, part_uri(folder, index)))
    return FrequentParts(uris, number, removed)


@dataclass(frozen=True)
class SplitParts:
    """URIs of the labels with group and split; quarantined products (QUARANTINE); product counts.

    ``products`` has columns product_type, split and products. ``common`` describes the titles and images that so many
    products share that they do not join products into groups.
    """

    labels: list[str]
    quarantine: pa.Table
    products: pa.Table
    common: list[str]


def split_parts(
    products: Sequence[str],
    labels: Sequence[str],
    contract: Contract,
    earlier: Iterable[pa.RecordBatch],
    folder: str,
    splits_uri: str,
) -> SplitParts:
    """Fills in the labels' group and split (see ``split.Groups``), from products with a label only.

    Args:
        earlier: SPLIT_KEYS of earlier runs.
        splits_uri: where the SPLIT_KEYS so far are written.
    """
    pairs = list(zip(products, labels, strict=True))
    groups = Groups((_keyed(uri, read_table(own, _ID)) for uri, own in pairs), contract.split, earlier)
    uris, counts = [], []
    for index, (uri, own) in enumerate(pairs):
        part = read_table(own)
        part = groups.assign(index, _keyed(uri, part), part)
        one_a_product = part.group_by(["product_type", "split", "product_id"]).aggregate([])
        counts.append(one_a_product.group_by(["product_type", "split"]).aggregate([([], "count_all")]))
        uris.append(write_table(part, part_uri(folder, index)))
    with writing_table(splits_uri, SPLIT_KEYS) as writer:
        for splits in groups.splits():
            writer.write_table(splits)
    number = pa.concat_tables(counts).group_by(["product_type", "split"]).aggregate([("count_all", "sum")])
    products_of_split = number.rename_columns(["product_type", "split", "products"])
    return SplitParts(uris, groups.quarantine(), products_of_split, groups.common)


def labelled(products: pa.Table, labels: pa.Table) -> pa.Table:
    """The rows of ``products`` that have one of ``labels``."""
    return products.filter(pc.is_in(products["product_id"], value_set=labels["product_id"].combine_chunks().unique()))


def labelled_parts(
    pairs: Iterable[tuple[str, str]], columns: Sequence[str] | None = None
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The products with a label, a table per (products URI, labels URI) pair, with all ``columns`` or some."""
    for products, uri in pairs:
        labels = read_table(uri)
        yield labelled(read_table(products, columns), labels), labels


_ID = ["product_id"]


def _keyed(products: str, labels: pa.Table) -> pa.Table:
    """The columns that ``Groups`` needs, of the products at a URI that have one of ``labels``."""
    return labelled(read_table(products, list(KEY_COLUMNS)), labels)
