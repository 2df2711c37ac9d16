"""Maps raw labels to canonical values by the contract's rules; each distinct raw value is mapped once."""

import heapq
import re
from collections import Counter
from collections.abc import Callable
from itertools import chain

import numpy as np
import pyarrow as pa

from moemoe.contract.contract import Attribute, Contract
from moemoe.contract.measures import MeasureError, reader_of
from moemoe.contract.text import compile_rule, normalize_key, normalize_text, plain_label, without_share
from moemoe.errors import CatalogError
from moemoe.labels.negation import Clause, clauses, spell_out, without_doubtful
from moemoe.labels.unread_keys import UnreadKeys
from moemoe.schemas import LABEL_STATISTICS, LABELS

#: What a raw value may be mapped to instead of a list of values.
MISSING, UNMAPPED = -2, -1

_MOST_FREQUENT = 10
#: Distinct raw values remembered per attribute; beyond that, the rarest are forgotten and mapped again when needed.
REMEMBERED = 200_000
_COUNT = re.compile(r"^\d+(?:\.\d+)? (?:x )?(?=\D)|(?<=\D) \d+(?:\.\d+)?$")


class Normalizer:
    """Turns the raw labels of a catalog, part by part, into values, and counts the outcomes.

    Memory grows neither with the number of products nor, beyond REMEMBERED, with an attribute's distinct raw values. A
    forgotten raw value counts as a new one when it occurs again.
    """

    def __init__(self, contract: Contract):
        self._contract = contract
        self._types = contract.product_type_aliases()
        self._raw_types: Counter[str | None] = Counter()
        self._raw_keys: Counter[str] = Counter()
        self._known = 0
        self._unread = UnreadKeys(contract.normalized_missing(), normalize_text)
        self._lists: dict[tuple[str, ...], int] = {}  # every list of values that occurs -> its number
        self._fed = [_FedLabels(attribute, contract, self._lists) for attribute in contract.attributes.values()]

    def labels(self, products: pa.Table) -> pa.Table:
        """The LABELS of some ``products`` (PRODUCTS), by product, then in contract order; group and split are null.

        If several raw keys feed an attribute, the first one in contract order with a known value wins. Products whose
        type the contract does not list are left out.
        """
        canonical = self._product_types(products["product_type"])
        raw = _RawLabels(products["attributes"], canonical.is_valid().to_numpy(zero_copy_only=False), self._contract)
        self._raw_keys.update(raw.keys)
        self._known += raw.known
        self._unread.add(*raw.unread)
        meant_AP = np.full((len(self._fed), raw.rows), UNMAPPED, np.int32)
        for fed, meant_P in zip(self._fed, meant_AP, strict=True):
            fed.labels(raw, meant_P)
        meant_PA = np.ascontiguousarray(meant_AP.T)
        product, attribute = np.nonzero(meant_PA >= 0)
        number = len(product)
        return pa.table(
            {
                "product_id": products["product_id"].take(product),
                "product_type": canonical.take(product),
                "group": pa.nulls(number, pa.string()),
                "split": pa.nulls(number, pa.string()),
                "attribute": pa.array(list(self._contract.attributes), pa.string()).take(attribute),
                "values": pa.array(list(self._lists), pa.list_(pa.string())).take(meant_PA[product, attribute]),
            },
            schema=LABELS,
        )

    def statistics(self) -> pa.Table:
        """LABEL_STATISTICS of all parts so far, one row per attribute.

        raw_values counts distinct raw values; labels, the resulting labels; dropped, raw labels that were missing
        markers; unmapped, raw labels that no value or rule matches; conflicts, products whose raw keys disagree.
        """
        lists = list(self._lists)
        return pa.Table.from_pylist([fed.statistics(lists) for fed in self._fed], LABEL_STATISTICS)

    def unread_keys(self) -> pa.Table:
        """UNREAD_KEYS of all parts so far; none is assigned to a measurement: a unit does not say what is measured."""
        measured = self._contract.measurements()
        return self._unread.table(self._known, {f.name: f.values_of for f in self._fed if f.name not in measured})

    def product_types(self) -> pa.Table:
        """A row per raw product type so far, most frequent first: raw, product_type (null: unknown), products."""
        order = sorted(self._raw_types.items(), key=lambda item: (-item[1], item[0] or ""))
        return pa.table(
            {
                "raw": pa.array([raw for raw, _ in order], pa.string()),
                "product_type": pa.array([self._types.get(normalize_text(raw or "")) for raw, _ in order], pa.string()),
                "products": pa.array([count for _, count in order], pa.int64()),
            }
        )

    def raise_without_labels(self) -> None:
        """Raises CatalogError if there is no label so far."""
        if any(fed.number for fed in self._fed):
            return
        where = f"no label of contract {self._contract.dataset!r} is found in the catalog"
        types = self.product_types()
        if not types["product_type"].drop_null():
            raw = ", ".join(repr(name) for name in types["raw"].to_pylist()[:10])
            raise CatalogError(
                f"{where}: none of its product types is known (most frequent: {raw or 'none'}); "
                f"allowed are {', '.join(self._contract.product_types)} and their aliases in {self._contract.path}"
            )
        frequent = sorted(self._raw_keys.items(), key=lambda item: (-item[1], item[0]))[:10]
        raw = ", ".join(f"{key!r} ({count})" for key, count in frequent)
        raise CatalogError(
            f"{where}: its most frequent raw keys are {raw or 'none'}; "
            f"allowed are the keys that {self._contract.path} names"
        )

    def _product_types(self, raw: pa.ChunkedArray) -> pa.Array:
        """Every product's canonical product type, null where it has none."""
        names, codes = _encode(raw)
        counts = np.bincount(codes, minlength=len(names)).tolist()
        self._raw_types.update({name: count for name, count in zip(names, counts, strict=True) if count})
        return pa.array([self._types.get(normalize_text(name or "")) for name in names], pa.string()).take(
            pa.array(codes)
        )


