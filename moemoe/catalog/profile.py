"""A first contract for a new catalog, to be edited by a person.

``moemoe profile CATALOG --dataset NAME [--output FILE]`` reads a catalog once, in bounded memory, and writes its
product types, attributes and values with their counts to data_contracts/NAME/contract.yaml, where flows find it.
Spellings that differ only in punctuation or plural are suggested as aliases of the most frequent one. The share in
"50% Acrylic" is dropped. A key whose labels are mostly numbers with a unit, or whose name ends with a unit
("Width (cm)"), is suggested as a measurement.
"""

import argparse
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from moemoe.catalog.find import find_partitions
from moemoe.catalog.known_layouts import AUTO, check_layout
from moemoe.catalog.layouts.columns import columns_given
from moemoe.catalog.read import check_columns, read_batches
from moemoe.cli import main
from moemoe.contract.dimensions import dimensions_in
from moemoe.contract.new_contract import MISSING, next_commands, output_of, write_new
from moemoe.contract.suggest_measurement import (
    UNKNOWN,
    Suggested,
    suggest_measurement,
    suggest_of_numbers,
    unit_in_key,
)
from moemoe.contract.text import key_name, normalize_key, normalize_text, plain_label, without_share
from moemoe.errors import CatalogError

#: A key with more distinct values than this is free text; counting them stops there, so memory stays bounded.
MAX_VALUES = 2000
#: Least number of labels of a suggested value, and most values per attribute.
LEAST_LABELS, MOST_VALUES = 3, 60
#: Most characters of a product type, key or value; longer ones are sentences, and too long for YAML keys.
LONGEST = 120
#: Least share of products with a suggested attribute's key; its suggested values must also cover most labels.
LEAST_FILL, COVERED = 0.005, 0.5
SEPARATORS = ",;|"
#: Chinese and Japanese separators, suggested if a suggested value has them.
FURTHER_SEPARATORS = "、，"
_SEPARATOR = re.compile(f"[{SEPARATORS}{FURTHER_SEPARATORS}]")
#: A label that may be a measure: it has a number in its first characters.
_IS_NUMBER = re.compile(r"[^\d¼-¾⅐-⅞]{0,16}[\d¼-¾⅐-⅞].{0,60}").fullmatch


@dataclass
class Key:
    """One raw key: its spellings, the number of products with it, its values with their counts.

    Args:
        separators: those of ``FURTHER_SEPARATORS`` that the labels have.
        measures: whole labels that begin with a number, of the first ``labels``.
    """

    spellings: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    free_text: bool = False
    separators: set[str] = field(default_factory=set)
    measures: Counter[str] = field(default_factory=Counter)
    labels: int = 0


@dataclass
class Profile:
    """The product types and keys of a catalog."""

    rows: int = 0
    images: int = 0
    product_types: Counter[str] = field(default_factory=Counter)
    keys: dict[str, Key] = field(default_factory=dict)


def profile_catalog(partitions: Iterable[str], layout: str = AUTO, columns: Mapping[str, str] | None = None) -> Profile:
    """Counts product types, keys and values over all partitions; memory grows only with the distinct ones.

    Args:
        layout: name of all files' layout; by default each file's is recognised.
        columns: catalog column -> the seller's column, if it has another name.

    Raises:
        CatalogError: a file cannot be read, or its layout is not known.
    """
    found, missing = Profile(), {"", *map(normalize_text, MISSING)}
    for partition in partitions:
        for batch in read_batches(partition, columns or {}, lambda *_: None, layout=layout):
            found.rows += batch.num_rows
            found.images += batch.num_rows - batch["image"].null_count
            names = (" ".join((name or "").split()) for name in batch["product_type"].to_pylist())
            found.product_types.update(name for name in names if normalize_text(name) and len(name) <= LONGEST)
            for entries in batch["attributes"].to_pylist():
                _count(entries or [], found.keys, missing)
    return found


