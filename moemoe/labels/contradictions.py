"""Drops labels of one product that contradict each other: at least one is wrong, the data do not say which."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.contract.contract import Contract, Contradiction
from moemoe.schemas import CONTRADICTIONS

EXAMPLES = 6


def drop_contradictions(labels: pa.Table, contract: Contract) -> tuple[pa.Table, pa.Table]:
    """Splits ``labels`` (LABELS) into those to keep and the contradictory ones (CONTRADICTIONS).

    A rule of the contract matches two labels of a product: one of its ``when`` attribute and one of its ``never``
    attribute, if each has only values that the rule lists. So "Women, Girls" contradicts neither women nor girls. Both
    labels are dropped, as the rule cannot tell which is wrong. Every rule is applied to all labels, including those
    that another rule drops. A label that two rules match is listed twice in the second table, which is sorted by rule,
    then by label.
    """
    named = dict.fromkeys(name for rule in contract.contradictions for name in (rule.when, rule.never))
    labels_of = {name: _LabelsOf(labels, name) for name in named}
    found: list[np.ndarray] = []
    for rule in contract.contradictions:
        when = labels_of[rule.when].with_only(rule.when_values)
        never = labels_of[rule.never].with_only(rule.never_values)
        sides = (when[_in_products_of(labels, when, never)], never[_in_products_of(labels, never, when)])
        found.append(np.sort(np.concatenate(sides)))

    keep = np.ones(labels.num_rows, bool)
    for rows in found:
        keep[rows] = False
    columns = ["product_id", "product_type", "attribute", "values"]
    parts = [
        labels.select(columns)
        .take(rows)
        .append_column("rule", pa.repeat(rule.words, len(rows)))
        .append_column("reason", pa.repeat(rule.reason, len(rows)))
        for rule, rows in zip(contract.contradictions, found, strict=True)
    ]
    aside = pa.concat_tables([CONTRADICTIONS.empty_table(), *parts])
    return labels.filter(pa.array(keep)), aside


def broken_rules(values: Mapping[str, Collection[str]], contract: Contract) -> list[Contradiction]:
    """The rules of the contract that one product's ``values`` (attribute -> values) break.

    A rule applies as in ``drop_contradictions``.
    """
    return [
        rule
        for rule in contract.contradictions
        if all(
            (found := values.get(name)) and set(found) <= set(listed)
            for name, listed in ((rule.when, rule.when_values), (rule.never, rule.never_values))
        )
    ]


@dataclass
class ContradictionCounts:
    """Contradictions of many parts: the number of labels dropped; per rule its products, counted, and some of them."""

    labels: int = 0
    products: Counter[str] = field(default_factory=Counter)
    examples: dict[str, dict[str, list[str]]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, aside: pa.Table) -> None:
        """Counts the CONTRADICTIONS of one part."""
        self.labels += aside.group_by(["product_id", "attribute"]).aggregate([]).num_rows
        for rule in aside["rule"].unique().to_pylist():
            mine = aside.filter(pc.equal(aside["rule"], rule))
            ids = mine["product_id"].unique()
            self.products[rule] += len(ids)
            examples = self.examples[rule]
            if more := ids.slice(0, EXAMPLES - len(examples)):
                for label in mine.filter(pc.is_in(mine["product_id"], more)).to_pylist():
                    examples.setdefault(label["product_id"], []).append(" / ".join(label["values"]))


class _LabelsOf:
    """The labels of one attribute: ``rows`` in the table, and for each value the number of its label among them."""

    def __init__(self, labels: pa.Table, attribute: str):
        mine = pc.equal(labels["attribute"], attribute)
        lists = labels["values"].filter(mine).combine_chunks()
        self.rows = np.flatnonzero(mine.to_numpy())
        self.label = pc.list_parent_indices(lists).to_numpy()
        self.values = pc.list_flatten(lists)
        self.number = np.bincount(self.label, minlength=len(self.rows))

    def with_only(self, values: Iterable[str]) -> np.ndarray:
        """The rows of the labels that have at least one value, all of them among ``values``."""
        listed = pc.is_in(self.values, pa.array(values, pa.string())).to_numpy(zero_copy_only=False)
        number = np.bincount(self.label[listed], minlength=len(self.rows))
        return self.rows[(number > 0) & (number == self.number)]


def _in_products_of(labels: pa.Table, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which of the labels ``rows`` belong to a product that has one of the labels ``others``."""
    ids = labels["product_id"]
    return pc.is_in(ids.take(pa.array(rows)), ids.take(pa.array(others))).to_numpy()
