"""Label normalization, labels per second and core, beside Python ``re`` on every raw label of the same table.

``python -m tests.benchmarks.normalize [--labels 2000000] [--repeats 5] [--json]``. The raw labels are drawn from the
spellings of the 30pt contract, dirtied by case, blanks and multi-values, so most go through lookup, some through rules.
Both paths give the same labels, which is checked. CPU time of the process, runs interleaved, medians.
"""

import argparse
import json
import re
import statistics
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from moemoe.catalog.contract import Contract, fold, load_contract
from moemoe.catalog.normalize import MISSING, UNMAPPED
from moemoe.schemas import PRODUCTS

CONTRACT = Path(__file__).parents[2] / "data_contracts" / "30pt" / "contract.yaml"
#: Labels that the slow path is timed on; its rate does not depend on their number.
RE_LABELS = 50_000


def make_products(contract: Contract, labels: int, seed: int = 0) -> pa.Table:
    """PRODUCTS with a raw label for each attribute of the contract, ``labels`` in all."""
    draw = np.random.default_rng(seed)
    rows = -(-labels // len(contract.attributes))
    keys, spellings, codes = [], [], []
    for attribute in contract.attributes.values():
        raw = [text for value, aliases in attribute.values.items() for text in (value, *aliases)]
        raw += [text.upper() for text in raw[::2]] + [f"  {text} " for text in raw[::3]] + ["NA", "xyz"]
        raw += [f"{a}, {b}" for a, b in zip(raw[::5], raw[1::5], strict=False)] + [f"dark {text}" for text in raw[::7]]
        codes.append(len(spellings) + draw.integers(0, len(raw), rows))
        spellings += raw
        keys.append(attribute.keys[-1])
    values = pa.array(spellings).take(pa.array(np.stack(codes, axis=1).ravel()))
    names = pa.array(keys).take(pa.array(np.tile(np.arange(len(keys)), rows)))
    maps = pa.MapArray.from_arrays(np.arange(0, len(values) + 1, len(keys), dtype=np.int32), names, values)
    columns = {name: pa.nulls(rows, field.type) for name, field in zip(PRODUCTS.names, PRODUCTS, strict=True)}
    types = pa.array(list(contract.product_types))
    columns["product_id"] = pa.array([str(row) for row in range(rows)])
    columns["product_type"] = types.take(pa.array(np.arange(rows) % len(types)))
    columns["attributes"] = maps
    return pa.table(columns, schema=PRODUCTS)


def normalize_with_re(products: pa.Table, contract: Contract) -> list[tuple[str, str, tuple[str, ...]]]:
    """The same labels, each raw label folded and matched by itself with Python's ``re``."""
    missing = contract.folded_missing()
    plans = {}
    for attribute in contract.attributes.values():
        rules = [(re.compile(rule.match, re.IGNORECASE | re.ASCII), rule.value) for rule in attribute.rules]
        splitter = re.compile(re.sub(r"\((?!\?)", "(?:", attribute.separators), re.IGNORECASE | re.ASCII)
        plans[fold(attribute.keys[-1])] = (attribute.name, attribute.lookup(), splitter, rules)
    labels = []
    for product_id, entries in zip(products["product_id"].to_pylist(), products["attributes"].to_pylist(), strict=True):
        for key, raw in entries:
            name, lookup, splitter, rules = plans[fold(key)]
            values = _values(fold(raw), missing, lookup, splitter, rules)
            if not isinstance(values, int):
                labels.append((product_id, name, values))
    return labels


def _values(folded, missing, lookup, splitter, rules) -> tuple[str, ...] | int:
    if folded in missing:
        return MISSING
    if folded in lookup:
        return (lookup[folded],)
    found = {}
    for part in map(fold, splitter.split(folded)):
        if part not in missing:
            found[lookup.get(part) or next((value for rule, value in rules if rule.search(part)), None)] = None
    found.pop(None, None)
    return tuple(found) or UNMAPPED


def measure(labels: int, repeats: int) -> dict:
    """Medians of labels per CPU second for both paths, and their ratio."""
    contract = load_contract(CONTRACT)
    products = make_products(contract, labels)
    few = make_products(contract, min(labels, RE_LABELS), seed=1)
    fast = normalize(few, contract).labels
    triples = zip(
        fast["product_id"].to_pylist(), fast["attribute"].to_pylist(), fast["values"].to_pylist(), strict=True
    )
    if [(p, a, tuple(v)) for p, a, v in triples] != normalize_with_re(few, contract):
        raise SystemExit("the two paths give different labels")
    rates: dict[str, list[float]] = {"ours": [], "python re": []}
    for _ in range(repeats):
        for name, function, table in (("ours", normalize, products), ("python re", normalize_with_re, few)):
            start = time.process_time()
            function(table, contract)
            rates[name].append(table.num_rows * len(contract.attributes) / (time.process_time() - start))
    ours, with_re = (statistics.median(rates[name]) for name in ("ours", "python re"))
    return {
        "labels": products.num_rows * len(contract.attributes),
        "labels_per_second": round(ours),
        "vs": {"python re": round(ours / with_re, 1)},
        "details": {"python re, labels per second": round(with_re), "runs": [round(rate) for rate in rates["ours"]]},
    }


def main() -> None:
    """Prints the figures, as one JSON object with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labels", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.labels, arguments.repeats)
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{figures['labels']:,} raw labels: {figures['labels_per_second']:,} per second and core")
    print(f"Python re on every raw label: {figures['vs']['python re']} times slower")


if __name__ == "__main__":
    main()
