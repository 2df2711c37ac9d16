"""What a contract promises of raw rows and of labels, as expectations built in code.

Great Expectations gets text columns and small frames of figures that pyarrow counted once: no picture, and nothing
that would have to be counted again over slices of a large catalog.
"""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.catalog.contract import CRITICAL, WARNING, Contract, fold
from moemoe.catalog.normalize import fold_key
from moemoe.catalog.products import Collected

EXAMPLES = 5
#: A cell of the evaluation counts from this many test products on.
LEAST_TEST_PRODUCTS = 30
TEXTS = ("product_id", "marketplace", "product_type", "title", "description")
SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Promise:
    """One expectation: its class and ``arguments`` in Great Expectations, and what a person is told of it."""

    words: str
    severity: str
    frame: str
    expectation: str
    arguments: Mapping[str, Any]
    observed: str
    product_ids: tuple[str, ...] = ()


@dataclass
class Suite:
    """Promises, and the frames (by name) that they speak of."""

    title: str
    frames: dict[str, pa.Table]
    promises: list[Promise] = field(default_factory=list)

    def add(self, words: str, severity: str, frame: str, expectation: str, *told: Any, **arguments: Any) -> None:
        """Adds a promise; ``told`` is what was observed and, if any, the product ids that break it."""
        self.promises.append(Promise(words, severity, frame, expectation, arguments, *told))

    def figure(
        self,
        words: str,
        severity: str,
        frame: str,
        name: str,
        value: float,
        observed: str,
        product_ids: tuple[str, ...] = (),
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """Adds a figure as a column of the one-row ``frame``, with a promise of its bounds."""
        one = pa.array([float(value)])
        known = self.frames.get(frame)
        self.frames[frame] = pa.table({name: one}) if known is None else known.append_column(name, one)
        between = "ExpectColumnValuesToBeBetween"
        told = (observed, product_ids)
        self.add(words, severity, frame, between, *told, column=name, min_value=at_least, max_value=at_most)


def raw_suite(collected: Collected, contract: Contract) -> Suite:
    """The raw catalog: columns and types, ids, titles, product types, pictures, fill rates."""
    products, promised = collected.products, contract.expectations
    types = contract.product_type_aliases()
    raw = products["product_type"].combine_chunks().dictionary_encode()
    meaning = pa.array([types.get(fold(name)) for name in raw.dictionary.to_pylist()], pa.string())
    known_type = pa.chunked_array([meaning.take(raw.indices)], pa.string())
    title = pc.utf8_trim_whitespace(products["title"])
    title = pc.if_else(pc.equal(title, ""), None, title)
    frame = products.select(TEXTS).set_column(TEXTS.index("title"), "title", title)
    rows = "products"
    suite = Suite("raw catalog", {rows: frame.append_column("known_product_type", known_type)})

    suite.add(
        "the catalog has its text columns",
        CRITICAL,
        rows,
        "ExpectTableColumnsToMatchSet",
        f"columns {', '.join(TEXTS)}",
        column_set=[*TEXTS, "known_product_type"],
    )
    for name in ("product_id", "product_type", "title"):
        kind = str(products.schema.field(name).type)
        suite.add(f"{name} is text", CRITICAL, rows, "ExpectColumnValuesToBeOfType", kind, column=name, type_="str")
    absent = pc.is_null(products["product_id"])
    suite.add(
        "every product has an id", CRITICAL, rows, "ExpectColumnValuesToNotBeNull", _of(absent), column="product_id"
    )
    counts = pc.value_counts(products["product_id"])
    twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    suite.add(
        "product ids are unique",
        promised["unique_product_ids"].severity if "unique_product_ids" in promised else CRITICAL,
        rows,
        "ExpectColumnValuesToBeUnique",
        f"{len(twice):,} of {len(counts):,} ids come more than once",
        tuple(twice.drop_null().slice(0, EXAMPLES).to_pylist()),
        column="product_id",
    )
    if expected := promised.get("title_present"):
        missing = pc.is_null(title)
        suite.add(
            f"at least {expected.at_least:.0%} of the products have a title",
            expected.severity,
            rows,
            "ExpectColumnValuesToNotBeNull",
            f"missing from {_of(missing)}",
            _ids(products, missing),
            column="title",
            mostly=expected.at_least,
        )
    if expected := promised.get("known_product_types"):
        unknown = pc.is_null(known_type)
        frequent = pc.value_counts(products["product_type"].filter(unknown)).to_pylist()
        frequent = sorted(frequent, key=lambda item: (-item["counts"], item["values"]))[:EXAMPLES]
        listed = ", ".join(f"{item['values']!r} {item['counts']:,}" for item in frequent)
        suite.add(
            f"at least {expected.at_least:.0%} of the products have a product type that the contract knows",
            expected.severity,
            rows,
            "ExpectColumnValuesToNotBeNull",
            f"{_of(unknown)} have another one" + (f", most often {listed}" if listed else ""),
            _ids(products, unknown),
            column="known_product_type",
            mostly=expected.at_least,
        )
    known = products.filter(pc.is_valid(known_type))
    _promise_pictures(suite, "catalog", known, collected, contract)
    _promise_fill(suite, known, contract)
    return suite


def _promise_pictures(suite: Suite, frame: str, known: pa.Table, collected: Collected, contract: Contract) -> None:
    """What was set aside, of all rows; pictures that are there, of the products ``known`` by their type."""
    products, quarantine, promised = collected.products, collected.quarantine, contract.expectations
    aside, limit = quarantine.num_rows, contract.max_quarantine_share
    share = _share(aside, collected.rows)
    suite.figure(
        f"at most {limit:.1%} of the rows, or their pictures, are set aside",
        CRITICAL,
        frame,
        "share of rows set aside",
        share,
        f"{aside:,} of {collected.rows:,} ({share:.1%})",
        _ids(quarantine, pa.chunked_array([np.ones(aside, bool)], pa.bool_())),
        at_most=limit,
    )
    bad = pc.equal(quarantine["field"], "image")
    usable, unusable = len(products) - products["image_hash"].null_count, pc.sum(bad).as_py() or 0
    if expected := promised.get("undecodable_images"):
        share = _share(unusable, usable + unusable)
        suite.figure(
            f"at most {expected.at_most:.1%} of the pictures cannot be decoded",
            expected.severity,
            frame,
            "share of pictures that cannot be decoded",
            share,
            f"{unusable:,} of {usable + unusable:,} ({share:.1%})",
            _ids(quarantine, bad),
            at_most=expected.at_most,
        )
    if expected := promised.get("image_present"):
        without = pc.is_null(known["image_hash"])
        count = len(known) - (pc.sum(without).as_py() or 0)
        share = _share(count, len(known))
        suite.figure(
            f"at least {expected.at_least:.0%} of the products of known types have a picture",
            expected.severity,
            frame,
            "share of products of known types with a picture",
            share,
            f"{count:,} of {len(known):,} ({share:.1%})",
            _ids(known, without),
            at_least=expected.at_least,
        )


def _promise_fill(suite: Suite, products: pa.Table, contract: Contract) -> None:
    """Fill rates of raw attributes, of the ``products`` whose type is known."""
    expected = contract.expectations.get("attribute_fill")
    if expected is None or not expected.attributes:
        return
    keys_of = {name: contract.attributes[name].keys for name in expected.attributes}
    filled = _filled(products, keys_of, contract.folded_missing())
    for name, at_least in expected.attributes.items():
        share = _share(int(filled[name].sum()), len(products))
        suite.figure(
            f"at least {at_least:.0%} of the products of known types say their {name}",
            expected.severity,
            "attributes",
            name,
            share,
            f"{share:.1%} do",
            at_least=at_least,
        )


def label_suite(labels: pa.Table, contract: Contract) -> Suite:
    """The labels: canonical values, groups that stay in one split, shares of the splits, enough labels."""
    suite = Suite("labels", {})
    one_a_product = labels.group_by(["product_id", "product_type", "group", "split"]).aggregate([])
    total = len(one_a_product)
    suite.figure("there are labels", CRITICAL, "labels", "labels", len(labels), f"{len(labels):,}", at_least=1)
    if not total:
        return suite
    _promise_canonical_values(suite, labels, contract)
    _promise_splits(suite, one_a_product, contract)

    test = one_a_product.filter(pc.equal(one_a_product["split"], "test"))
    for name in contract.report_product_types:
        count = pc.sum(pc.equal(test["product_type"], name)).as_py() or 0
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
        counts = {row["values"]: row["counts"] for row in pc.value_counts(labels["attribute"]).to_pylist()}
        for name, at_least in expected.attributes.items():
            share = _share(counts.get(name, 0), total)
            suite.figure(
                f"at least {at_least:.0%} of the labelled products have a value of {name}",
                expected.severity,
                "labels",
                f"share of products with {name}",
                share,
                f"{counts.get(name, 0):,} of {total:,} ({share:.1%})",
                at_least=at_least,
            )
    return suite


def _promise_canonical_values(suite: Suite, labels: pa.Table, contract: Contract) -> None:
    """One column of distinct values per attribute, so that the Data Docs show what is allowed for each."""
    expected = contract.expectations.get("canonical_values")
    severity = expected.severity if expected else CRITICAL
    values = labels["values"].combine_chunks()
    parents = pc.list_parent_indices(values)
    pairs = pa.table({"attribute": labels["attribute"].take(parents), "value": pc.list_flatten(values)})
    distinct: dict[str, list[str | None]] = {}
    for pair in pairs.group_by(["attribute", "value"]).aggregate([]).to_pylist():
        distinct.setdefault(pair["attribute"], []).append(pair["value"])

    longest = max(len(found) for found in distinct.values())
    frame = {name: pa.array(found + [None] * (longest - len(found)), pa.string()) for name, found in distinct.items()}
    suite.frames["values"] = pa.table(frame)
    for name, found in distinct.items():
        allowed = list(contract.attributes[name].values) if name in contract.attributes else []
        strange = sorted(value for value in found if value is not None and value not in allowed)
        breaks = pc.and_(pc.equal(pairs["attribute"], name), pc.is_in(pairs["value"], pa.array(strange, pa.string())))
        suite.add(
            f"every value of {name} is canonical",
            severity,
            "values",
            "ExpectColumnValuesToBeInSet",
            f"not canonical: {', '.join(map(repr, strange[:EXAMPLES]))}" if strange else f"{len(found)} values",
            _ids(labels.take(parents), breaks) if strange else (),
            column=name,
            value_set=allowed,
        )


def _promise_splits(suite: Suite, products: pa.Table, contract: Contract) -> None:
    promised, frame, total = contract.expectations, "splits", len(products)
    without = pc.or_(pc.is_null(products["group"]), pc.invert(pc.is_in(products["split"], pa.array(SPLITS))))
    suite.figure(
        "every labelled product has a group and a split",
        CRITICAL,
        frame,
        "products without group or split",
        pc.sum(without).as_py(),
        _of(without),
        _ids(products, without),
        at_most=0,
    )
    splits_of = products.group_by("group").aggregate([("split", "count_distinct")])
    torn = splits_of["group"].filter(pc.greater(splits_of["split_count_distinct"], 1)).drop_null()
    expected = promised.get("group_in_one_split")
    suite.figure(
        "no group lies in two splits",
        expected.severity if expected else CRITICAL,
        frame,
        "groups in two splits",
        len(torn),
        f"{len(torn):,} of {len(splits_of):,} groups",
        _ids(products, pc.is_in(products["group"], torn.combine_chunks())) if len(torn) else (),
        at_most=0,
    )
    expected = promised.get("split_deviation")
    for name in SPLITS:
        count = pc.sum(pc.equal(products["split"], name)).as_py() or 0
        share, wanted = _share(count, total), getattr(contract.split, name)
        observed = f"{count:,} of {total:,} ({share:.1%})"
        suite.figure(
            f"split {name} is not empty",
            CRITICAL if name == "train" else WARNING,
            frame,
            f"products in {name}",
            count,
            observed,
            at_least=1,
        )
        if expected and expected.at_most is not None:
            suite.figure(
                f"split {name} holds {wanted:.0%} of the products, give or take {expected.at_most:.0%}",
                expected.severity,
                frame,
                f"share of {name}",
                share,
                observed,
                at_least=max(0.0, wanted - expected.at_most),
                at_most=min(1.0, wanted + expected.at_most),
            )


def _filled(products: pa.Table, keys_of: Mapping[str, Iterable[str]], missing: Set[str]) -> dict[str, np.ndarray]:
    """Per attribute, which products have a raw label under one of its keys that is not a missing marker."""
    chunk = products["attributes"].combine_chunks()
    valid = np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False))
    maps = chunk.take(pa.array(valid))
    offsets = maps.offsets.to_numpy()
    product = np.repeat(valid, np.diff(offsets))
    keys = maps.keys[offsets[0] : offsets[-1]].dictionary_encode()
    items = pc.fill_null(maps.items[offsets[0] : offsets[-1]], "").dictionary_encode()
    says = np.array([fold(item) not in missing for item in items.dictionary.to_pylist()], bool)
    key, said = keys.indices.to_numpy(), says[items.indices.to_numpy()] if len(product) else np.zeros(0, bool)
    folded = [fold_key(name) for name in keys.dictionary.to_pylist()]
    filled = {}
    for name, raw_keys in keys_of.items():
        wanted = {fold_key(raw) for raw in raw_keys}
        mine = np.array([k in wanted for k in folded], bool)
        mask = np.zeros(len(chunk), bool)
        if len(product):
            mask[product[mine[key] & said]] = True
        filled[name] = mask
    return filled


def _share(count: float, total: int) -> float:
    return count / total if total else 0.0


def _of(mask: pa.ChunkedArray) -> str:
    count = pc.sum(mask).as_py() or 0
    return f"{count:,} of {len(mask):,} ({_share(count, len(mask)):.1%})"


def _ids(table: pa.Table, mask: pa.ChunkedArray) -> tuple[str, ...]:
    """Up to five different product ids of the rows where ``mask`` is true."""
    ids = table["product_id"].filter(mask).drop_null().slice(0, 1000).unique()
    return tuple(ids.slice(0, EXAMPLES).to_pylist())
