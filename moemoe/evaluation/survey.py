"""One pass over all predictions: whether they can be evaluated, and what is in them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.evaluation.numbering import Numbering
from moemoe.evaluation.parts import (
    EvaluationError,
    Parts,
    Shown,
    all_parts,
    group_names,
    rows_shown,
    shown_in,
)

_READ = [
    "product_id", "marketplace", "group", "attribute", "split", "condition", "confidence", "canonical",
]  # fmt: skip
_ATTRIBUTES = 1 << 20
#: In place of a marketplace that is null.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Survey:
    """What is in a table of predictions.

    Args:
        starts: the first row of each part, and the number of all rows.
        parts: split and condition -> the parts that have such rows.
        groups: of the test split, numbered in the order of its rows.
        marketplaces: the number of rows of each, in the order of their first rows.
        canonical: condition -> share of the test answers that are values of the contract.
    """

    starts: list[int]
    parts: Mapping[Shown, list[int]]
    groups: Numbering
    marketplaces: Counter[str]
    canonical: Mapping[str, float]

    @property
    def conditions(self) -> set[str]:
        """All conditions in the table."""
        return {condition for _, condition in self.parts}


def survey(predictions: Parts) -> Survey:
    """Goes over all predictions once.

    Memory: 8 bytes a row until duplicates are excluded.

    Raises:
        EvaluationError: a confidence is missing or outside [0, 1], or a product is asked an attribute twice in a split
            and condition.
    """
    starts, parts = [0], dict[Shown, list[int]]()
    groups, keys, marketplaces = Numbering(), _Keys(), Counter[str]()
    canonical: dict[str, list[int]] = {}
    without = outside = 0
    for index in range(len(predictions)):
        part = predictions.part(index, _READ)
        starts.append(starts[-1] + len(part))
        confidence = part["confidence"]
        without += pc.sum(pc.or_kleene(pc.is_null(confidence, nan_is_null=True), False)).as_py() or 0
        outside += pc.sum(pc.or_(pc.less(confidence, 0), pc.greater(confidence, 1))).as_py() or 0
        groups(group_names(part).filter(pc.equal(part["split"], "test")))
        for entry in pc.value_counts(pc.fill_null(part["marketplace"], UNKNOWN)).to_pylist():
            marketplaces[entry["values"]] += entry["counts"]
        for shown in shown_in(part):
            parts.setdefault(shown, []).append(index)
        keys.add(part)
        for split, condition in shown_in(part):
            if split == "test":
                own = part["canonical"].take(pa.array(rows_shown(part, split, condition)))
                counted = canonical.setdefault(condition, [0, 0])
                counted[0] += pc.sum(own).as_py() or 0
                counted[1] += len(own) - own.null_count
    if without:
        raise EvaluationError(f"{without} predictions have no confidence (null or NaN); each needs one in [0, 1]")
    if outside:
        raise EvaluationError(f"{outside} predictions have a confidence outside [0, 1]")
    keys.raise_if_duplicate(predictions)
    return Survey(starts, parts, groups, marketplaces, {name: yes / of for name, (yes, of) in canonical.items() if of})


class _Keys:
    """Product and attribute of every row, one whole number each, by split and condition."""

    def __init__(self) -> None:
        self._products, self._attributes = Numbering(), Numbering()
        self._found: dict[Shown, list[np.ndarray]] = {}

    def add(self, part: pa.Table) -> None:
        key = self._keys(part)
        for shown in shown_in(part):
            self._found.setdefault(shown, []).append(key[rows_shown(part, *shown)])

    def _keys(self, part: pa.Table) -> np.ndarray:
        product = self._products(part["product_id"]).astype(np.int64)
        return product * _ATTRIBUTES + self._attributes(part["attribute"])

    def raise_if_duplicate(self, predictions: Parts) -> None:
        twice: dict[Shown, np.ndarray] = {}
        for shown in list(self._found):
            keys = np.concatenate(self._found.pop(shown))
            keys.sort()
            if len(again := np.unique(keys[1:][keys[1:] == keys[:-1]])):
                twice[shown] = again
        if not twice:
            return
        number = sum(len(keys) for keys in twice.values())
        first = next(filter(None, (self._first(part, twice) for part in all_parts(predictions, _READ))))
        raise EvaluationError(
            f"{number} duplicate predictions, first product {first['product_id']}, attribute "
            f"{first['attribute']}, condition {first['condition']}"
        )

    def _first(self, part: pa.Table, twice: Mapping[Shown, np.ndarray]) -> dict[str, str] | None:
        key = self._keys(part)
        rows: list[int] = []
        for shown in shown_in(part):
            mine = rows_shown(part, *shown)
            rows += mine[np.isin(key[mine], twice.get(shown, ()))].tolist()
        return part.slice(min(rows), 1).to_pylist()[0] if rows else None
