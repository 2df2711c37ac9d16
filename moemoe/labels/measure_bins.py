"""Puts measures into a few bins to compare the labels of two runs: hardly any two products have the same measure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa

from moemoe.correctness import number_and_unit

#: A cell with more values than this, all numbers in one unit, is compared in this many bins.
BINS = 10

Cell = tuple[str, str]


def in_bins(before: pa.Table, after: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Two runs' counts of values by product type and attribute, with measures counted per bin.

    The bins' bounds are the deciles of the labels before; a bin is named by its bounds ("over 5.1 cm, up to 7.6 cm").

    Args:
        before, after: tables with columns product_type, attribute, value and number.
    """
    bins = _bins([*before.to_pylist(), *after.to_pylist()], before.to_pylist())
    return _binned(before, bins), _binned(after, bins)


def _bins(rows: Iterable[Mapping], before: Iterable[Mapping]) -> dict[Cell, dict[str, str]]:
    """Cell -> value -> its bin, for the cells of measures that the run before has."""
    values: dict[Cell, set[str]] = defaultdict(set)
    counts: dict[Cell, list[tuple[float, int]]] = defaultdict(list)
    for row in rows:
        values[row["product_type"], row["attribute"]].add(row["value"])
    measured = {cell: found for cell, own in values.items() if len(own) > BINS and (found := _numbers(own))}
    for row in before:
        if (cell := (row["product_type"], row["attribute"])) in measured:
            counts[cell].append((measured[cell][row["value"]], row["number"]))
    return {
        cell: dict(zip(measured[cell], _names(measured[cell], sorted(own)), strict=True))
        for cell, own in counts.items()
    }


def _numbers(values: Iterable[str]) -> dict[str, float] | None:
    """Value -> its number; None unless all values are numbers with the same unit."""
    found = {value: number_and_unit(value) for value in values}
    if None in found.values() or len({unit for _, unit in found.values()}) > 1:  # type: ignore[misc]
        return None
    return {value: float(number) for value, (number, _) in found.items()}  # type: ignore[misc]


def _names(numbers: Mapping[str, float], before: list[tuple[float, int]]) -> list[str]:
    """The bin of each of ``numbers``, by the deciles of (number, labels) pairs, which are sorted."""
    unit = next(iter(numbers)).partition(" ")[2]
    value_V, labels_V = np.array(before).T
    share_V = np.cumsum(labels_V) / labels_V.sum()
    bounds = np.unique(value_V[np.searchsorted(share_V, np.arange(1, BINS) / BINS - 1e-9)])
    texts = [f"{bound:g} {unit}" for bound in bounds]
    names = [
        f"up to {texts[0]}",
        *(f"over {low}, up to {high}" for low, high in pairwise(texts)),
        f"over {texts[-1]}",
    ]
    return [names[place] for place in np.searchsorted(bounds, list(numbers.values())).tolist()]


def _binned(counts: pa.Table, bins: Mapping[Cell, Mapping[str, str]]) -> pa.Table:
    if not bins:
        return counts
    cells = zip(*(counts[name].to_pylist() for name in ("product_type", "attribute", "value")), strict=True)
    values = [bins.get((product_type, attribute), {}).get(value, value) for product_type, attribute, value in cells]
    place = counts.schema.get_field_index("value")
    found = counts.set_column(place, counts.schema.field(place), pa.array(values, pa.string()))
    summed = found.group_by(["product_type", "attribute", "value"]).aggregate([("number", "sum")])
    return summed.rename_columns(counts.schema.names).cast(counts.schema)
