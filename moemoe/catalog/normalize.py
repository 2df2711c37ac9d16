"""Raw labels -> canonical values by the contract's rules, each distinct raw value looked at once."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import Attribute, Contract, compile_rule, fold
from moemoe.errors import CatalogError
from moemoe.schemas import LABEL_STATISTICS, LABELS

#: What a raw value may mean besides a list of values.
MISSING, UNMAPPED = -2, -1

_MOST_FREQUENT = 10
_REPEATED = re.compile(r" #\d+$")
_BREAK = re.compile(r"<\s*/?\s*(?:br|li|ul|ol|p|div|tr|td)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_NUMBER = r"\(?\d+(?:[.,]\d+)?"
_SHARE = re.compile(rf"^{_NUMBER}\s*%\)?\s*(?=\D)|\s*{_NUMBER}\s*%\)?$")
_COUNT = re.compile(r"^\d+(?:\.\d+)? (?:x )?(?=\D)|(?<=\D) \d+(?:\.\d+)?$")


@dataclass(frozen=True)
class Normalized:
    """What normalization made of a catalog.

    ``labels`` is a LABELS table, group and split still null, in product order and in each product in the contract's
    attribute order. ``statistics`` is LABEL_STATISTICS, one row per attribute: raw_values counts distinct raw values,
    labels the labels that resulted, dropped and unmapped the raw labels that were missing markers or that no rule
    knows, conflicts the products whose raw keys disagree. ``product_types`` has a row per raw product type, the most
    frequent first: raw, product_type (null where the contract knows none) and products.
    """

    labels: pa.Table
    statistics: pa.Table
    product_types: pa.Table


def normalize(products: pa.Table, contract: Contract) -> Normalized:
    """The labels of ``products`` (PRODUCTS) in the contract's values.

    Where several raw keys feed an attribute, the first in contract order whose value is known wins. Products of a type
    that the contract does not know are left out. Raises CatalogError where no label results.
    """
    product_types, canonical = _product_types(products["product_type"], contract)
    known = pc.is_valid(canonical)
    products, canonical = products.filter(known), canonical.filter(known)
    raw = _RawLabels(products["attributes"], contract)

    lists: dict[tuple[str, ...], int] = {}  # every list of values that occurs -> its number
    parts, statistics = [], []
    for index, attribute in enumerate(contract.attributes.values()):
        rows, meant, row_of_statistics = _labels_of(attribute, raw, contract, lists)
        parts.append((rows, np.full(len(rows), index), meant))
        statistics.append(row_of_statistics)
    rows, attributes, meant = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(rows):
        raise _no_label(products, product_types, contract)

    order = np.argsort(rows * len(parts) + attributes, kind="stable")
    rows, attributes, meant = rows[order], attributes[order], meant[order]
    labels = pa.table(
        {
            "product_id": products["product_id"].take(rows),
            "product_type": canonical.take(rows),
            "group": pa.nulls(len(rows), pa.string()),
            "split": pa.nulls(len(rows), pa.string()),
            "attribute": pa.array(list(contract.attributes), pa.string()).take(attributes),
            "values": pa.array(list(lists), pa.list_(pa.string())).take(meant),
        },
        schema=LABELS,
    )
    return Normalized(labels, pa.Table.from_pylist(statistics, LABEL_STATISTICS), product_types)


def value_mapper(attribute: Attribute, missing: frozenset[str]) -> Callable[[str | None], tuple[str, ...] | int]:
    """A function from one raw value to the values it means, in order, or MISSING or UNMAPPED.

    The folded value is looked up whole, then split into parts; each part is looked up, then tried against the rules,
    of which the first that is found in it wins, then looked up without its share or number ("50% Wool", "2 Buttons").
    Parts without meaning are left out where another part has one. HTML tags separate parts or are left out.
    """
    lookup = attribute.lookup()
    separators = compile_rule(attribute.separators)
    rules = [(compile_rule(rule.match), rule.value) for rule in attribute.rules]

    def value_of(part: str) -> str | None:
        found = lookup.get(part) or next((value for rule, value in rules if rule.search(part)), None)
        return found or lookup.get(fold(_COUNT.sub("", without_share(part))))

    def values_of(raw: str | None) -> tuple[str, ...] | int:
        folded = fold(raw or "")
        if folded in missing:
            return MISSING
        if folded in lookup:
            return (lookup[folded],)
        pieces = (piece for line in plain_label(raw or "").split("\n") for piece in separators.split(fold(line)))
        parts = [part for part in map(fold, pieces) if part not in missing]
        found = (value_of(part) for part in parts)
        return tuple(dict.fromkeys(v for v in found if v)) or (UNMAPPED if parts else MISSING)

    return values_of


def plain_label(raw: str) -> str:
    """``raw`` without HTML entities and tags, a new line for each tag that breaks the line."""
    if "<" not in raw and "&" not in raw:
        return " ".join(raw.split())
    text = html.unescape(raw)
    text = html.unescape(text)  # "&amp;amp;": escaped twice, on the way from shop to feed
    return _TAG.sub(" ", _BREAK.sub("\n", " ".join(text.split())))


def without_share(part: str) -> str:
    """``part`` without the percentage before or after it: "50% Acrylic", "Cotton (60%)"."""
    return _SHARE.sub("", part).strip() or part


class _RawLabels:
    """The entries of the attribute maps that feed an attribute: product ``row`` and ``value`` code of each.

    Repeated keys, null values and null maps are allowed.
    """

    def __init__(self, maps: pa.ChunkedArray, contract: Contract):
        wanted = {fold_key(key) for attribute in contract.attributes.values() for key in attribute.keys}
        keys, items, rows, start = [], [], [], 0
        for chunk in maps.chunks:
            valid = np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False))
            maps_only = chunk.take(pa.array(valid)) if len(valid) < len(chunk) else chunk
            offsets = maps_only.offsets.to_numpy()
            keys.append(maps_only.keys[offsets[0] : offsets[-1]])
            items.append(maps_only.items[offsets[0] : offsets[-1]])
            rows.append(start + np.repeat(valid, np.diff(offsets)))
            start += len(chunk)
        names, codes = _encode(pa.chunked_array(keys, pa.string()))
        folded = [fold_key(name or "") for name in names]
        used = np.array([name in wanted for name in folded])[codes]
        codes = codes[used]
        self.row = np.concatenate([np.empty(0, np.int64), *rows])[used]
        self.rows = start
        self.values, self.value = _encode(pa.chunked_array(items, pa.string()).filter(pa.array(used)))
        self._codes_of_key: dict[str, list[int]] = {}
        for code, name in enumerate(folded):
            self._codes_of_key.setdefault(name, []).append(code)
        by_key = np.argsort(codes, kind="stable")
        ends = np.cumsum(np.bincount(codes, minlength=len(names)))
        self._entries = np.split(by_key, ends[:-1]) if len(names) else []

    def fed_by(self, keys: tuple[str, ...]) -> np.ndarray:
        """The entries of ``keys``, in the order of the keys, then of the products."""
        folded = dict.fromkeys(fold_key(key) for key in keys)
        found = [[self._entries[code] for code in self._codes_of_key.get(key, [])] for key in folded]
        in_order = (same[0] if len(same) == 1 else np.sort(np.concatenate(same)) for same in found if same)
        return np.concatenate([np.empty(0, np.int64), *in_order])


def fold_key(key: str) -> str:
    """A raw key as it is compared; the second store numbers a repeated key ("Color #2")."""
    return _REPEATED.sub("", fold(key))


def _labels_of(
    attribute: Attribute, raw: _RawLabels, contract: Contract, lists: dict[tuple[str, ...], int]
) -> tuple[np.ndarray, np.ndarray, dict]:
    """Product rows that get a label, the number of its value list, and the attribute's row of statistics."""
    values_of = value_mapper(attribute, contract.folded_missing())
    entries = raw.fed_by(attribute.keys)
    row, value = raw.row[entries], raw.value[entries]
    counts = np.bincount(value, minlength=len(raw.values))
    distinct = np.flatnonzero(counts)
    meaning = np.full(len(raw.values), MISSING)
    for code in distinct:
        means = values_of(raw.values[code])
        meaning[code] = means if isinstance(means, int) else lists.setdefault(means, len(lists))
    meant = meaning[value]

    known = np.flatnonzero(meant >= 0)
    winner = np.full(raw.rows, UNMAPPED)
    winner[row[known[::-1]]] = meant[known[::-1]]  # assigned backwards, so that the first entry stays
    rows = np.flatnonzero(winner >= 0)
    disagree = known[meant[known] != winner[row[known]]]

    unmapped = distinct[meaning[distinct] == UNMAPPED]
    frequent = sorted((-int(counts[code]), raw.values[code]) for code in unmapped)[:_MOST_FREQUENT]
    names = list(lists)
    statistics = {
        "attribute": attribute.name,
        "raw_values": int((meaning[distinct] != MISSING).sum()),
        "canonical_values": len(
            {value for number in np.flatnonzero(np.bincount(winner[rows])) for value in names[number]}
        ),
        "labels": len(rows),
        "dropped": int((meant == MISSING).sum()),
        "unmapped": int((meant == UNMAPPED).sum()),
        "conflicts": len(np.unique(row[disagree])),
        "most_frequent_unmapped": [{"value": text, "count": -count} for count, text in frequent],
    }
    return rows, winner[rows], statistics


