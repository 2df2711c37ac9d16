"""The confidence thresholds of a model's answers, per product type and attribute: saved with every model."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from moemoe.configs import read_object
from moemoe.errors import ConfigError
from moemoe.names import cell_name, cells_meant, did_you_mean

THRESHOLDS = "thresholds.json"

#: How a threshold was chosen on validation: precision at least 90 %, or a 95 % lower bound of it.
PLAIN, GUARDED = "plain", "guarded"
THRESHOLD_KINDS = (PLAIN, GUARDED)

#: For a store never seen in training, where neither threshold keeps its promise; see ``AttributeModel.judge``.
UNFAMILIAR = "unfamiliar"

#: A threshold that accepts fewer validation products is flagged wherever it is shown: even if all of 28 are right, the
#: true precision may be under 90 % (exact binomial, 95 % confidence); of 10 it may be 74 %.
FEW_PRODUCTS = 30
_ACCEPTED = "validation_products"

Cell = tuple[str, str]
"""Product type and attribute."""


@dataclass(frozen=True)
class Thresholds:
    """The thresholds of a model.

    Args:
        cells: product type -> attribute -> kind -> threshold; None means abstain always.
        validation_accepted: cell -> kind -> the validation products that the threshold accepts, one per group if it is
            guarded; absent if a person has raised it, or the model was registered before this was kept.
    """

    cells: Mapping[str, Mapping[str, Mapping[str, float | None]]]
    validation_accepted: Mapping[Cell, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, evaluation: pa.Table) -> "Thresholds":
        """The thresholds of an EVALUATION table."""
        cells: dict[str, dict[str, dict[str, float | None]]] = {}
        columns = {PLAIN: "threshold", GUARDED: "threshold_guarded"}
        validation_accepted: dict[Cell, dict[str, int]] = {}
        for row in evaluation.to_pylist():
            found = {kind: _usable(row[column]) for kind, column in columns.items()}
            cells.setdefault(row["product_type"], {})[row["attribute"]] = found
            accepted = {PLAIN: row["validation_accepted"], GUARDED: row["validation_accepted_guarded"]}
            known = {kind: n for kind, n in accepted.items() if n is not None and found[kind] is not None}
            if known:
                validation_accepted[row["product_type"], row["attribute"]] = known
        return cls(cells, validation_accepted)

    @classmethod
    def load(cls, folder: str | Path) -> "Thresholds":
        """Reads the thresholds in a model's folder.

        Raises:
            ConfigError: the file is damaged or empty, or a threshold is impossible.
        """
        path = Path(folder) / THRESHOLDS
        cells = read_object(path)
        if not cells or {} in cells.values():
            raise ConfigError(f"{path} lacks the thresholds of a product type; copy the model's folder again")
        for product_type, own in cells.items():
            for attribute, kinds in own.items() if isinstance(own, dict) else [("", None)]:
                if not _are_thresholds(kinds):
                    raise ConfigError(
                        f"{path}: {cell_name(product_type, attribute)} has {kinds!r:.50}; allowed are "
                        f"{' and '.join(THRESHOLD_KINDS)}, each a number from 0 or null"
                    )
        validation_accepted = {
            (product_type, attribute): kinds.pop(_ACCEPTED)
            for product_type, own in cells.items()
            for attribute, kinds in own.items()
            if _ACCEPTED in kinds
        }
        return cls(cells, validation_accepted)

    def save(self, folder: str | Path) -> None:
        """Writes them into a model's folder."""
        cells: dict[str, dict[str, dict[str, Any]]] = {}
        for product_type, own in self.cells.items():
            cells[product_type] = {name: dict(kinds) for name, kinds in own.items()}
        for (product_type, attribute), numbers in self.validation_accepted.items():
            cells[product_type][attribute][_ACCEPTED] = dict(numbers)
        (Path(folder) / THRESHOLDS).write_text(json.dumps(cells, indent=2) + "\n")

    def attributes(self) -> dict[str, list[str]]:
        """The attributes that the model answers, by product type."""
        return {product_type: list(cells) for product_type, cells in self.cells.items()}

    def threshold(self, product_type: str, attribute: str, kind: str = PLAIN) -> float | None:
        """The lowest accepted confidence; None if nothing is accepted."""
        check_threshold_kind(kind)
        return self.cells.get(product_type, {}).get(attribute, {}).get(kind)

    def cell(self, text: str) -> Cell:
        """The cell that a person means by TYPE/ATTRIBUTE; either name may contain slashes.

        Raises:
            ConfigError: none of the model's cells, or several.
        """
        known = [(product_type, attribute) for product_type, own in self.cells.items() for attribute in own]
        meant = cells_meant(text)
        found = [cell for cell in known if cell in meant]
        if not meant:
            raise ConfigError(f"{text!r} names no product type and attribute; it is written like 'shirt/color'")
        if len(found) > 1:
            names = " or ".join(cell_name(*cell) for cell in found)
            raise ConfigError(f"{text!r} may mean {names}; write it as one of them")
        if not found:
            raise ConfigError(
                f"the model does not answer {text}" + did_you_mean(text, [cell_name(*cell) for cell in known])
            )
        return found[0]

    def changed(self, changes: Mapping[Cell, float | None]) -> "Thresholds":
        """These thresholds, of both kinds, raised to those of ``changes``; None switches a cell off.

        Raises:
            ConfigError: a cell that the model does not have, or a change that raises nothing.
        """
        cells = {name: {attribute: dict(kinds) for attribute, kinds in own.items()} for name, own in self.cells.items()}
        validation_accepted = {cell: dict(numbers) for cell, numbers in self.validation_accepted.items()}
        for (product_type, attribute), new in changes.items():
            if attribute not in cells.get(product_type, {}):
                known = ", ".join(cells.get(product_type, cells))
                name = cell_name(product_type, attribute)
                raise ConfigError(f"the model does not answer {name}; known are {known}")
            kinds = cells[product_type][attribute]
            _check_change(cell_name(product_type, attribute), kinds, new)
            for kind, old in kinds.items():
                kinds[kind] = None if new is None or old is None else max(old, new)
                if kinds[kind] != old:
                    validation_accepted.get((product_type, attribute), {}).pop(kind, None)
        return Thresholds(cells, {cell: numbers for cell, numbers in validation_accepted.items() if numbers})


