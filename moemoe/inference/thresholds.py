"""The confidences from which a model's answers are accepted, per product type and attribute: part of every model."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from moemoe.errors import ConfigError

THRESHOLDS = "thresholds.json"

#: How a threshold was chosen on validation: precision at least 90 %, or a 95 % lower bound of it.
PLAIN, GUARDED = "plain", "guarded"
RULES = (PLAIN, GUARDED)

Cell = tuple[str, str]
"""Product type and attribute."""


@dataclass(frozen=True)
class Thresholds:
    """``cells``: product type -> attribute -> rule -> threshold; None means abstain always."""

    cells: Mapping[str, Mapping[str, Mapping[str, float | None]]]

    @classmethod
    def of(cls, evaluation: pa.Table) -> "Thresholds":
        """Those of an EVALUATION table."""
        cells: dict[str, dict[str, dict[str, float | None]]] = {}
        columns = {PLAIN: "threshold", GUARDED: "threshold_guarded"}
        for row in evaluation.to_pylist():
            found = {rule: _usable(row[column]) for rule, column in columns.items()}
            cells.setdefault(row["product_type"], {})[row["attribute"]] = found
        return cls(cells)

    @classmethod
    def load(cls, folder: str | Path) -> "Thresholds":
        """Those of a model's folder."""
        return cls(json.loads((Path(folder) / THRESHOLDS).read_text()))

    def save(self, folder: str | Path) -> None:
        """Writes them into a model's folder."""
        (Path(folder) / THRESHOLDS).write_text(json.dumps(self.cells, indent=2) + "\n")

    def attributes(self) -> dict[str, list[str]]:
        """What the model can be asked, by product type."""
        return {product_type: list(cells) for product_type, cells in self.cells.items()}

    def threshold(self, product_type: str, attribute: str, rule: str = PLAIN) -> float | None:
        """The least confidence that is accepted; None where nothing is."""
        check_rule(rule)
        return self.cells.get(product_type, {}).get(attribute, {}).get(rule)

    def changed(self, changes: Mapping[Cell, float | None]) -> "Thresholds":
        """These thresholds, under both rules, raised to those of ``changes``; None switches a cell off.

        Raises:
            ConfigError: a cell that the model does not have.
        """
        cells = {kind: {name: dict(rules) for name, rules in own.items()} for kind, own in self.cells.items()}
        for (product_type, attribute), new in changes.items():
            if attribute not in cells.get(product_type, {}):
                known = ", ".join(cells.get(product_type, cells))
                raise ConfigError(f"the model does not answer {product_type}/{attribute}; known are {known}")
            rules = cells[product_type][attribute]
            for rule, old in rules.items():
                rules[rule] = None if new is None or old is None else max(old, new)
        return Thresholds(cells)


def check_rule(rule: str) -> None:
    """Raises ConfigError where ``rule`` is not one."""
    if rule not in RULES:
        raise ConfigError(f"thresholds {rule!r} do not exist; allowed are {', '.join(RULES)}")


def _usable(threshold: float | None) -> float | None:
    return None if threshold is None or math.isnan(threshold) else threshold
