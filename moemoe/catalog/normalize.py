"""Raw labels -> canonical values, by the contract's rules, each distinct raw label looked at once."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import Attribute, Contract, fold
from moemoe.errors import CatalogError
from moemoe.schemas import LABEL_STATISTICS, LABELS

MISSING, UNMAPPED = -2, -1
MOST_FREQUENT = 10


@dataclass(frozen=True)
class Normalized:
    """What normalization made of a catalog.

    Args:
        labels: LABELS, group and split still null, in product order and the contract's attribute order.
        statistics: LABEL_STATISTICS, one row per attribute.
        product_types: raw product type, canonical one or null where no rule names it, products; most frequent first.
    """

    labels: pa.Table
    statistics: pa.Table
    product_types: pa.Table


def canonical_values(raw: str | None, attribute: Attribute, missing: frozenset[str]) -> tuple[str, ...] | int:
    """The values one raw label means, or MISSING or UNMAPPED.

    Looked up whole first; then each part by lookup, then by the first rule that matches. Parts that mean nothing are
    left out where another part means something.
    """
    folded = fold(raw or "")
    if folded in missing:
        return MISSING
    if folded in attribute.lookup:
        return (attribute.lookup[folded],)
    found: dict[str, None] = {}
    silent = True
    for part in attribute.split.split(folded):
        part = part.strip()
        if part in missing:
            continue
        silent = False
        value = attribute.lookup.get(part)
        if value is None:
            value = next((rule.value for rule in attribute.rules if rule.pattern.search(part)), None)
        if value is not None:
            found[value] = None
    return tuple(found) or (MISSING if silent else UNMAPPED)


def normalize(products: pa.Table, contract: Contract) -> Normalized:
    """Normalizes the labels of PRODUCTS.

    Where several raw keys feed one attribute, the first in contract order that means something wins; others that
    mean something else are counted as conflicts. Products of an unknown type are dropped and counted.

    Raises:
        CatalogError: no label of the contract is found.
    """
    product_types, canonical = _product_types(products, contract)
    known = pc.is_valid(canonical)
    products, canonical = products.filter(known), canonical.filter(known)
    row, key, value, keys, values = _flatten(products["attributes"])

    value_lists: dict[tuple[str, ...], int] = {}
    statistics, parts = [], []
    for index, (name, attribute) in enumerate(contract.attributes.items()):
        rank_of_key = np.array([_rank(k, attribute) for k in keys], dtype=np.int32)
        mine = np.flatnonzero(rank_of_key[key] >= 0) if len(keys) else np.array([], dtype=np.int64)
        codes, position = np.unique(value[mine], return_inverse=True)
        means = np.array(
            [_value_list(canonical_values(values[c], attribute, contract.missing), value_lists) for c in codes],
            dtype=np.int64,
        )
        meant = means[position] if len(codes) else np.array([], dtype=np.int64)
        chosen, conflicts, unmapped = _choose(row[mine], rank_of_key[key[mine]], meant)
        parts.append((row[mine][chosen], np.full(len(chosen), index), meant[chosen]))
        unmapped_values = Counter(dict(zip(*_counts(value[mine][unmapped]), strict=True)))
        used = {v for m in np.unique(meant[chosen]) for v in list(value_lists)[m]} if len(chosen) else set()
        statistics.append(
            {
                "attribute": name,
                "raw_values": len(codes),
                "canonical_values": len(used),
                "labels": len(chosen),
                "dropped": int((meant == MISSING).sum()),
                "unmapped": len(unmapped),
                "conflicts": conflicts,
                "most_frequent_unmapped": [
                    {"value": values[c], "count": n}
                    for c, n in sorted(unmapped_values.items(), key=lambda item: (-item[1], values[item[0]] or ""))
                ][:MOST_FREQUENT],
            }
        )
    rows, attributes, lists = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(rows):
        frequent = ", ".join(repr(k) for k, _ in Counter(keys[k] for k in key.tolist()).most_common(10))
        raise CatalogError(
            f"the catalog has no label of contract {contract.dataset}: {len(products)} of its products have a known "
            f"type, and their most frequent raw keys are {frequent or 'none'}; name them under `keys:` in the contract"
        )
    order = np.lexsort((attributes, rows))
    labels = _labels(products, canonical, rows[order], attributes[order], lists[order], list(value_lists), contract)
    return Normalized(labels, pa.Table.from_pylist(statistics, LABEL_STATISTICS), product_types)


def _product_types(products: pa.Table, contract: Contract) -> tuple[pa.Table, pa.ChunkedArray]:
    """Counts of raw types, and each product's canonical type."""
    raw = products["product_type"].combine_chunks().dictionary_encode()
    names = raw.dictionary.to_pylist()
    meaning = pa.array([contract.product_types.get(fold(name)) for name in names], pa.string())
    counts = Counter(dict(zip(*_counts(raw.indices.drop_null().to_numpy()), strict=True)))
    table = pa.table(
        {
            "raw": pa.array([names[code] for code, _ in counts.most_common()], pa.string()),
            "product_type": meaning.take(pa.array([code for code, _ in counts.most_common()], pa.int64())),
            "products": pa.array([n for _, n in counts.most_common()], pa.int64()),
        }
    )
    return table, pa.chunked_array([meaning.take(raw.indices)])