def accepted_text(number: int | None) -> str:
    """How many validation products a threshold accepts; flagged if they are few."""
    return "unknown" if number is None else f"{number:,}" + (" (few)" if number < FEW_PRODUCTS else "")


def check_threshold_kind(kind: str) -> None:
    """Raises ConfigError if ``kind`` is not one that serving and backfill can be asked for."""
    if kind not in (allowed := (*THRESHOLD_KINDS, UNFAMILIAR)):
        raise ConfigError(f"thresholds {str(kind)[:50]!r} do not exist; allowed are {', '.join(allowed)}")


def _check_change(cell: str, kinds: Mapping[str, float | None], new: float | None) -> None:
    """Raises ConfigError if nothing is raised: the plain threshold is as high already, or it abstains always."""
    now = ", ".join(f"{kind} {'abstains' if old is None else f'{old:.4f}'}" for kind, old in kinds.items())
    if all(old is None for old in kinds.values()):
        raise ConfigError(f"{cell} always abstains ({now}): no threshold can be raised or switched off")
    plain, others = kinds.get(PLAIN), [old for old in kinds.values() if old is not None]
    if new is not None and ((plain is not None and new <= plain) or new <= min(others)):
        raise ConfigError(f"{cell} has thresholds as high as {new:g} already ({now}); they can only be raised")


def _are_thresholds(kinds: Any) -> bool:
    """Whether a cell's thresholds are possible; one below 0 would accept everything, NaN nothing."""
    if not isinstance(kinds, dict) or not isinstance(kinds.get(_ACCEPTED, {}), dict):
        return False
    found = [kinds.get(kind) for kind in THRESHOLD_KINDS]
    return all(one is None or (type(one) in (int, float) and 0 <= one < math.inf) for one in found)


def _usable(threshold: float | None) -> float | None:
    return None if threshold is None or math.isnan(threshold) else threshold
