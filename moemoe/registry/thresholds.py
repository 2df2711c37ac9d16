"""Raises thresholds of a champion, or switches product types and attributes off, as a new version of the model.

    moemoe thresholds NAME
    moemoe thresholds NAME --raise 'shirt/color=0.97' --switch-off 'kurta/material'

The first command shows them, and how many validation products each accepts.

Serving and backfill load models:/NAME@champion, so both use the change; ``moemoe rollback NAME`` undoes it.
"""

import argparse
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from moemoe.cli import main
from moemoe.counts import counted
from moemoe.errors import ConfigError
from moemoe.inference.thresholds import FEW_PRODUCTS, PLAIN, THRESHOLD_KINDS, Cell, Thresholds, accepted_text
from moemoe.names import cell_name, cells_meant
from moemoe.registry.promote import replace_champion
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import check_tracking, client, default_tracking_uri
from moemoe.registry.versions import (
    CHAMPION,
    Version,
    add_version,
    alias_of,
    fetch_version,
    find_version,
    no_champion,
)
from moemoe.reporting.document import Block, Column, Document, Table, Text
from moemoe.reporting.html import page
from moemoe.reporting.model_card import MODEL_CARD, Card, change_words

BASE = "thresholds_of_version"
_ACCEPTED = "accepted (validation)"
_HEADS = ["product type", "attribute", *(word for kind in THRESHOLD_KINDS for word in (kind, _ACCEPTED))]


def change_thresholds(uri: str, base: Version, changes: Mapping[Cell, float | None], reason: str) -> Version:
    """Registers ``base`` again with some thresholds raised (None: switched off) and makes it champion.

    Weights, contract and everything else stay those of ``base``. The version and its run record ``reason``.

    Raises:
        ConfigError: ``base`` is no longer the champion, or has no such product type and attribute.
    """
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        folder = fetch_version(uri, base, scratch)
        old = Thresholds.load(folder)
        thresholds = old.changed(changes)
        _check_champion(uri, base)
        thresholds.save(folder)
        words = f"of version {base.version} ({reason}): {'; '.join(change_words(old, thresholds, list(changes)))}"
        description = _write_card(folder, thresholds, words)
        tags = {BASE: base.version, "reason": reason[:5000]}
        experiment = TrackedRun(uri, base.run_id).experiment
        run = TrackedRun.start(uri, experiment, f"thresholds of version {base.version}", {}, tags)
        version = add_version(run, base.name, folder)
        run.log_dict({cell_name(*cell): new for cell, new in changes.items()}, "thresholds/changes.json")
        run.describe(description)
        run.log_text(report_page(f"{base.name}/{version.version}", words, thresholds), "report.html")
        run.end()
    mlflow = client(uri)
    mlflow.update_model_version(version.name, version.version, description)
    kept = {key: value for key, value in base.tags.items() if key in ("contract_hash", "data_hash", "git_commit")}
    for key, value in {**kept, BASE: base.version}.items():
        mlflow.set_model_version_tag(version.name, version.version, key, value)
    if not replace_champion(uri, version, base):
        _check_champion(uri, base)
    mlflow.set_model_version_tag(version.name, version.version, "decision", f"champion: {reason}"[:5000])
    return version


def training_run(uri: str, version: Version) -> TrackedRun:
    """The run that trained a version; for one with changed thresholds, the run of the version that it is based on.

    If that version is no longer registered, it is the version's own run, which has no parameters.
    """
    with suppress(ConfigError):
        while BASE in version.tags:
            version = find_version(uri, f"models:/{version.name}/{version.tags[BASE]}")
    return TrackedRun(uri, version.run_id)


def _write_card(folder: Path, thresholds: Thresholds, change: str) -> str:
    """Writes the model's card with its new thresholds into its folder; returns its Markdown."""
    if card := Card.load(folder):
        card = card.changed(change)
        card.save(folder, thresholds)
        return card.markdown(thresholds)
    path = folder / MODEL_CARD  # the model was registered before cards were stored as data
    first, _, rest = path.read_text().partition("\n")
    note = "The thresholds further down are those before this change; `thresholds.json` has the present ones."
    text = f"{first}\n\n## Thresholds changed\n\n- {change}\n\n{note}\n{rest}"
    path.write_text(text)
    return text