def _count(entries: Sequence[tuple[str, str | None]], keys: dict[str, Key], missing: set[str]) -> None:
    seen = set()
    for name, raw in entries:
        normalized = normalize_key(name)
        if not normalized or len(name) > LONGEST or normalize_text(raw or "") in missing:
            continue
        key = keys.setdefault(normalized, Key())
        if normalized not in seen:  # a repeated key still counts as one product
            seen.add(normalized)
            key.spellings[" ".join(name.split())] += 1
        if len(key.measures) <= MAX_VALUES:
            key.labels += 1
            key.measures.update([label] if (label := " ".join((raw or "").split())) and _IS_NUMBER(label) else [])
        if not key.free_text:
            key.separators.update(separator for separator in FURTHER_SEPARATORS if separator in (raw or ""))
            parts = (without_share(" ".join(part.split())) for part in _SEPARATOR.split(plain_label(raw or "")))
            key.values.update(part for part in parts if normalize_text(part) not in missing)
            key.free_text = len(key.values) > MAX_VALUES


def suggest_aliases(names: Counter[str]) -> dict[str, tuple[int, list[str]]]:
    """The most frequent spelling of each name -> count of all its spellings, and the others, to list as aliases.

    Spellings belong together if they are equal without punctuation, blanks and a plural s.
    """
    groups: dict[str, Counter[str]] = {}
    for name, count in names.items():
        bare = _bare(normalize_text(name))
        groups.setdefault(bare[:-1] if len(bare) > 4 and bare.endswith("s") else bare, Counter())[name] += count
    ordered = sorted(groups.values(), key=lambda group: (-group.total(), min(group)))
    suggested = {}
    for group in ordered:
        first, *others = sorted(group, key=lambda name: (-group[name], name))
        aliases = dict.fromkeys(map(normalize_text, others))
        aliases.pop(normalize_text(first), None)
        suggested[first] = (group.total(), list(aliases))
    return suggested


def _bare(name: str) -> str:
    """``name`` without blanks and punctuation, except where they distinguish names: 2.5 and 25, 10% and 10."""
    kept = (c for c in re.sub(r"(?<!\d)\.|\.(?!\d)", "", name) if c in "./%" or unicodedata.category(c)[0] not in "PZC")
    return "".join(kept) or name


@dataclass(frozen=True)
class _Attribute:
    """A key that may be suggested as an attribute, with ``values`` (see ``suggest_aliases``) or a measurement.

    Args:
        share: share of the products that have it.
    """

    name: str
    key: Key
    share: float
    values: Mapping[str, tuple[int, list[str]]]
    measures: Suggested | None

    @property
    def left_out(self) -> str:
        """Why the key is not suggested; empty if it is."""
        if self.share < LEAST_FILL:
            return "too few products"
        if self.measures:
            return ""
        covered = sum(count for count, _ in self.values.values()) / max(self.key.values.total(), 1)
        if self.key.free_text or len(self.values) > MOST_VALUES or covered < COVERED:
            return "free text or ids"
        return "one value" if len(self.values) < 2 else ""

    def lines(self) -> list[str]:
        """The attribute as YAML."""
        spellings = [spelling for spelling in self.key.spellings if normalize_key(spelling) != normalize_key(self.name)]
        head = [f"  {_inline(self.name)}: # {self.share:.1%} of the products", f"    keys: {_inline(spellings)}"]
        if self.measures is None:
            return [*head, "    values:", *(
                f"      {_inline(value)}: {_inline(aliases)} # {count:,}"
                for value, (count, aliases) in self.values.items()
            )]  # fmt: skip
        own = self.measures
        return [
            *head,
            *([f"    # {own.doubt}"] if own.doubt else []),
            f"    # {own.labels:,} of {self.key.labels:,} labels, {own.least} to {own.most}",
            f"    {_measurement(own)}",
        ]

    def lines_left_out(self) -> list[str]:
        """Comments on why the key is not suggested, and what would make it an attribute."""
        reason, own = f"{len(self.key.values):,} values: {self.left_out}", None
        if self.share >= LEAST_FILL:
            own = suggest_of_numbers(self.key.measures, self.key.labels)
        if own is not None and own.least != own.most:  # a decimal comma may have split its values
            reason = f"numbers without a unit, {own.least} to {own.most}; if they have one, write it for {UNKNOWN}:"
        if several := dimensions_in(self.key.spellings.most_common(1)[0][0]):
            reason += f"; list it under keys of measurements named {', '.join(several)}"
        lines = [f"#   {_inline(self.name)}: {self.share:.1%} of the products, {reason}"]
        if own is not None and own.least != own.most:
            lines.append(f"#     {_measurement(own)}")
        return lines