def value_mapper(attribute: Attribute, missing: frozenset[str]) -> Callable[[str | None], tuple[str, ...] | int]:
    """A function from one raw value to the values it means, in order, or MISSING or UNMAPPED.

    The normalized value is looked up whole. Otherwise it is split into parts, and these into clauses that state or
    negate one thing. Each clause is looked up, then tried against the rules (the first that applies wins), then
    looked up without its percentage or count ("50% Wool", "2 Buttons"). Only a rule that needs the negation applies to
    a negated clause (see ``negation``). Clauses without meaning are ignored if another one has a meaning. HTML tags
    separate parts or are removed; line breaks separate parts if each line has a meaning. A measurement's labels are
    read by ``measures``.
    """
    if attribute.measurement:
        return _measure_mapper(attribute, missing)
    lookup = attribute.lookup()
    lookup |= {spell_out(spelling): value for spelling, value in lookup.items()}
    separators = compile_rule(attribute.separators)
    rules = [(compile_rule(rule.match), rule.value) for rule in attribute.rules]

    def value_of(clause: Clause) -> str | None:
        text = clause.text
        found = lookup.get(text) or next((value for rule, value in rules if clause.is_read_by(rule.search)), None)
        return found or lookup.get(normalize_text(_COUNT.sub("", without_share(text))))

    def is_known(text: str) -> bool:
        return value_of(Clause(text, ((text, ()),))) is not None

    def values_of_line(line: str) -> list[str | None]:
        """The value of each clause of a line, None for a clause without one."""
        text = spell_out(normalize_text(line))
        found = list(separators.finditer(text))
        starts, ends = [0, *(end.end() for end in found)], [*(end.start() for end in found), len(text)]
        parts = [normalize_text(text[start:end]) for start, end in zip(starts, ends, strict=True)]
        read = [list(clauses(part, is_known)) if part not in missing else [] for part in parts]
        return [value_of(clause) if clause else None for clause in without_doubtful(read, [end[0] for end in found])]

    def values_of_text(text: str) -> list[str | None]:
        return [value for line in plain_label(text).split("\n") for value in values_of_line(line)]

    def values_of(raw: str | None) -> tuple[str, ...] | int:
        normalized = normalize_text(raw or "")
        if normalized in missing:
            return MISSING
        if normalized in lookup:
            return (lookup[normalized],)
        lines = (raw or "").splitlines()
        apart = [values for line in lines if (values := values_of_text(line))] if len(lines) > 1 else []
        is_list = bool(apart) and all(any(values) for values in apart)  # "Machine\nWash" is one label on two lines
        found = list(chain(*apart)) if is_list else values_of_text(raw or "")
        return tuple(dict.fromkeys(value for value in found if value)) or (UNMAPPED if found else MISSING)

    return values_of


