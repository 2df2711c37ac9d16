"""Rare values go (appendix B): per attribute the least frequent ones that together make up at most 1 % of its labels."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.schemas import LABELS, RARE_VALUES


def remove_rare_values(labels: pa.Table, rare_share: float) -> tuple[pa.Table, pa.Table]:
    """LABELS without rare values, and the values that went (RARE_VALUES).

    A label with several values loses only its rare ones; a label with none left goes. Among equally frequent values
    the alphabetically last goes first.
    """
    owner = pc.list_parent_indices(labels["values"].combine_chunks())
    flat = pc.list_flatten(labels["values"].combine_chunks()).dictionary_encode()
    attribute = labels["attribute"].combine_chunks().dictionary_encode()
    names, values = attribute.dictionary.to_pylist(), flat.dictionary.to_pylist()
    code = attribute.indices.to_numpy()[owner.to_numpy()].astype(np.int64) * max(len(values), 1) + flat.indices.to_numpy()
    distinct, counts = np.unique(code, return_counts=True)

    per_attribute: dict[int, Counter[int]] = {}
    for pair, count in zip(distinct.tolist(), counts.tolist(), strict=True):
        per_attribute.setdefault(pair // len(values), Counter())[pair % len(values)] = count
    gone: dict[int, int] = {}
    for name_code, counter in per_attribute.items():
        allowance = rare_share * counter.total()
        for value_code, count in sorted(counter.items(), key=lambda item: (item[1], _falling(values[item[0]]))):
            if count > allowance:
                break
            allowance -= count
            gone[name_code * len(values) + value_code] = count

    keep = ~np.isin(code, np.array(list(gone), dtype=np.int64))
    kept_owner = owner.to_numpy()[keep]
    sizes = np.bincount(kept_owner, minlength=labels.num_rows)
    offsets = pa.array(np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32))
    lists = pa.ListArray.from_arrays(offsets, flat.dictionary.take(flat.indices.filter(pa.array(keep))))
    index = labels.schema.get_field_index("values")
    frequent = labels.set_column(index, "values", lists).filter(pa.array(sizes > 0)).cast(LABELS)
    removed = [
        {"attribute": names[pair // len(values)], "value": values[pair % len(values)], "labels": count}
        for pair, count in gone.items()
    ]
    removed.sort(key=lambda row: (row["attribute"], -row["labels"], row["value"]))
    return frequent, pa.Table.from_pylist(removed, RARE_VALUES)


def _falling(text: str) -> tuple[int, ...]:
    return tuple(-ord(character) for character in text)
