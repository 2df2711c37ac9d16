"""Completes open contracts with the product types, attributes and values that occur often enough in the catalog.

What an open contract lists is kept; the rest comes from the catalog. The result is a closed contract, written out with
the run, so that all later steps work with listed product types and values.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from moemoe.contract.contract import Attribute, Contract, Contradiction, normalized_aliases
from moemoe.contract.decimal_signs import labels_showing, open_signs, with_decimal_signs
from moemoe.contract.load import load_contract
from moemoe.contract.measurement import Measurement
from moemoe.contract.measures import MeasureError, reader_of
from moemoe.contract.text import compile_rule, normalize_key, normalize_text
from moemoe.errors import CatalogError

#: An attribute is kept if its frequent values make up at least this share of its labels; else it is free text.
COVERED = 0.5


def resolve_contract(contract: Contract, products: Iterable[pa.Table], path: str | Path) -> Contract:
    """Completes ``contract`` from ``products`` (PRODUCTS in parts), and writes the closed contract to ``path``.

    The parts (columns product_type and attributes) are read twice. Measurements without a decimal sign get the one
    that the catalog shows (see ``decimal_signs``). A contract that needs neither is written unchanged. Product types
    and values have their most frequent spelling in the catalog, attributes are named by their normalized keys.

    Raises:
        CatalogError: nothing has enough support.
    """
    path = Path(path)
    if contract.open is None:
        decided = with_decimal_signs(contract, labels_showing(contract, products)) if open_signs(contract) else contract
        path.write_bytes(Path(contract.path).read_bytes() if decided is contract else to_yaml(decided).encode())
        return load_contract(path)
    raw_types: Counter[str] = Counter()
    for part in products:
        raw_types.update({e["values"]: e["counts"] for e in part["product_type"].value_counts().to_pylist()})
    product_types = _product_types(contract, raw_types)
    known = normalized_aliases(product_types)
    raw_labels: Counter[tuple[str, str]] = Counter()
    for part in products:
        kept = pa.array([normalize_text(name or "") in known for name in part["product_type"].to_pylist()], pa.bool_())
        raw_labels.update(_distinct_labels(part["attributes"].filter(kept)))
    attributes = _attributes(with_decimal_signs(contract, raw_labels), raw_labels)
    if not product_types or not attributes:
        raise CatalogError(
            f"contract {contract.dataset} is open, and the catalog has too little support: "
            f"{len(product_types)} product types with {contract.open.product_type_products} products, "
            f"{len(attributes)} attributes with {contract.open.attribute_labels} labels (see 'open' in {contract.path})"
        )
    closed = replace(
        contract,
        open=None,
        product_types=product_types,
        attributes=attributes,
        contradictions=tuple(_contradictions(contract, attributes)),
        product_type_ids={name: id for name, id in contract.product_type_ids.items() if name in product_types},
    )
    path.write_text(to_yaml(closed))
    return load_contract(path)


def _product_types(contract: Contract, raw: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    """Product types with enough products, the most frequent first, each with the raw spellings that mean it."""
    assert contract.open is not None
    named = contract.product_type_aliases()
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for name, count in raw.items():
        normalized = normalize_text(name or "")
        if normalized:
            spellings[named.get(normalized, normalized)][name] += count
    enough = {name: found for name, found in spellings.items() if found.total() >= contract.open.product_type_products}
    types: dict[str, tuple[str, ...]] = {}
    for name, found in sorted(enough.items(), key=lambda item: (-item[1].total(), item[0])):
        if name in contract.product_types:
            types[name] = contract.product_types[name]
        else:
            types[" ".join(found.most_common(1)[0][0].split())] = ()  # other spellings normalize to the same
    return types


@dataclass
class _Labels:
    """Labels of one attribute: spellings with counts by normalized value, and the total number of labels."""

    spellings: dict[str, Counter[str]]
    labels: int = 0


def _attributes(contract: Contract, raw: Mapping[tuple[str, str], int]) -> dict[str, Attribute]:
    """Attributes with enough labels whose frequent values are a small set that covers most of the labels."""
    opened = contract.open
    assert opened is not None
    owner = {
        normalize_key(key): name
        for name, attribute in contract.attributes.items()
        for key in (attribute.keys[:1] if attribute.measurement else attribute.keys)  # others may have names as well
    }
    ignored, missing = {normalize_key(key) for key in opened.ignore_keys}, contract.normalized_missing()
    found: dict[str, _Labels] = defaultdict(lambda: _Labels(defaultdict(Counter)))
    for (key, value), count in sorted(raw.items()):
        name = owner.get(normalize_key(key), normalize_key(key))
        if not name or normalize_key(key) in ignored:
            continue
        separators = compile_rule(contract.attributes[name].separators if name in owner else contract.separators)
        for part in separators.split(value):
            if (normalized := normalize_text(part)) not in missing:
                found[name].labels += count
                found[name].spellings[normalized][" ".join(part.split())] += count

    attributes = {name: attribute for name, attribute in contract.attributes.items() if attribute.values}
    for name, attribute in contract.attributes.items():
        if attribute.measurement and _measures(attribute, raw) >= opened.attribute_labels:
            attributes[name] = attribute
    for name, labels in sorted(found.items(), key=lambda item: (-item[1].labels, item[0])):
        values = {normalized: s for normalized, s in labels.spellings.items() if s.total() >= opened.value_labels}
        covered = sum(spellings.total() for spellings in values.values())
        if (
            name not in attributes
            and name not in contract.measurements()
            and covered >= max(opened.attribute_labels, COVERED * labels.labels)
            and 2 <= len(values) <= opened.attribute_values
        ):
            named = contract.attributes.get(name)
            ordered = sorted(values, key=lambda normalized: (-values[normalized].total(), normalized))
            attributes[name] = Attribute(
                name,
                named.keys if named else (name,),
                {values[normalized].most_common(1)[0][0]: () for normalized in ordered},
                separators=named.separators if named else contract.separators,
                id=named.id if named else None,
            )
    return attributes


def _measures(attribute: Attribute, raw: Mapping[tuple[str, str], int]) -> int:
    """The number of raw labels that a measurement can read."""
    keys, reader = set(map(normalize_key, attribute.keys)), reader_of(attribute)
    number = 0
    for (key, value), count in raw.items():
        if normalize_key(key) in keys:
            try:
                reader.value(reader.under_key(value, normalize_key(key)))
            except MeasureError:
                continue
            number += count
    return number


def _contradictions(contract: Contract, attributes: Mapping[str, Attribute]) -> Iterator[Contradiction]:
    """The contract's contradictions between ``attributes``, with values spelled as in ``attributes``."""
    for rule in contract.contradictions:
        sides = []
        for name, values in ((rule.when, rule.when_values), (rule.never, rule.never_values)):
            known = attributes[name].lookup() if name in attributes else {}
            sides.append(
                tuple(dict.fromkeys(known[normalize_text(value)] for value in values if normalize_text(value) in known))
            )
        if all(sides):
            yield replace(rule, when_values=sides[0], never_values=sides[1])


