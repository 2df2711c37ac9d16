"""A copy of the sidecar's labels in memory-mapped files, so that even 20 million products load nothing into memory.

One record per payload row, in the same order; repeated strings are dictionary-encoded. A file covers consecutive rows,
so that the files can be written part by part.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.schemas import LABELS

_WORD = pa.dictionary(pa.int32(), pa.string())

#: A row's labels; product type, group and split are null for a product without labels.
MAPPED_LABELS = pa.schema(
    [
        ("product_id", pa.large_string()),
        ("product_type", _WORD),
        ("group", pa.large_string()),
        ("split", _WORD),
        ("labels", pa.list_(pa.struct([("attribute", _WORD), ("values", pa.list_(_WORD))]))),
    ]
)


def map_labels(product_ids: pa.ChunkedArray, labels: pa.Table) -> pa.Table:
    """MAPPED_LABELS of payload rows ``product_ids``; ``labels`` (LABELS) in any order.

    A product's labels keep their order; labels of products not in ``product_ids`` are dropped.
    """
    row = pc.index_in(labels["product_id"], product_ids.combine_chunks())
    labels = labels.append_column("row", row).filter(pc.is_valid(row)).sort_by("row").combine_chunks()
    starts = np.searchsorted(labels["row"].to_numpy(), np.arange(len(product_ids) + 1)).astype(np.int32)
    first = pa.array(starts[:-1], mask=starts[1:] == starts[:-1])
    values = _one(labels["values"])
    words = pa.ListArray.from_arrays(values.offsets, _coded(values.values))
    entry = list(MAPPED_LABELS.field("labels").type.value_type)
    entries = pa.StructArray.from_arrays([_coded(_one(labels["attribute"])), words], fields=entry)
    columns = [
        _one(product_ids).cast(pa.large_string()),
        _coded(_one(labels["product_type"]).take(first)),
        _one(labels["group"]).take(first).cast(pa.large_string()),
        _coded(_one(labels["split"]).take(first)),
        pa.ListArray.from_arrays(pa.array(starts), entries),
    ]
    return pa.table(columns, schema=MAPPED_LABELS)


def flat_labels(mapped: pa.Table) -> pa.Table:
    """MAPPED_LABELS converted back to LABELS, one row per label."""
    labels = _one(mapped["labels"])
    product = pc.list_parent_indices(labels)
    flat = [
        labels.values.field(name) if name in ("attribute", "values") else mapped[name].take(product)
        for name in LABELS.names
    ]
    return pa.table([column.cast(LABELS.field(i).type) for i, column in enumerate(flat)], schema=LABELS)


class MappedLabels:
    """The labels of all payload rows, by row.

    Args:
        tables: MAPPED_LABELS, memory-mapped, in the order of the rows.
    """

    def __init__(self, tables: Sequence[pa.Table]):
        self._parts = [_Part(table) for table in tables]
        self._starts = np.cumsum([0, *(part.table.num_rows for part in self._parts)]).tolist()

    @property
    def attributes(self) -> list[str]:
        """All attributes with a label, sorted."""
        return sorted({name for part in self._parts for name in part.attributes})

    def rows(self, split: str) -> np.ndarray:
        """The rows of a split's products, int64, in ascending order."""
        starts = self._starts[:-1]
        return np.concatenate([start + part.rows(split) for start, part in zip(starts, self._parts, strict=True)])

    def values(self, row: int) -> dict[str, list[str]]:
        """Attribute -> values of one product."""
        part, index = self._find(row)
        return part.values(index)

    def value_counts(self, split: str) -> dict[tuple[str, str], Counter[str]]:
        """(Product type, attribute) -> value -> number of the split's products with that value.

        Counts the dictionary codes file by file: memory holds the counts and one file's codes, but no labels.
        """
        found: dict[tuple[str, str], Counter[str]] = {}
        for part in self._parts:
            for product_type, attribute, value, count in part.value_counts(split):
                found.setdefault((product_type, attribute), Counter())[value] += count
        return found

    def attributes_of_types(self) -> dict[str, set[str]]:
        """Product type -> the attributes for which its products have a label."""
        found: dict[str, set[str]] = {}
        for part in self._parts:
            for product_type, attribute in part.attributes_of_types():
                found.setdefault(product_type, set()).add(attribute)
        return found

    def word(self, row: int, name: str) -> str:
        """The ``name`` (product_id, product_type, group or split) of one product."""
        part, index = self._find(row)
        return part.table[name][index].as_py()

    def words(self, name: str, start: int, stop: int) -> list[str | None]:
        """The ``name``, as in ``word``, of the rows from ``start`` to ``stop``."""
        found: list[str | None] = []
        while start < stop:
            part, index = self._find(start)
            found += part.table[name].slice(index, stop - start).to_pylist()
            start = min(stop, start - index + part.table.num_rows)
        return found

    def table(self) -> pa.Table:
        """LABELS, in memory."""
        return pa.concat_tables([flat_labels(part.table) for part in self._parts])

    def _find(self, row: int) -> tuple["_Part", int]:
        index = bisect_right(self._starts, row) - 1
        return self._parts[index], int(row) - self._starts[index]