def report_page(model: str, change: str, thresholds: Thresholds) -> str:
    """An HTML page with the change and all thresholds of the version."""
    kinds = [Column(name, f"{kind} threshold") for kind in THRESHOLD_KINDS for name in ("confidence", _ACCEPTED)]
    blocks: list[Block] = [
        Text(f"Changed from those {change}"),
        Text("The evaluation of the model itself is in the report of the run that trained it."),
        Table(["product type", "attribute", *kinds], _rows(thresholds), filtered=True),
    ]
    return page(Document(f"Thresholds of {model}", blocks))


def thresholds_of(uri: str, version: Version) -> Thresholds:
    """The thresholds of a registered version."""
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        return Thresholds.load(fetch_version(uri, version, scratch))


def as_text(thresholds: Thresholds) -> str:
    """A line per product type and attribute: both thresholds and the validation products that each accepts."""
    lines = [_HEADS, *_rows(thresholds)]
    accepted = thresholds.validation_accepted.items()
    few = sum(PLAIN in numbers and numbers[PLAIN] < FEW_PRODUCTS for cell, numbers in accepted)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    said = f"{few} of {counted(len(table) - 1, 'plain threshold')} accept fewer than {FEW_PRODUCTS} validation products"
    return "\n".join([*table, said])


def _rows(thresholds: Thresholds) -> list[list[str]]:
    rows = []
    for product_type, own in sorted(thresholds.cells.items()):
        for attribute, kinds in sorted(own.items()):
            row = [product_type, attribute]
            accepted = thresholds.validation_accepted.get((product_type, attribute), {})
            for kind in THRESHOLD_KINDS:
                threshold, number = kinds.get(kind), accepted.get(kind)
                row += ["abstains", "-"] if threshold is None else [f"{threshold:.4f}", accepted_text(number)]
            rows.append(row)
    return rows


def _check_champion(uri: str, base: Version) -> None:
    now = alias_of(uri, base.name, CHAMPION)
    if now is None or now.version != base.version:
        raise ConfigError(
            f"version {base.version} of {base.name} is no longer its champion (which is "
            f"{'none' if now is None else f'version {now.version}'}): its thresholds are not changed"
        )


def _cell(text: str) -> str:
    if not cells_meant(text):
        raise ConfigError(f"{text!r} names no product type and attribute; write them like 'shirt/color'")
    return text


def _raised(text: str) -> tuple[str, float]:
    cell, _, number = text.rpartition("=")
    try:
        value = float(number)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError(f"cannot parse --raise {text!r}; write it like 'shirt/color=0.97', between 0 and 1")
    return _cell(cell), value


def command(chosen: argparse.Namespace) -> None:
    """Runs ``moemoe thresholds``: shows the champion's thresholds, or changes them.

    Raises:
        ConfigError: MLflow does not answer, there is no champion, or a change is not possible.
    """
    asked: list[tuple[str, float | None]] = [*map(_raised, chosen.raised)]
    asked += [(_cell(text), None) for text in chosen.switch_off]
    uri = default_tracking_uri()
    check_tracking(uri)
    champion = alias_of(uri, chosen.name, CHAMPION)
    if champion is None:
        raise ConfigError(no_champion(uri, chosen.name))
    present = thresholds_of(uri, champion)
    if not asked:
        print(f"champion of {chosen.name} is version {champion.version}")
        print(as_text(present))
        return
    changes = {present.cell(text): new for text, new in asked}
    if len(changes) < len(asked):
        raise ConfigError("a product type and attribute is named twice by --raise or --switch-off; name each once")
    version = change_thresholds(uri, champion, changes, chosen.reason)
    print(f"champion of {chosen.name} is version {version.version}: version {champion.version} with changed thresholds")


if __name__ == "__main__":
    sys.exit(main(["thresholds", *sys.argv[1:]]))
