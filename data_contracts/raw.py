"""A contract's expectations of the raw catalog: columns and types, ids, titles, product types, images, fill rates."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.suites import EXAMPLES, Suite, Tally
from moemoe.contract.contract import CRITICAL, Contract
from moemoe.contract.text import normalize_key, normalize_text

TEXTS = ("product_id", "marketplace", "product_type", "title")


def raw_suite(products: Iterable[pa.Table], quarantine: pa.Table, rows: int, contract: Contract) -> Suite:
    """Expectations of ``products`` (parts of PRODUCTS, iterated several times) and of the quarantine of ``rows``."""
    counted = _Counted(products, contract)
    suite = Suite("raw catalog", {"products": _texts(products)})
    _expect_columns(suite, counted)
    _expect_unique_ids(suite, counted, products, contract)
    _expect_titles(suite, counted, contract)
    _expect_known_types(suite, counted, contract)
    _expect_images(suite, counted, quarantine, rows, contract)
    _expect_filled(suite, counted, contract)
    return suite


def _expect_columns(suite: Suite, counted: "_Counted") -> None:
    told = f"{counted.title.total:,} products"
    columns = "ExpectTableColumnsToMatchSet"
    suite.add("the catalog has its text columns", CRITICAL, "products", columns, told, column_set=list(TEXTS))
    for name in ("product_id", "product_type", "title"):
        of_type = "ExpectColumnValuesToBeOfType"
        suite.add(f"{name} is text", CRITICAL, "products", of_type, told, column=name, type_="str")
    not_null = "ExpectColumnValuesToNotBeNull"
    suite.add("every product has an id", CRITICAL, "products", not_null, told, column="product_id")


def _expect_unique_ids(suite: Suite, counted: "_Counted", products: Iterable[pa.Table], contract: Contract) -> None:
    expected = contract.expectations.get("unique_product_ids")
    number, repeated = counted.repeated_ids(products)
    suite.figure(
        "product ids are unique",
        expected.severity if expected else CRITICAL,
        "catalog",
        "product ids that come more than once",
        number,
        f"{number:,} come more than once",
        repeated,
        at_most=0,
    )


def _expect_titles(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    if expected := contract.expectations.get("title_present"):
        suite.figure(
            f"at least {expected.at_least:.0%} of the products have a title",
            expected.severity,
            "catalog",
            "share of products with a title",
            1 - counted.title.share,
            f"{counted.title.others} do",
            counted.title.product_ids,
            at_least=expected.at_least,
        )


def _expect_known_types(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    if expected := contract.expectations.get("known_product_types"):
        frequent = sorted(counted.unknown_types.items(), key=lambda item: (-item[1], item[0]))[:EXAMPLES]
        listed = ", ".join(f"{name!r} {count:,}" for name, count in frequent)
        suite.figure(
            f"at least {expected.at_least:.0%} of the products have a product type that the contract knows",
            expected.severity,
            "catalog",
            "share of products of a known type",
            1 - counted.unknown.share,
            f"{counted.unknown.others} do" + (f"; of the others most often {listed}" if listed else ""),
            counted.unknown.product_ids,
            at_least=expected.at_least,
        )


def _expect_filled(suite: Suite, counted: "_Counted", contract: Contract) -> None:
    expected = contract.expectations.get("attribute_fill")
    if expected is None:
        return
    for name, at_least in (expected.attributes or {}).items():
        filled = Tally(counted.filled[name], counted.without_image.total)
        suite.figure(
            f"at least {at_least:.0%} of the products of known types say their {name}",
            expected.severity,
            "attributes",
            name,
            filled.share,
            f"{filled} do",
            at_least=at_least,
        )


def _expect_images(suite: Suite, counted: "_Counted", quarantine: pa.Table, rows: int, contract: Contract) -> None:
    """Expects few quarantined rows and images, and enough images of the products of known types."""
    expectations, limit = contract.expectations, contract.max_quarantine_share
    aside = Tally(0, rows - quarantine.num_rows)
    aside.add(quarantine, pa.array(np.ones(quarantine.num_rows, bool)))
    suite.figure(
        f"at most {limit:.1%} of the rows, or their images, are quarantined",
        CRITICAL,
        "catalog",
        "share of rows quarantined",
        aside.share,
        f"{aside} are",
        aside.product_ids,
        at_most=limit,
    )
    bad = pc.equal(quarantine["field"], "image")
    unusable = Tally(0, counted.images - quarantine.num_rows + (pc.sum(bad).as_py() or 0))
    unusable.add(quarantine, bad)
    if expected := expectations.get("undecodable_images"):
        suite.figure(
            f"at most {expected.at_most:.1%} of the images cannot be fetched, read or decoded",
            expected.severity,
            "catalog",
            "share of images that cannot be fetched, read or decoded",
            unusable.share,
            f"{unusable} cannot{_reasons(quarantine.filter(bad))}",
            unusable.product_ids,
            at_most=expected.at_most,
        )
    if expected := expectations.get("image_present"):
        without = counted.without_image
        suite.figure(
            f"at least {expected.at_least:.0%} of the products of known types have an image",
            expected.severity,
            "catalog",
            "share of products of known types with an image",
            1 - without.share if without.total else 0.0,
            f"{without.others} do",
            without.product_ids,
            at_least=expected.at_least,
        )


def _reasons(quarantine: pa.Table) -> str:
    """The most frequent reasons with their numbers, as the end of a sentence."""
    counts = Counter(quarantine["reason"].to_pylist()).most_common(EXAMPLES)
    return f"; {', '.join(f'{reason}: {number:,}' for reason, number in counts)}" if counts else ""


def _texts(products: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The text columns of the products, with blank titles as null."""
    for part in products:
        yield part.select(TEXTS).set_column(TEXTS.index("title"), "title", _title(part))