def _measurement(own: Suggested) -> str:
    given = own.measurement
    sign = f", decimal_sign: '{given.decimal_sign}'" if given.decimal_sign else ""
    default = f", default_unit: {given.default_unit}" if given.default_unit else ""
    return (
        f"measurement: {{unit: {given.unit}, units: {{{', '.join(f'{u.name}: []' for u in given.units[1:])}}}, "
        f"decimals: {given.decimals}, at_least: {given.at_least:f}, at_most: {given.at_most:f}, "
        f"tolerance: {given.tolerance:f}{default}{sign}}}"
    )


def _attribute(key: Key, rows: int) -> _Attribute:
    names = Counter({value: count for value, count in key.values.items() if len(value) <= LONGEST})
    values = {v: s for v, s in suggest_aliases(names).items() if s[0] >= LEAST_LABELS}
    spelling = key.spellings.most_common(1)[0][0]
    name, share = key_name(spelling), key.spellings.total() / max(rows, 1)
    return _Attribute(name, key, share, values, suggest_measurement(key.measures, key.labels, unit_in_key(spelling)))


def as_contract(found: Profile, dataset: str, columns: Mapping[str, str] | None = None) -> str:
    """Builds the contract as YAML with comments.

    Args:
        columns: see ``profile_catalog``.

    Raises:
        CatalogError: the catalog has no product type or no attribute.
    """
    attributes, left_out = [], []
    for key in sorted(found.keys.values(), key=lambda key: -key.spellings.total()):
        one = _attribute(key, found.rows)
        if one.left_out:
            left_out += one.lines_left_out()
        else:
            attributes.append(one)
    if not found.product_types or not attributes:
        raise CatalogError(
            f"the catalog has {len(found.product_types)} product types and {len(attributes)} keys with a small set of "
            "values; a contract needs one of each"
        )
    named = [one.key.separators for one in attributes if one.measures is None]
    further = "".join(separator for separator in FURTHER_SEPARATORS if any(separator in those for those in named))
    lines = [
        f"# Suggested from {found.rows:,} products, {found.images:,} with an image. To be edited: merge names that",
        "# mean the same, give attributes the names that people use, write rules for what is left. Every key is",
        "# explained in data_contracts/30pt/contract.yaml.",
        f"dataset: {_inline(dataset)}",
        "version: 1",
        *([f"columns: {{{', '.join(f'{name}: {_inline(own)}' for name, own in columns.items())}}}"] if columns else []),
        "",
        "# Product type: [raw types that mean it]. Behind it: products.",
        "product_types:",
        *(f"  {_inline(n)}: {_inline(a)} # {c:,}" for n, (c, a) in suggest_aliases(found.product_types).items()),
        "",
        f"missing: {_inline(list(MISSING))}",
        f"separators: '[{SEPARATORS}{further}]'",
        "",
        "# Attribute: raw keys, then value: [spellings that mean it]. Behind a value: labels.",
        "attributes:",
    ]
    lines += [line for one in attributes for line in one.lines()]
    lines += ["", "# Left out:", *left_out] if left_out else []
    return "\n".join([*lines, ""])


def _inline(value: str | list[str]) -> str:
    """YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**9).strip()
    return text.removesuffix("...").strip()


def command(chosen: argparse.Namespace) -> None:
    """Runs ``moemoe profile``: writes the contract and prints the next steps."""
    output = output_of(chosen.dataset, chosen.output)
    check_layout(chosen.layout)
    columns = columns_given(chosen.column)
    partitions = find_partitions(chosen.catalog, print)
    check_columns(partitions, columns)
    found = profile_catalog(partitions, chosen.layout, columns)
    write_new(output, as_contract(found, chosen.dataset, columns))
    print(
        f"{output}: {len(found.product_types)} raw product types and {len(found.keys)} raw keys in {found.rows:,} rows"
    )
    options = [] if chosen.layout == AUTO else ["--layout", chosen.layout]
    print(next_commands(chosen.catalog, chosen.dataset, output, options))


if __name__ == "__main__":
    sys.exit(main(["profile", *sys.argv[1:]]))