def _measure_mapper(attribute: Attribute, missing: frozenset[str]) -> Callable[[str | None], tuple[str, ...] | int]:
    reader = reader_of(attribute)

    def values_of(raw: str | None) -> tuple[str, ...] | int:
        if normalize_text(raw or "") in missing:
            return MISSING
        try:
            return (reader.value(raw or ""),)
        except MeasureError:
            return UNMAPPED

    return values_of


def key_reader(attribute: Attribute) -> Callable[[str, str], str] | None:
    """A function (raw value, normalized raw key) -> input of ``value_mapper``; None if the key does not matter.

    The key matters for a measurement if one of its keys says what several numbers measure: "Size (W x D x H)".
    """
    reader = reader_of(attribute) if attribute.measurement else None
    return reader.under_key if reader and reader.has_legend(map(normalize_key, attribute.keys)) else None


def reason_unmapped(attribute: Attribute, raw: str) -> str | None:
    """Why ``raw`` has no value; None if there is no more specific reason than that no value or rule matches."""
    try:
        if attribute.measurement:
            reader_of(attribute).value(raw)
    except MeasureError as error:
        return str(error)
    return None


class _RawLabels:
    """The entries of the attribute maps that feed an attribute: product ``row`` and ``value`` code of each.

    Only those of products in the mask ``known_P``. Repeated keys, null values and null maps are allowed.
    """

    def __init__(self, maps: pa.ChunkedArray, known_P: np.ndarray, contract: Contract):
        wanted = {normalize_key(key) for attribute in contract.attributes.values() for key in attribute.keys}
        keys, items, rows, start = [], [], [], 0
        for chunk in maps.chunks:
            valid = np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False))
            maps_only = chunk.take(pa.array(valid)) if len(valid) < len(chunk) else chunk
            offsets = maps_only.offsets.to_numpy()
            keys.append(maps_only.keys[offsets[0] : offsets[-1]])
            items.append(maps_only.items[offsets[0] : offsets[-1]])
            rows.append(start + np.repeat(valid, np.diff(offsets)))
            start += len(chunk)
        self.rows = start
        names, codes = _encode(pa.chunked_array(keys, pa.string()))
        normalized = [normalize_key(name or "") for name in names]
        row = np.concatenate([np.empty(0, np.int64), *rows])
        known = known_P[row]
        self.known = int(known_P.sum())
        counts = np.bincount(codes[known], minlength=len(names)).tolist()
        self.keys = {name: count for name, count in zip(names, counts, strict=True) if name is not None and count}
        is_wanted = np.array([name in wanted for name in normalized])[codes]
        values = pa.chunked_array(items, pa.string())
        unread = known & ~is_wanted
        #: spellings and normalized keys, then for each entry that no attribute reads: key code, product, value
        self.unread = (
            [name or "" for name in names],
            normalized,
            codes[unread],
            row[unread],
            values.filter(pa.array(unread)).combine_chunks(),
        )
        used = known & is_wanted
        if not used.all():  # else the filter would only copy all texts
            codes, row, values = codes[used], row[used], values.filter(pa.array(used))
        self.row, self._key, self._keys = row, codes, normalized
        self._values, self._value = _encode(values)
        self._codes_of_key: dict[str, list[int]] = {}
        for code, name in enumerate(normalized):
            self._codes_of_key.setdefault(name, []).append(code)
        by_key = np.argsort(codes.astype(np.min_scalar_type(len(names))), kind="stable")  # small integers sort fastest
        ends = np.cumsum(np.bincount(codes, minlength=len(names)))
        self._entries = np.split(by_key, ends[:-1]) if len(names) else []

    def fed_by(self, keys: tuple[str, ...]) -> np.ndarray:
        """The entries of ``keys``, in the order of the keys, then of the products."""
        normalized = dict.fromkeys(normalize_key(key) for key in keys)
        found = [[self._entries[code] for code in self._codes_of_key.get(key, [])] for key in normalized]
        in_order = (same[0] if len(same) == 1 else np.sort(np.concatenate(same)) for same in found if same)
        return np.concatenate([np.empty(0, np.int64), *in_order])

    def values_of(
        self, entries: np.ndarray, with_key: Callable[[str, str], str] | None
    ) -> tuple[list[str | None], np.ndarray]:
        """The distinct values of ``entries``, as ``key_reader`` completes them, and the code of each entry's value."""
        value, number = self._value[entries], len(self._values)
        if with_key is None:
            return self._values, value
        pairs, code = np.unique(self._key[entries].astype(np.int64) * number + value, return_inverse=True)
        found = ((self._values[pair % number], self._keys[pair // number]) for pair in pairs)
        return [None if raw is None else with_key(raw, key) for raw, key in found], code


class _FedLabels:
    """The labels of one attribute over all parts."""

    def __init__(self, attribute: Attribute, contract: Contract, lists: dict[tuple[str, ...], int]):
        self._attribute, self._lists = attribute, lists
        self.name = attribute.name
        self.values_of = value_mapper(attribute, contract.normalized_missing())
        self._with_key = key_reader(attribute)
        self._meaning: dict[str | None, int] = {}  # raw value -> the number of its value list, MISSING or UNMAPPED
        self._counts: Counter[str | None] = Counter()
        self._raw_values = self._dropped = self._unmapped = 0
        self._used = np.zeros(0, bool)  # by number, the value lists that became a label
        self.number = self._conflicts = 0

    def labels(self, raw: "_RawLabels", meant_P: np.ndarray) -> None:
        """Writes the number of each product's value list into ``meant_P``; products without a label stay unchanged."""
        entries = raw.fed_by(self._attribute.keys)
        row, (values, value) = raw.row[entries], raw.values_of(entries, self._with_key)
        counts = np.bincount(value, minlength=len(values))
        meaning = np.full(len(values), MISSING, np.int32)
        for code in np.flatnonzero(counts):
            meaning[code] = self._meant(values[code], int(counts[code]))
        if len(self._meaning) > REMEMBERED:
            self._forget_the_rarest()
        meant = meaning[value]

        known = meant >= 0
        row, meant = row[known], meant[known]
        meant_P[row[::-1]] = meant[::-1]  # assigned backwards, so that the first entry stays
        self._conflicts += len(np.unique(row[meant != meant_P[row]]))
        numbers = np.bincount(meant_P[meant_P >= 0], minlength=len(self._lists))
        self.number += int(numbers.sum())
        used = numbers > 0
        used[: len(self._used)] |= self._used
        self._used = used

    def _meant(self, raw: str | None, count: int) -> int:
        self._counts[raw] += count
        meaning = self._meaning.get(raw)
        if meaning is None:
            means = self.values_of(raw)
            meaning = means if isinstance(means, int) else self._lists.setdefault(means, len(self._lists))
            self._meaning[raw] = meaning
            self._raw_values += meaning != MISSING
        self._dropped += count if meaning == MISSING else 0
        self._unmapped += count if meaning == UNMAPPED else 0
        return meaning

    def _forget_the_rarest(self) -> None:
        """Keeps at most half of REMEMBERED raw values, so that this is not repeated for every part."""
        least = 1
        while len(self._counts) > REMEMBERED // 2:
            self._counts = Counter({raw: count for raw, count in self._counts.items() if count > least})
            least *= 2
        self._meaning = {raw: self._meaning[raw] for raw in self._counts}

    def statistics(self, lists: list[tuple[str, ...]]) -> dict:
        """A row of LABEL_STATISTICS; ``lists`` are the value lists by number."""
        unmapped = ((-n, raw or "") for raw, n in self._counts.items() if self._meaning[raw] == UNMAPPED)
        return {
            "attribute": self._attribute.name,
            "raw_values": self._raw_values,
            "canonical_values": len({value for number in np.flatnonzero(self._used) for value in lists[number]}),
            "labels": self.number,
            "dropped": self._dropped,
            "unmapped": self._unmapped,
            "conflicts": self._conflicts,
            "most_frequent_unmapped": [
                {"value": text, "count": -count, "reason": reason_unmapped(self._attribute, text)}
                for count, text in heapq.nsmallest(_MOST_FREQUENT, unmapped)
            ],
        }


def _encode(texts: pa.ChunkedArray) -> tuple[list[str | None], np.ndarray]:
    """Distinct texts, a null at the end, and the code of each text."""
    encoded = texts.dictionary_encode().unify_dictionaries()
    names = encoded.chunk(0).dictionary.to_pylist() if encoded.num_chunks else []
    codes = [chunk.indices.fill_null(len(names)).to_numpy() for chunk in encoded.chunks]
    return [*names, None], np.concatenate([np.empty(0, np.int64), *codes])
