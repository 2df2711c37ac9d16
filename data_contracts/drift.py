"""A contract's expectations of label drift between two runs: no product type and attribute drifts too far."""

import pyarrow as pa

from data_contracts.suites import EXAMPLES, Suite
from moemoe.contract.contract import WARNING, Contract
from moemoe.labels.drift import LEAST_VALUES, moved

#: With a p-value of at least this, an index is chance and not drift, however high: few labels of many values scatter.
CHANCE = 0.001


def drift_suite(drift: pa.Table, contract: Contract) -> Suite:
    """The drift (DRIFT) between two runs: each attribute within the contract's bound in every product type."""
    suite = Suite("label drift", {})
    rows = drift.to_pylist()
    measured = [row for row in rows if row["psi"] is not None]
    suite.figure(
        f"there are product types and attributes with {LEAST_VALUES} values in both runs",
        WARNING,
        "runs",
        "product types and attributes compared",
        len(measured),
        f"{len(measured):,} of {len(rows):,}",
        at_least=1,
    )
    expected = contract.expectations.get("label_drift")
    if expected is None or expected.at_most is None:
        return suite
    lost = [row for row in rows if row["before"] >= LEAST_VALUES and not row["after"]]
    suite.figure(
        f"no product type and attribute with {LEAST_VALUES} values before has none now",
        expected.severity,
        "runs",
        "product types and attributes lost",
        len(lost),
        _listed([f"{row['product_type']} / {row['attribute']} had {row['before']:,}" for row in lost]) or "none has",
        at_most=0,
    )
    for name in dict.fromkeys(row["attribute"] for row in sorted(measured, key=lambda row: row["attribute"])):
        mine = [row for row in measured if row["attribute"] == name]  # the most drifted first
        beyond_chance = [row for row in mine if row["p_value"] < CHANCE]
        drifted = [row for row in beyond_chance if row["psi"] > expected.at_most]
        told = [f"{row['product_type']} {row['psi']:.2f} ({moved(row)})" for row in drifted]
        highest = max((row["psi"] for row in beyond_chance), default=0.0)
        suite.figure(
            f"values of {name} drift by a PSI of at most {expected.at_most:g} in every product type",
            expected.severity,
            "attributes",
            name,
            highest,
            _listed(told) or f"highest {highest:.2f}, product types compared: {len(mine)}",
            at_most=expected.at_most,
        )
    return suite


def _listed(told: list[str]) -> str:
    more = f" and {len(told) - EXAMPLES} more" if len(told) > EXAMPLES else ""
    return ", ".join(told[:EXAMPLES]) + more