def _product_types(raw: pa.ChunkedArray, contract: Contract) -> tuple[pa.Table, pa.Array]:
    """How often each raw product type occurs, and every product's canonical one."""
    aliases = contract.product_type_aliases()
    names, codes = _encode(raw)
    canonical = pa.array([aliases.get(fold(name or "")) for name in names], pa.string())
    counts = np.bincount(codes, minlength=len(names)).tolist()
    order = sorted(filter(counts.__getitem__, range(len(names))), key=lambda c: (-counts[c], names[c] or ""))
    table = pa.table(
        {
            "raw": pa.array([names[code] for code in order], pa.string()),
            "product_type": canonical.take(pa.array(order, pa.int64())),
            "products": pa.array([counts[code] for code in order], pa.int64()),
        }
    )
    return table, canonical.take(pa.array(codes))


def _encode(texts: pa.ChunkedArray) -> tuple[list[str | None], np.ndarray]:
    """Distinct texts, a null at the end, and the code of each text."""
    encoded = texts.dictionary_encode().unify_dictionaries()
    names = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
    codes = [chunk.indices.fill_null(len(names)).to_numpy() for chunk in encoded.chunks]
    return [*names, None], np.concatenate([np.empty(0, np.int64), *codes])


def _no_label(products: pa.Table, product_types: pa.Table, contract: Contract) -> CatalogError:
    where = f"no label of contract {contract.dataset!r} is found in the catalog"
    if not products.num_rows:
        raw = ", ".join(repr(name) for name in product_types["raw"].to_pylist()[:10])
        return CatalogError(
            f"{where}: none of its product types is known (most frequent: {raw or 'none'}); "
            f"allowed are {', '.join(contract.product_types)} and their aliases in {contract.path}"
        )
    keys = pa.chunked_array([chunk.keys for chunk in products["attributes"].chunks], pa.string())
    frequent = sorted(keys.value_counts().to_pylist(), key=lambda entry: (-entry["counts"], entry["values"]))[:10]
    raw = ", ".join(f"{entry['values']!r} ({entry['counts']})" for entry in frequent)
    return CatalogError(
        f"{where}: its most frequent raw keys are {raw or 'none'}; allowed are the keys that {contract.path} names"
    )
