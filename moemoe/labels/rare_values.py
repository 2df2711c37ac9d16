"""Removes rare values (appendix B): per attribute the least frequent ones that make up at most 1 % of its labels."""

from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.schemas import LABELS, RARE_VALUES


def find_rare_values(labels: Iterable[pa.Table], rare_share: float, measurements: Collection[str] = ()) -> pa.Table:
    """Finds the rare values (RARE_VALUES, by attribute, most frequent first) of parts of LABELS, in one pass.

    An attribute's values are taken in order of rising frequency, ties in reverse alphabetical order, while together
    they occur in at most a share ``rare_share`` of its labels. ``measurements`` are attributes that keep all values: a
    number is rare because there are many different ones, not because it is wrong. The contract's range excludes wrong
    numbers, and an answer near a rare number is right within the tolerance.
    """
    occurs: Counter[tuple[str, str]] = Counter()
    labels_of: Counter[str] = Counter()
    for part in labels:
        label_of_value = pc.list_parent_indices(part["values"].combine_chunks())
        pairs = pa.table([part["attribute"].take(label_of_value), pc.list_flatten(part["values"])], ["a", "v"])
        pairs = pairs.filter(pc.invert(pc.is_in(pairs["a"], pa.array(measurements, pa.string()))))
        for pair in pairs.group_by(["a", "v"]).aggregate([([], "count_all")]).to_pylist():
            occurs[pair["a"], pair["v"]] += pair["count_all"]
        labels_of.update({c["values"]: c["counts"] for c in pc.value_counts(part["attribute"]).to_pylist()})

    allowance = {attribute: rare_share * number for attribute, number in labels_of.items()}
    gone = []
    last_first = sorted(occurs.items(), key=lambda item: item[0], reverse=True)
    for (attribute, value), number in sorted(last_first, key=lambda item: item[1]):  # stable
        allowance[attribute] -= number
        if allowance[attribute] >= 0:  # once negative, it stays negative: the counts only grow
            gone.append((attribute, -number, value))
    rows = [{"attribute": a, "value": v, "labels": -n} for a, n, v in sorted(gone)]
    return pa.Table.from_pylist(rows, RARE_VALUES)


def remove_values(labels: pa.Table, removed: pa.Table) -> pa.Table:
    """``labels`` (LABELS) without the values that ``removed`` (RARE_VALUES) lists.

    A label with several values loses only the rare ones; a label with no value left is dropped.
    """
    lists = labels["values"].combine_chunks()
    label_of_value = pc.list_parent_indices(lists).to_numpy()
    values = pc.list_flatten(lists).dictionary_encode()
    attributes = labels["attribute"].combine_chunks().dictionary_encode()
    code_of_value = {text: code for code, text in enumerate(values.dictionary.to_pylist())}
    code_of_attribute = {name: code for code, name in enumerate(attributes.dictionary.to_pylist())}
    gone = np.zeros((len(code_of_attribute), len(code_of_value)), bool)
    for row in removed.to_pylist():
        if row["attribute"] in code_of_attribute and row["value"] in code_of_value:
            gone[code_of_attribute[row["attribute"]], code_of_value[row["value"]]] = True
    keep = ~gone[attributes.indices.to_numpy()[label_of_value], values.indices.to_numpy()]
    sizes = np.bincount(label_of_value[keep], minlength=labels.num_rows)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    kept = pa.ListArray.from_arrays(offsets, values.filter(pa.array(keep)).cast(pa.string()))
    frequent = labels.set_column(labels.schema.get_field_index("values"), LABELS.field("values"), kept)
    return frequent.filter(pa.array(sizes > 0))