def _flatten(attributes: pa.ChunkedArray) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str], list[str | None]]:
    """The maps' entries: product row, key code, value code; then the distinct keys and values."""
    row, key_chunks, item_chunks, start = [], [], [], 0
    for chunk in attributes.chunks:
        sizes = pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
        row.append(np.repeat(np.arange(start, start + len(chunk)), sizes))
        offsets = chunk.offsets.to_numpy()
        valid = chunk.is_valid().to_numpy(zero_copy_only=False)
        take = np.concatenate(
            [np.empty(0, np.int64), *(np.arange(a, b) for a, b, v in zip(offsets, offsets[1:], valid, strict=False) if v)]
        ) if not valid.all() else np.arange(offsets[0], offsets[-1])
        key_chunks.append(chunk.keys.take(pa.array(take)))
        item_chunks.append(chunk.items.take(pa.array(take)))
        start += len(chunk)
    keys = pa.chunked_array(key_chunks, pa.string()).combine_chunks().dictionary_encode()
    items = pa.chunked_array(item_chunks, pa.string()).combine_chunks().dictionary_encode(null_encoding="encode")
    return (
        np.concatenate([np.empty(0, np.int64), *row]),
        keys.indices.to_numpy(),
        items.indices.to_numpy(),
        keys.dictionary.to_pylist(),
        items.dictionary.to_pylist(),
    )


def _rank(key: str, attribute: Attribute) -> int:
    folded = fold(key)
    return attribute.keys.index(folded) if folded in attribute.keys else -1


def _value_list(values: tuple[str, ...] | int, known: dict[tuple[str, ...], int]) -> int:
    return values if isinstance(values, int) else known.setdefault(values, len(known))


def _choose(row: np.ndarray, rank: np.ndarray, meant: np.ndarray) -> tuple[np.ndarray, int, np.ndarray]:
    """Which entries win, how many products have entries that mean something else, which entries nobody understood."""
    order = np.lexsort((np.arange(len(row)), rank, row))
    understood = order[meant[order] >= 0]
    _, first = np.unique(row[understood], return_index=True)
    chosen = understood[first]
    winner = np.full(int(row.max()) + 1 if len(row) else 0, UNMAPPED, dtype=np.int64)
    winner[row[chosen]] = meant[chosen]
    differs = (meant >= 0) & (meant != winner[row]) if len(row) else np.array([], dtype=bool)
    conflicts = len(np.unique(row[differs])) if len(row) else 0
    unmapped = np.flatnonzero((meant == UNMAPPED) & (winner[row] == UNMAPPED)) if len(row) else np.array([], np.int64)
    return chosen, conflicts, unmapped


def _counts(codes: np.ndarray) -> tuple[list[int], list[int]]:
    distinct, counts = np.unique(codes, return_counts=True)
    return distinct.tolist(), counts.tolist()


def _labels(
    products: pa.Table,
    canonical: pa.ChunkedArray,
    rows: np.ndarray,
    attributes: np.ndarray,
    lists: np.ndarray,
    value_lists: list[tuple[str, ...]],
    contract: Contract,
) -> pa.Table:
    take = pa.array(rows)
    names = pa.array(list(contract.attributes), pa.string())
    return pa.table(
        {
            "product_id": products["product_id"].take(take),
            "product_type": canonical.take(take),
            "group": pa.nulls(len(rows), pa.string()),
            "split": pa.nulls(len(rows), pa.string()),
            "attribute": names.take(pa.array(attributes)),
            "values": pa.array(value_lists, pa.list_(pa.string())).take(pa.array(lists)),
        },
        schema=LABELS,
    )
