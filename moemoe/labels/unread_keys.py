"""Lists the raw keys of a catalog that no attribute of the contract reads, each with a line to add to the contract."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.schemas import UNREAD_KEYS

#: Only the values of a key's first labels are counted, this many in each part; the list is a sample for people.
SAMPLED = 1_000
#: Distinct values that are remembered per key, and that are shown.
REMEMBERED, SHOWN = 2_000, 8
#: A longer value, most likely a sentence, is cut to this many characters.
LONGEST = 60


class UnreadKeys:
    """Counts the keys over all parts; memory grows only with the number of keys."""

    def __init__(self, missing: frozenset[str], normalize: Callable[[str], str]):
        self._missing, self._normalize = missing, normalize
        self._products: Counter[str] = Counter()
        self._spellings: dict[str, Counter[str]] = {}
        self._values: dict[str, Counter[str]] = {}

    def add(
        self, names: Sequence[str], keys: Sequence[str], code: np.ndarray, row: np.ndarray, values: pa.Array
    ) -> None:
        """Counts the unread entries of a part.

        Args:
            names: spellings of the raw keys; ``keys``: the same keys, normalized.
            code: each entry's index into ``names``; ``row``: its product; ``values``: its text, may be null.
        """
        said = pc.fill_null(pc.not_equal(pc.utf8_trim_whitespace(values), ""), False).to_numpy(zero_copy_only=False)
        code, row, values = code[said], row[said], values.filter(pa.array(said))
        order = np.argsort(code, kind="stable")
        ends = np.cumsum(np.bincount(code, minlength=len(names)))
        rows_of_key: dict[str, list[np.ndarray]] = {}
        for name, key, entries in zip(names, keys, np.split(order, ends[:-1]) if len(names) else [], strict=True):
            key = key or name.strip()  # normalization leaves nothing of a key of punctuation
            if not len(entries) or not key:
                continue
            rows_of_key.setdefault(key, []).append(row[entries])
            self._spellings.setdefault(key, Counter())[name] += len(entries)
            counted = self._values.setdefault(key, Counter())
            if len(counted) < REMEMBERED:
                counted.update(values.take(pa.array(entries[:SAMPLED])).to_pylist())
        for key, rows in rows_of_key.items():
            self._products[key] += len(np.unique(np.concatenate(rows)))

    def table(self, products: int, mappers: Mapping[str, Callable[[str], tuple[str, ...] | int]]) -> pa.Table:
        """UNREAD_KEYS, the most frequent first.

        Args:
            products: number of products of known types, the denominator of the fill rate.
            mappers: attribute -> its value mapper, to find the attribute that maps most of a key's values.
        """
        rows = []
        for key, number in sorted(self._products.items(), key=lambda item: (-item[1], item[0])):
            counts: Counter[str] = Counter()
            for value, count in self._values[key].items():
                if self._normalize(value) not in self._missing:
                    counts[" ".join(value.split())] += count
            distinct: dict[str, str] = {}  # a value is listed in one spelling; missing markers are no values
            for value, _ in counts.most_common():
                distinct.setdefault(self._normalize(value[:LONGEST]), value[:LONGEST])
            shown = [value for normalized, value in distinct.items() if normalized not in self._missing][:SHOWN]
            spelling = self._spellings[key].most_common(1)[0][0]
            attribute = _reader(counts, mappers)
            rows.append(
                {
                    "key": spelling,
                    "products": number,
                    "fill": number / products if products else 0.0,
                    "values": shown,
                    "attribute": attribute,
                    "yaml": _yaml(spelling, key, shown, attribute),
                }
            )
        return pa.Table.from_pylist(rows, UNREAD_KEYS)


def _reader(counts: Counter[str], mappers: Mapping[str, Callable[[str], tuple[str, ...] | int]]) -> str | None:
    """The attribute that maps most of the values' labels, at least half of them and two values; else None."""
    best, understood = None, counts.total() / 2
    for name, values_of in mappers.items():
        known = [value for value in counts if isinstance(values_of(value), tuple)]
        number = sum(counts[value] for value in known)
        if number > understood and len(known) > 1:
            best, understood = name, number
    return best


def _yaml(spelling: str, key: str, values: Sequence[str], attribute: str | None) -> str:
    """A line to paste into the contract: a further key of ``attribute``, or a new attribute if that is None."""
    if attribute is not None:
        return f"keys: [..., {json.dumps(spelling, ensure_ascii=False)}]  # of {attribute}"
    listed = ", ".join(f"{json.dumps(value, ensure_ascii=False)}: []" for value in values) or '"VALUE": []'
    name = json.dumps(key, ensure_ascii=False)
    return f"{name}: {{keys: [{json.dumps(spelling, ensure_ascii=False)}], values: {{{listed}}}}}"