def _title(part: pa.Table) -> pa.ChunkedArray:
    title = pc.utf8_trim_whitespace(part["title"])
    return pc.if_else(pc.equal(title, ""), None, title)


class _Counted:
    """All counts over the products that the suite needs, from one pass; memory: 8 bytes per product."""

    def __init__(self, products: Iterable[pa.Table], contract: Contract):
        self.title, self.unknown, self.without_image = Tally(), Tally(), Tally()
        self.unknown_types: Counter[str] = Counter()
        self.images = 0
        expected = contract.expectations.get("attribute_fill")
        keys_of = {name: contract.attributes[name].keys for name in (expected and expected.attributes) or ()}
        self.filled: Counter[str] = Counter()
        hashes = [np.empty(0, np.int64)]
        known_types = contract.product_type_aliases()
        missing = contract.normalized_missing()
        for part in products:
            hashes.append(_hashes(part["product_id"]))
            self.title.add(part, pc.is_null(_title(part)))
            raw = part["product_type"].unique()
            unknown_names = pa.array(
                [name for name in raw.to_pylist() if normalize_text(name or "") not in known_types], pa.string()
            )
            unknown = pc.is_in(part["product_type"], unknown_names)
            self.unknown.add(part, unknown)
            found = pc.value_counts(part["product_type"].filter(unknown)).to_pylist()
            self.unknown_types.update({item["values"] or "": item["counts"] for item in found})
            self.images += len(part) - part["image_hash"].null_count
            known = part.filter(pc.invert(unknown))
            self.without_image.add(known, pc.is_null(known["image_hash"]))
            self.filled.update(_filled(known, keys_of, missing))
        ordered = np.sort(np.concatenate(hashes))
        self._repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])

    def repeated_ids(self, products: Iterable[pa.Table]) -> tuple[int, tuple[str, ...]]:
        """How many product ids occur more than once, and some of them."""
        examples: dict[str, None] = {}
        for part in products if len(self._repeated) else ():
            again = np.isin(_hashes(part["product_id"]), self._repeated)
            examples |= dict.fromkeys(part["product_id"].filter(pa.array(again)).drop_null().to_pylist())
            if len(examples) >= EXAMPLES:
                break
        return len(self._repeated), tuple(examples)[:EXAMPLES]


def _hashes(ids: pa.ChunkedArray) -> np.ndarray:
    """64 bits of each id that is not null: any two of 20 million ids collide with probability 1e-5."""
    known = ids.drop_null()
    return np.fromiter(map(hash, known.to_pylist()), np.int64, len(known))


def _filled(products: pa.Table, keys_of: Mapping[str, Iterable[str]], missing: frozenset[str]) -> dict[str, int]:
    """Per attribute, how many products have a raw label under one of its keys that is not a missing marker."""
    chunk = products["attributes"].combine_chunks()
    valid = np.flatnonzero(chunk.is_valid().to_numpy(zero_copy_only=False))
    maps = chunk.take(pa.array(valid))
    offsets = maps.offsets.to_numpy()
    product = np.repeat(valid, np.diff(offsets))
    keys = maps.keys[offsets[0] : offsets[-1]].dictionary_encode()
    items = pc.fill_null(maps.items[offsets[0] : offsets[-1]], "").dictionary_encode()
    says = np.array([normalize_text(item) not in missing for item in items.dictionary.to_pylist()], bool)
    key, said = keys.indices.to_numpy(), says[items.indices.to_numpy()] if len(product) else np.zeros(0, bool)
    normalized = [normalize_key(name) for name in keys.dictionary.to_pylist()]
    filled = {}
    for name, raw_keys in keys_of.items():
        wanted = {normalize_key(raw) for raw in raw_keys}
        mine = np.array([k in wanted for k in normalized], bool)
        filled[name] = len(np.unique(product[mine[key] & said])) if len(product) else 0
    return filled
