"""Decides whether "1.200" is 1.2 or 1200, from the catalog's other labels, if the contract does not say.

"12,5" and "1.234,50" show a decimal comma, "12.5" and "1,200,000" a decimal point. An attribute's own labels decide; if
they show neither sign, the labels of all measurements do. A label that stays ambiguous is unmapped, with that reason.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from moemoe.contract.contract import Attribute, Contract
from moemoe.contract.measure_numbers import doubt_about, shows_both, sign_shown
from moemoe.contract.text import normalize_key, plain_measure

#: Only such labels can show a sign; this quickly skips most labels of a catalog.
_SHOWING = r"[\p{Nd}][.,．，]\s?[\p{Nd}]"


def open_signs(contract: Contract) -> list[Attribute]:
    """The measurements without a decimal sign in the contract."""
    return [a for a in contract.attributes.values() if a.measurement and a.measurement.decimal_sign is None]


def labels_showing(contract: Contract, products: Iterable[pa.Table]) -> Counter[tuple[str, str]]:
    """(Raw key, raw label) -> its number, for labels of measurements with a sign between digits."""
    wanted = {normalize_key(key) for name in contract.measurements() for key in contract.attributes[name].keys}
    found: Counter[tuple[str, str]] = Counter()
    for part in products:
        for chunk in part["attributes"].chunks:
            keys, items = chunk.keys, chunk.items
            if not len(keys):
                continue
            names = pc.unique(keys).drop_null()
            own = [name for name in names.to_pylist() if normalize_key(name) in wanted]
            is_showing = pc.and_(
                pc.is_in(keys, pa.array(own, keys.type)), pc.match_substring_regex(items, _SHOWING).fill_null(False)
            )
            found.update(zip(keys.filter(is_showing).to_pylist(), items.filter(is_showing).to_pylist(), strict=True))
    return found


def with_decimal_signs(contract: Contract, labels: Mapping[tuple[str, str], int]) -> Contract:
    """``contract`` with a decimal sign for each measurement that lacks one, if the labels show it.

    Args:
        labels: (raw key, raw label) -> its number.
    """
    by_key: dict[str, Counter[str]] = defaultdict(Counter)
    for (key, label), count in labels.items():
        by_key[normalize_key(key)][plain_measure(label)] += count
    of_all = [
        pair
        for key in {normalize_key(key) for name in contract.measurements() for key in contract.attributes[name].keys}
        for pair in by_key[key].items()
    ]
    decided = {}
    for attribute in open_signs(contract):
        assert attribute.measurement is not None
        own = [pair for key in {normalize_key(key) for key in attribute.keys} for pair in by_key[key].items()]
        if any(doubt_about(label) for label, _ in own):
            sign = sign_shown(own) or (None if shows_both(own) else sign_shown(of_all))
            decided[attribute.name] = replace(attribute, measurement=replace(attribute.measurement, decimal_sign=sign))
    if all(contract.attributes[name] == attribute for name, attribute in decided.items()):
        return contract
    return replace(contract, attributes={**contract.attributes, **decided})


def signs_found(given: Contract, contract: Contract) -> dict[str, str]:
    """Measurement -> its decimal sign, for signs that ``contract`` has and ``given``, its original, has not."""
    measured = {name: a.measurement for name, a in contract.attributes.items() if a.measurement}
    unsaid = {attribute.name for attribute in open_signs(given)}
    return {name: m.decimal_sign for name, m in measured.items() if name in unsaid and m.decimal_sign}
