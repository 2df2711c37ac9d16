"""Reads people's verdicts on filled-in values; --apply raises the thresholds of cells with less than 90 % precision.

    moemoe audit OUTPUT/audit/audit-....parquet --verdicts VERDICTS.csv --apply
    moemoe audit OUTPUT/audit/labels-....parquet --verdicts VERDICTS.csv

Prints the precision in production per product type and attribute, with its 95 % interval. --apply registers the
champion again with raised thresholds (or cells switched off). Serving and the next backfill use them, and ``moemoe
rollback NAME`` undoes it. For an audit of labels that the model contradicted it prints how many labels are wrong; no
threshold follows from these, as they are not a sample of filled-in values.
"""

import argparse
import sys
from collections.abc import Sequence
from tempfile import TemporaryDirectory

import pyarrow as pa

from moemoe.cli import main
from moemoe.counts import counted
from moemoe.errors import CatalogError, ConfigError, first_line
from moemoe.evaluation.field_precision import (
    RAISE,
    SWITCH_OFF,
    TOO_FEW,
    FieldPrecision,
    field_precision,
    overall_precision,
)
from moemoe.inference.audit import checked_verdicts, with_verdicts
from moemoe.inference.thresholds import Cell
from moemoe.names import cell_name
from moemoe.registry.thresholds import change_thresholds
from moemoe.registry.tracking import check_tracking, default_tracking_uri
from moemoe.registry.versions import Version, find_version
from moemoe.reporting.formats import DASH, estimate
from moemoe.schemas import CONTRADICTS
from moemoe.storage import fetch, read_table


def read_audit(audit_uri: str, verdicts_uri: str | None) -> pa.Table:
    """AUDIT with its verdicts, from a separate file or from the table itself.

    Raises:
        CatalogError: a file is not an audit, the verdicts are of another one, or there are none.
        StorageError: a file cannot be read.
    """
    try:
        audit = read_table(audit_uri)
    except pa.ArrowException as error:
        raise CatalogError(f"{audit_uri} is not a Parquet file: {first_line(error)}") from error
    audit = checked_verdicts(audit, audit_uri)
    if verdicts_uri:
        with TemporaryDirectory(prefix="moemoe-") as folder:
            audit = with_verdicts(audit, fetch(verdicts_uri, folder), verdicts_uri)
    if not any(audit["verdict"].to_pylist()):
        raise CatalogError(f"{verdicts_uri or audit_uri} has no verdicts; judge on the audit's page first")
    return audit


def changes_of(cells: Sequence[FieldPrecision]) -> dict[Cell, float | None]:
    """The new thresholds of cells that break their promise; None: switched off."""
    return {(c.product_type, c.attribute): c.threshold for c in cells if c.action in (RAISE, SWITCH_OFF)}


def apply(uri: str, audit: pa.Table, cells: Sequence[FieldPrecision]) -> Version | None:
    """Raises thresholds of the audited model and returns the new version; None if no cell breaks its promise.

    Raises:
        ConfigError: that model is no longer the champion, or the audit covers several versions.
    """
    changes = changes_of(cells)
    if not changes:
        return None
    judged, *others = sorted(set(audit["model_version"].to_pylist()))
    if others:
        raise ConfigError(f"the audit judges {', '.join([judged, *others])}; --apply takes verdicts on one version")
    base = find_version(uri, f"models:/{judged}")
    words = ", ".join(f"{cell_name(*cell)} {'off' if new is None else f'{new:.3f}'}" for cell, new in changes.items())
    return change_thresholds(uri, base, changes, f"audit in the field: {words}")


def _lines(cells: Sequence[FieldPrecision]) -> list[str]:
    head = f"{'product type':24} {'attribute':24} {'filled':>8} {'judged':>7}"
    lines = [f"{head} {'% right [95 % interval]':>24}  then"]
    for c in cells:
        then = f"raise to {c.threshold:.4f}" if c.action == RAISE else c.action
        lines.append(f"{_judged(c)}  {then}")
    value, low, high = overall_precision(cells)
    weak = sum(c.action == TOO_FEW for c in cells)
    lines.append(f"cells with verdicts, each weighing what it filled in: {estimate(value, low, high)} % right")
    broken = len(changes_of(cells))
    lines.append(f"of {counted(len(cells), 'cell')} {broken:,} break 90 %, and {weak:,} have too few verdicts to tell")
    return lines


def _judged(c: FieldPrecision) -> str:
    share = estimate(c.precision, c.low, c.high) if c.judged else DASH
    return f"{c.product_type:24} {c.attribute:24} {c.filled:>8,} {c.judged:>7} {share:>24}"


def _label_lines(cells: Sequence[FieldPrecision]) -> list[str]:
    head = f"{'product type':24} {'attribute':24} {'labels':>8} {'judged':>7}"
    lines = [f"{head} {'% wrong [95 % interval]':>24}", *map(_judged, cells)]
    share, low, high = overall_precision(cells)
    total = sum(c.filled for c in cells if c.judged)
    lines.append(
        f"of {total:,} contradicted labels about {round(share * total):,} are wrong in the catalog "
        f"(95 % interval {round(low * total):,} to {round(high * total):,})"
    )
    return lines


def command(chosen: argparse.Namespace) -> None:
    """Runs ``moemoe audit``: prints the precision in production; with --apply it raises the champion's thresholds.

    Raises:
        ConfigError: --apply is given with an audit of labels.
    """
    audit = read_audit(chosen.audit, chosen.verdicts)
    cells = field_precision(audit)
    if CONTRADICTS in audit["decision"].to_pylist():
        if chosen.apply:
            raise ConfigError(
                f"--apply: {chosen.audit} judges labels that the model contradicted, not a sample of filled-in "
                "values; apply the verdicts of audit-....parquet beside it"
            )
        print("\n".join(_label_lines(cells)))
        return
    print("\n".join(_lines(cells)))
    if chosen.apply:
        uri = default_tracking_uri()
        check_tracking(uri)
        version = apply(uri, audit, cells)
        print(f"champion of {version.name} is now version {version.version}" if version else "nothing was changed")


if __name__ == "__main__":
    sys.exit(main(["audit", *sys.argv[1:]]))