class _Part:
    """One file, with NumPy views of its offsets and codes."""

    def __init__(self, table: pa.Table):
        self.table = table
        labels = _one(table["labels"])
        attribute, values = labels.values.field("attribute"), labels.values.field("values")
        self._starts = labels.offsets.to_numpy()
        self._attribute_codes = attribute.indices.to_numpy()
        self.attributes = attribute.dictionary.to_pylist()
        self._value_starts = values.offsets.to_numpy()
        self._value_codes = values.values.indices.to_numpy()
        self._values = values.values.dictionary.to_pylist()

    def rows(self, split: str) -> np.ndarray:
        column = _one(self.table["split"])
        return np.flatnonzero(pc.fill_null(pc.equal(column, split), False).to_numpy(zero_copy_only=False))

    def value_counts(self, split: str) -> Iterator[tuple[str, str, str, int]]:
        chosen = np.zeros(self.table.num_rows, bool)
        chosen[self.rows(split)] = True
        types, cell_of_label = self._cells()
        values_of_label = np.diff(self._value_starts)
        of_value = np.repeat(np.repeat(chosen, np.diff(self._starts)), values_of_label)
        cell = np.repeat(cell_of_label, values_of_label)[of_value]
        pairs, counts = np.unique(cell * len(self._values) + self._value_codes[of_value], return_counts=True)
        for pair, count in zip(pairs.tolist(), counts.tolist(), strict=True):
            code, value = divmod(pair, len(self._values))
            product_type, attribute = divmod(code, len(self.attributes))
            yield types[product_type], self.attributes[attribute], self._values[value], count

    def attributes_of_types(self) -> Iterator[tuple[str, str]]:
        types, cell_of_label = self._cells()
        for cell in np.unique(cell_of_label).tolist():
            product_type, attribute = divmod(cell, len(self.attributes))
            yield types[product_type], self.attributes[attribute]

    def _cells(self) -> tuple[list[str], np.ndarray]:
        """The product types, and each label's cell code: product type code x number of attributes + attribute code."""
        column = _one(self.table["product_type"])
        types = pc.fill_null(column.indices, 0).to_numpy(zero_copy_only=False)
        of_label = np.repeat(types, np.diff(self._starts)).astype(np.int64)
        return column.dictionary.to_pylist(), of_label * len(self.attributes) + self._attribute_codes

    def values(self, row: int) -> dict[str, list[str]]:
        first, last = self._starts[row], self._starts[row + 1]
        starts = self._value_starts[first : last + 1].tolist()
        words = [self._values[code] for code in self._value_codes[starts[0] : starts[-1]].tolist()]
        names = [self.attributes[code] for code in self._attribute_codes[first:last].tolist()]
        return {
            name: words[start - starts[0] : stop - starts[0]]
            for name, start, stop in zip(names, starts[:-1], starts[1:], strict=True)
        }


def _coded(column: pa.Array) -> pa.Array:
    return column.dictionary_encode().cast(_WORD)


def _one(column: pa.ChunkedArray) -> pa.Array:
    """The column as one array, without copying for a mapped file, whose columns have one chunk."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
