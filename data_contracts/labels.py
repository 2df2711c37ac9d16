"""A contract's expectations of labels: canonical values, groups in one split, shares of splits, enough labels."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.suites import EXAMPLES, SPLIT_NAMES, Suite, Tally
from moemoe.contract.contract import CRITICAL, WARNING, Contract

#: A cell of the evaluation counts only with at least this many test products.
LEAST_TEST_PRODUCTS = 30


def label_suite(labels: Iterable[pa.Table], contract: Contract, common: Sequence[str] = ()) -> Suite:
    """Expectations of ``labels``: parts of LABELS, all labels of a product in one part, iterated several times.

    ``common`` describes the titles and images that were too frequent to join groups.
    """
    counted = _Counted(labels, contract)
    total = counted.without_split.total
    suite = Suite("labels", {})
    number = counted.labels.total()
    suite.figure("there are labels", CRITICAL, "labels", "labels", number, f"{number:,}", at_least=1)
    if not total:
        return suite
    suite.frames["rows"] = (part.select(["product_id", "product_type"]) for part in labels)
    told = f"{number:,} labels"
    suite.add("every label has a product", CRITICAL, "rows", "ExpectColumnValuesToNotBeNull", told, column="product_id")
    suite.add(
        "every label is of a product type of the contract",
        CRITICAL,
        "rows",
        "ExpectColumnValuesToBeInSet",
        told,
        column="product_type",
        value_set=list(contract.product_types),
    )
    _expect_canonical_values(suite, counted, contract)
    _expect_splits(suite, counted, contract)
    _expect_small_groups(suite, common)
    _expect_enough(suite, counted, contract)
    return suite


def _expect_small_groups(suite: Suite, common: Sequence[str]) -> None:
    suite.figure(
        "titles and images tell products apart",
        WARNING,
        "splits",
        "titles and images shared by many",
        len(common),
        f"so frequent that they join no groups: {'; '.join(common[:EXAMPLES])}" if common else "none is shared by many",
        at_most=0,
    )


def _expect_enough(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    """Expects enough test products to report on, and enough labelled products per attribute."""
    for name in contract.report_product_types:
        count = counted.products[name, "test"]
        suite.figure(
            f"product type {name} has at least {LEAST_TEST_PRODUCTS} labelled test products to report on",
            WARNING,
            "labels",
            f"test products of {name}",
            count,
            f"{count:,}",
            at_least=LEAST_TEST_PRODUCTS,
        )
    if (expected := contract.expectations.get("label_share")) and expected.attributes:
        for name, at_least in expected.attributes.items():
            share = Tally(counted.labels[name], counted.without_split.total)
            suite.figure(
                f"at least {at_least:.0%} of the labelled products have a value of {name}",
                expected.severity,
                "labels",
                f"share of products with {name}",
                share.share,
                str(share),
                at_least=at_least,
            )


def _expect_canonical_values(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    """One column of distinct values per attribute, so that the Data Docs show the allowed values of each."""
    expected = contract.expectations.get("canonical_values")
    severity = expected.severity if expected else CRITICAL
    longest = max(len(found) for found in counted.values.values())
    frame = {
        name: pa.array([*found, *[None] * (longest - len(found))], pa.string())
        for name, found in counted.values.items()
    }
    suite.frames["values"] = [pa.table(frame)]
    for name, found in counted.values.items():
        unknown = sorted(value for attribute, value in counted.unknown if attribute == name)
        suite.add(
            f"every value of {name} is canonical",
            severity,
            "values",
            "ExpectColumnValuesToBeInSet",
            f"not canonical: {', '.join(map(repr, unknown[:EXAMPLES]))}" if unknown else f"{len(found)} values",
            tuple(dict.fromkeys(i for value in unknown for i in counted.unknown[name, value].product_ids))[:EXAMPLES],
            column=name,
            value_set=_allowed(name, found, contract),
        )


def _allowed(name: str, found: Iterable[str], contract: Contract) -> list[str]:
    """The allowed values of an attribute; for a measurement, which lists none, the allowed ones among ``found``."""
    attribute = contract.attributes.get(name)
    if attribute is None:
        return []
    return [value for value in found if attribute.allows(value)] if attribute.measurement else list(attribute.values)


def _expect_splits(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    expectations, frame, total = contract.expectations, "splits", counted.without_split.total
    suite.figure(
        "every labelled product has a group and a split",
        CRITICAL,
        frame,
        "products without group or split",
        counted.without_split.count,
        str(counted.without_split),
        counted.without_split.product_ids,
        at_most=0,
    )
    expected = expectations.get("group_in_one_split")
    in_two_splits, product_ids = counted.groups_in_two_splits()
    suite.figure(
        "no group lies in two splits",
        expected.severity if expected else CRITICAL,
        frame,
        "groups in two splits",
        in_two_splits,
        f"{in_two_splits:,} of {counted.groups:,} groups",
        product_ids,
        at_most=0,
    )
    expected = expectations.get("split_deviation")
    for name in SPLIT_NAMES:
        count = sum(number for (_, split), number in counted.products.items() if split == name)
        here, wanted = Tally(count, total), getattr(contract.split, name)
        suite.figure(
            f"split {name} is not empty",
            CRITICAL,
            frame,
            f"products in {name}",
            count,
            str(here) if count else f"{here}: {_why_empty(counted, wanted, total)}",
            at_least=1,
        )
        if expected and expected.at_most is not None:
            suite.figure(
                f"split {name} holds {wanted:.0%} of the products, give or take {expected.at_most:.0%}",
                expected.severity,
                frame,
                f"share of {name}",
                here.share,
                str(here),
                at_least=max(0.0, wanted - expected.at_most),
                at_most=min(1.0, wanted + expected.at_most),
            )


def _why_empty(counted: "_Counted", wanted: float, total: int) -> str:
    if not wanted:
        return "the contract gives it 0 % of the products"
    return (
        f"products with the same title or image stay in one split, and the {total:,} labelled products are "
        f"{counted.groups:,} such groups, the largest of {counted.largest_group:,}: too few for a "
        f"split of {wanted:.0%}"
    )


class _Counted:
    """All counts over the labels that the suite needs, from one pass; memory: 8 bytes per product."""

    def __init__(self, labels: Iterable[pa.Table], contract: Contract):
        self.labels: Counter[str] = Counter()  # by attribute
        self.products: Counter[tuple[str, str | None]] = Counter()  # by product type and split
        self.values: dict[str, dict[str, None]] = defaultdict(dict)  # the distinct values of each attribute
        self.unknown: dict[tuple[str, str], Tally] = defaultdict(Tally)
        self.without_split = Tally()  # products without group or split
        self._parts = labels
        seen = [np.empty(0, np.int64)]
        for part in labels:
            self.labels.update({c["values"]: c["counts"] for c in pc.value_counts(part["attribute"]).to_pylist()})
            products = part.group_by(["product_id", "product_type", "group", "split"]).aggregate([])
            self.without_split.add(
                products,
                pc.or_(pc.is_null(products["group"]), pc.invert(pc.is_in(products["split"], pa.array(SPLIT_NAMES)))),
            )
            for cell in products.group_by(["product_type", "split"]).aggregate([([], "count_all")]).to_pylist():
                self.products[cell["product_type"], cell["split"]] += cell["count_all"]
            seen.append(_group_and_split(products))

            label_of_value = pc.list_parent_indices(part["values"])
            pairs = pa.table(
                {
                    "product_id": part["product_id"].take(label_of_value),
                    "attribute": part["attribute"].take(label_of_value),
                    "value": pc.list_flatten(part["values"]),
                }
            )
            for pair in pairs.group_by(["attribute", "value"]).aggregate([]).to_pylist():
                attribute, value = pair["attribute"], pair["value"]
                self.values[attribute][value] = None
                if not contract.allows(attribute, value):
                    found = pc.and_(pc.equal(pairs["attribute"], attribute), pc.equal(pairs["value"], value))
                    self.unknown[attribute, value].add(pairs, found)
        pairs, products_of_pair = np.unique(np.concatenate(seen), return_counts=True)
        group = pairs >> 2
        distinct, number = np.unique(group, return_inverse=True)
        self.groups = len(distinct)
        self.largest_group = int(np.bincount(number, products_of_pair).max(initial=0))
        self._in_two_splits = np.unique(group[1:][group[1:] == group[:-1]])

    def groups_in_two_splits(self) -> tuple[int, tuple[str, ...]]:
        """How many groups lie in two splits, and some of their products."""
        in_two_splits = Tally()
        for part in self._parts if len(self._in_two_splits) else ():
            in_two_splits.add(part, pa.array(np.isin(_group_and_split(part) >> 2, self._in_two_splits)))
        return len(self._in_two_splits), in_two_splits.product_ids


def _group_and_split(rows: pa.Table) -> np.ndarray:
    """62 bits of each group and 2 of its split: any two of 20 million groups collide with probability 4e-5."""
    groups = np.fromiter(map(hash, rows["group"].to_pylist()), np.int64, len(rows))
    split = pc.index_in(rows["split"], pa.array(SPLIT_NAMES)).fill_null(len(SPLIT_NAMES)).to_numpy()
    return groups << 2 | split
