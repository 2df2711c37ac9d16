"""Rare values go (appendix B): per attribute the least frequent ones that make up at most 1 % of its labels."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.schemas import LABELS, RARE_VALUES


def remove_rare_values(labels: pa.Table, rare_share: float) -> tuple[pa.Table, pa.Table]:
    """``labels`` (LABELS) without the rare values, and what went (RARE_VALUES, by attribute, most frequent first).

    Per attribute values go from the least frequent on, of equally frequent ones the alphabetically last first, while
    together they occur at most ``rare_share`` times the number of its labels. A label with several values loses only
    its rare ones; a label with none left goes.
    """
    lists = labels["values"].combine_chunks()
    label_of_value = pc.list_parent_indices(lists).to_numpy()
    values = pc.list_flatten(lists).dictionary_encode()
    attributes = labels["attribute"].combine_chunks().dictionary_encode()
    names, texts = attributes.dictionary.to_pylist(), values.dictionary.to_pylist()

    attribute_of_label = attributes.indices.to_numpy().astype(np.int64)
    pair = attribute_of_label[label_of_value] * len(texts) + values.indices.to_numpy()
    pairs, counts = np.unique(pair, return_counts=True)
    order = sorted(range(len(pairs)), key=lambda i: texts[pairs[i] % len(texts)], reverse=True)
    order.sort(key=lambda i: counts[i])  # stable, so ties stay alphabetical, the last first

    allowance = {code: rare_share * n for code, n in enumerate(np.bincount(attribute_of_label))}
    gone: list[int] = []
    for i in order:
        attribute = int(pairs[i]) // len(texts)
        allowance[attribute] -= int(counts[i])
        if allowance[attribute] >= 0:  # once below, it stays below: the counts only grow
            gone.append(i)

    keep = ~np.isin(pair, pairs[gone])
    sizes = np.bincount(label_of_value[keep], minlength=labels.num_rows)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]), pa.int32())
    kept = pa.ListArray.from_arrays(offsets, values.filter(pa.array(keep)).cast(pa.string()))
    frequent = labels.set_column(labels.schema.get_field_index("values"), LABELS.field("values"), kept)
    removed = [
        {"attribute": names[pairs[i] // len(texts)], "value": texts[pairs[i] % len(texts)], "labels": int(counts[i])}
        for i in gone
    ]
    removed.sort(key=lambda row: (row["attribute"], -row["labels"], row["value"]))
    return frequent.filter(pa.array(sizes > 0)), pa.Table.from_pylist(removed, RARE_VALUES)