def _distinct_labels(maps: pa.ChunkedArray) -> dict[tuple[str, str], int]:
    """Each distinct raw key and value with its number."""
    keys = pa.chunked_array([chunk.keys for chunk in maps.chunks], pa.string()).dictionary_encode().unify_dictionaries()
    items = pa.chunked_array([chunk.items for chunk in maps.chunks], pa.string()).fill_null("")
    items = items.dictionary_encode().unify_dictionaries()
    if not len(keys):
        return {}
    names, texts = (column.chunk(0).dictionary.to_pylist() for column in (keys, items))
    codes = [np.concatenate([c.indices.to_numpy() for c in column.chunks]).astype(np.int64) for column in (keys, items)]
    pairs, counts = np.unique(codes[0] * len(texts) + codes[1], return_counts=True)
    return {
        (names[pair // len(texts)], texts[pair % len(texts)]): int(count)
        for pair, count in zip(pairs, counts, strict=True)
    }


def _values(attribute: Attribute) -> dict[str, Any]:
    """The YAML entries that define an attribute's values."""
    if attribute.measurement is not None:
        return {"measurement": _measurement(attribute.measurement)}
    return {
        "values": {value: list(aliases) for value, aliases in attribute.values.items()},
        "rules": [{"match": rule.match, "value": rule.value} for rule in attribute.rules],
        "separators": attribute.separators,
    }


def _measurement(own: Measurement) -> dict[str, Any]:
    written = ((name, getattr(own, name)) for name in ("at_least", "at_most", "tolerance"))
    numbers = {name: int(number) if number == int(number) else float(number) for name, number in written}
    default = {"default_unit": own.default_unit} if own.default_unit else {}
    units = {unit.name: list(unit.aliases) for unit in own.units}
    sign = {"decimal_sign": own.decimal_sign} if own.decimal_sign else {}
    return {"unit": own.unit, "units": units, **default, **sign, "decimals": own.decimals, **numbers}


def to_yaml(contract: Contract) -> str:
    """A closed contract as YAML that ``load_contract`` reads back."""
    content = {
        "dataset": contract.dataset,
        "version": contract.version,
        "columns": {name: c if isinstance(c, str) else list(c) for name, c in contract.columns.items()},
        "product_types": {name: list(aliases) for name, aliases in contract.product_types.items()},
        **({"product_type_ids": dict(contract.product_type_ids)} if contract.product_type_ids else {}),
        "missing": list(contract.missing),
        "separators": contract.separators,
        "attributes": {
            attribute.name: {
                "keys": list(attribute.keys),
                **_values(attribute),
                **({"id": attribute.id} if attribute.id else {}),
                **({"value_ids": dict(attribute.value_ids)} if attribute.value_ids else {}),
            }
            for attribute in contract.attributes.values()
        },
        "contradictions": [
            {
                "when": {rule.when: list(rule.when_values)},
                "never": {rule.never: list(rule.never_values)},
                "reason": rule.reason,
            }
            for rule in contract.contradictions
        ],
        "rare_share": contract.rare_share,
        "split": vars(contract.split),
        "report_product_types": list(contract.report_product_types or contract.product_types),
        "max_quarantine_share": contract.max_quarantine_share,
        "expectations": {
            name: {
                key: dict(value) if key == "attributes" else value
                for key, value in vars(expectation).items()
                if value is not None
            }
            for name, expectation in contract.expectations.items()
        },
    }
    for expectation in content["expectations"].values():  # type: ignore[attr-defined]
        if "attributes" in expectation:
            expectation["at_least"] = expectation.pop("attributes")
    return "# Completed from the catalog by a run; do not edit.\n" + yaml.safe_dump(
        content, allow_unicode=True, sort_keys=False, width=120
    )
