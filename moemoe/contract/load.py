"""Loads a contract from YAML and checks all of it.

``data_contracts/30pt/contract.yaml`` documents every key.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path

import yaml

from moemoe.contract.contract import (
    CRITICAL,
    SEPARATORS,
    WARNING,
    Attribute,
    Contract,
    Contradiction,
    Expectation,
    Rule,
    Split,
    SupportLimits,
)
from moemoe.contract.keys import (
    ATTRIBUTE,
    COLUMNS,
    CONTRACT,
    CONTRADICTION,
    EXPECTATIONS,
    OPEN,
    RULE,
    SPLIT,
    Number,
    Record,
    TextOrTexts,
)
from moemoe.contract.load_measurement import load_measurement
from moemoe.contract.text import compile_rule, normalize_text
from moemoe.contract.yaml_lines import YamlNode, parse_yaml, read_content, suggest

#: What each split is for.
_NEED = {
    "train": "the model learns from these",
    "validation": "thresholds are chosen on these",
    "test": "all figures are of these",
}
#: Contracts that this process has checked, by file content: a run and its model hold copies of the same contract.
_checked: dict[bytes, Contract] = {}


def load_contract(path: str | Path) -> Contract:
    """Reads and checks the contract at ``path``.

    Raises:
        ContractError: the first error, as ``file:line: what is wrong; what is allowed``.
    """
    content = read_content(Path(path))
    if content not in _checked:
        _checked[content] = _check(parse_yaml(content, Path(path)))
    return replace(_checked[content], path=str(path))


def _check(root: YamlNode) -> Contract:
    fields = _fields(root, CONTRACT)
    opened = _open(fields["open"]) if "open" in fields else None
    for name in ("product_types", "attributes"):
        if name not in fields and opened is None:
            root.fail(f"key {name!r} is missing in {root.name}; it may be left out only if there is a key 'open'")
    product_types = _aliases(fields["product_types"], "product type") if "product_types" in fields else {}
    missing = fields["missing"].texts() if "missing" in fields else ()
    separators = _pattern(fields["separators"]) if "separators" in fields else SEPARATORS
    attributes: dict[str, Attribute] = {}
    for key, entry in fields["attributes"].pairs() if "attributes" in fields else ():
        markers = frozenset(map(normalize_text, missing))
        attributes[key.text()] = _attribute(key.text(), entry, markers, separators, opened is not None)
    if not attributes and opened is None:
        fields["attributes"].fail("no attribute is listed; at least one is needed")
    named = fields["report_product_types"].items() if "report_product_types" in fields else []
    report: tuple[str, ...] = ()
    for entry in named:
        if (name := entry.choice(product_types)) in report:
            entry.fail(f"{entry.name} lists {name!r} twice; list each product type once")
        report = (*report, name)
    if not report and opened is None:  # an open contract reports on all product types of the catalog
        report = tuple(product_types)
    return Contract(
        path="",
        hash=hashlib.sha256(json.dumps(root.plain(), ensure_ascii=False).encode()).hexdigest(),
        dataset=fields["dataset"].text(),
        version=int(_number(fields, CONTRACT, "version")),
        columns=_columns(fields["columns"]) if "columns" in fields else {},
        product_types=product_types,
        attributes=attributes,
        missing=missing,
        separators=separators,
        rare_share=_number(fields, CONTRACT, "rare_share"),
        split=_split(fields["split"]) if "split" in fields else Split(0.7, 0.1, 0.2),
        max_quarantine_share=_number(fields, CONTRACT, "max_quarantine_share"),
        report_product_types=report,
        expectations=_expectations(fields["expectations"], attributes) if "expectations" in fields else {},
        open=opened,
        contradictions=_contradictions(fields["contradictions"], attributes) if "contradictions" in fields else (),
        product_type_ids=_ids(fields["product_type_ids"], product_types) if "product_type_ids" in fields else {},
    )


def _fields(entry: YamlNode, record: Record) -> dict[str, YamlNode]:
    """The entries of a mapping whose allowed keys ``record`` lists."""
    return entry.fields(record.keys, record.required)


def _number(fields: Mapping[str, YamlNode], record: Record, name: str) -> float:
    """The number under key ``name`` of ``record``, or its default."""
    kind = record.keys[name]
    assert isinstance(kind, Number)
    if name in fields:
        return fields[name].number(kind.low, kind.high, kind.whole)
    assert kind.default is not None
    return kind.default


def _pattern(entry: YamlNode) -> str:
    import re2

    text = entry.text()
    try:
        pattern = compile_rule(text)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        entry.fail(f"RE2 refuses the regex {text!r}: {reason}; look-around and back-references are not allowed")
    if pattern.search(""):
        entry.fail(f"the regex {text!r} matches the empty text and so every raw label; require at least one character")
    return text


def _aliases(entry: YamlNode, kind: str, missing: frozenset[str] = frozenset()) -> dict[str, tuple[str, ...]]:
    """A mapping ``canonical name: [aliases]``; no normalized spelling belongs to two names or is in ``missing``."""
    names: dict[str, tuple[str, ...]] = {}
    claimed: dict[str, tuple[str, int]] = {}
    for key, value in entry.pairs():
        name = key.text()
        for spelling in (key, *value.items()):
            normalized = normalize_text(spelling.text())
            if not normalized:
                spelling.fail(f"{spelling.text()!r} has no letter or digit")
            if normalized in missing:
                spelling.fail(f"{spelling.text()!r} is listed under missing, so it cannot mean {kind} {name!r} too")
            owner, line = claimed.setdefault(normalized, (name, spelling.line))
            if owner != name:
                spelling.fail(
                    f"{spelling.text()!r} means both {kind} {owner!r} (line {line}) and {name!r}; "
                    "a spelling may belong to one only"
                )
        names[name] = value.texts()
    if not names:
        entry.fail(f"{entry.name} names no {kind}; at least one is needed")
    return names


def _open(entry: YamlNode) -> SupportLimits:
    fields = _fields(entry, OPEN)
    counts = {name: int(_number(fields, OPEN, name)) for name in OPEN.required}
    return SupportLimits(**counts, ignore_keys=fields["ignore_keys"].texts() if "ignore_keys" in fields else ())


def _attribute(name: str, entry: YamlNode, missing: frozenset[str], separators: str, is_open: bool) -> Attribute:
    fields = _fields(entry, ATTRIBUTE)
    keys = dict.fromkeys((name, *(fields["keys"].texts() if "keys" in fields else ())))
    attribute_id = fields["id"].text() if "id" in fields else None
    if "measurement" in fields:
        for other in fields.keys() - {"keys", "measurement", "id"}:
            fields[other].fail(f"attribute {name!r} is a measurement, so it cannot have {other!r}")
        return Attribute(name, tuple(keys), {}, measurement=load_measurement(fields["measurement"]), id=attribute_id)
    if "values" not in fields and not is_open:
        entry.fail(f"key 'values' is missing in {entry.name}; a measurement has a key 'measurement' instead")
    values = _aliases(fields["values"], "value", missing) if "values" in fields else {}
    rules = []
    for item in fields["rules"].items() if "rules" in fields else []:
        rule = _fields(item, RULE)
        rules.append(Rule(_pattern(rule["match"]), rule["value"].choice(values)))
    separators = _pattern(fields["separators"]) if "separators" in fields else separators
    return Attribute(
        name,
        tuple(keys),
        values,
        tuple(rules),
        separators,
        id=attribute_id,
        value_ids=_ids(fields["value_ids"], values) if "value_ids" in fields else {},
    )


def _ids(entry: YamlNode, names: Collection[str]) -> dict[str, str]:
    """A mapping ``name: id`` whose keys must be among ``names``."""
    return {key.choice(names): value.text() for key, value in entry.pairs()}


def _contradictions(entry: YamlNode, attributes: Mapping[str, Attribute]) -> tuple[Contradiction, ...]:
    rules = []
    for item in entry.items():
        fields = _fields(item, CONTRADICTION)
        when, when_values = _side(fields["when"], attributes)
        never, never_values = _side(fields["never"], attributes)
        if when == never:
            fields["never"].fail(f"'when' and 'never' both name {when!r}; they must name different attributes")
        rules.append(Contradiction(when, when_values, never, never_values, fields["reason"].text()))
    return tuple(rules)


def _side(entry: YamlNode, attributes: Mapping[str, Attribute]) -> tuple[str, tuple[str, ...]]:
    """One side of a contradiction: an attribute and some of its values."""
    sides = entry.fields(attributes)
    if len(sides) != 1:
        entry.fail(f"{entry.name} must name one attribute with its values, e.g. {{color: [Red]}}")
    [(name, values)] = sides.items()
    if attributes[name].measurement:
        values.fail(f"{name!r} is a measurement; contradictions are between named values")
    allowed = attributes[name].values  # empty while an open contract has yet to take them from the catalog
    found = tuple(item.choice(allowed) if allowed else item.text() for item in values.items())
    if not found:
        values.fail(f"{values.name} must list at least one value; {suggest('', allowed)}")
    return name, found


def _columns(entry: YamlNode) -> dict[str, str | tuple[str, ...]]:
    columns: dict[str, str | tuple[str, ...]] = {}
    used: set[str] = set()
    for name, value in _fields(entry, COLUMNS).items():
        is_list = isinstance(COLUMNS.keys[name], TextOrTexts) and isinstance(value.node, yaml.SequenceNode)
        given = value.texts() if is_list else (value.text(),)
        if not given:
            value.fail(f"{name} lists no column; write '*' for all columns without another meaning")
        for column in given:
            if column in used:
                value.fail(f"column {column!r} is mapped to two catalog columns; each may be used only once")
            used.add(column)
        columns[name] = given if is_list else given[0]
    return columns


def _split(entry: YamlNode) -> Split:
    fields = _fields(entry, SPLIT)
    shares = {name: _number(fields, SPLIT, name) for name in SPLIT.required}
    for name, share in shares.items():
        if not share:
            fields[name].fail(f"split.{name} is 0; {_NEED[name]}")
    if abs(sum(shares.values()) - 1) > 1e-6:
        entry.fail(f"the split's shares sum to {sum(shares.values()):g}; they must sum to 1")
    return Split(**shares)


def _expectations(entry: YamlNode, attributes: Mapping[str, Attribute]) -> dict[str, Expectation]:
    return {
        name: _expectation(value, EXPECTATIONS[name], attributes) for name, value in entry.fields(EXPECTATIONS).items()
    }


def _expectation(entry: YamlNode, record: Record, attributes: Mapping[str, Attribute]) -> Expectation:
    fields = _fields(entry, record)
    severity = fields["severity"].choice((CRITICAL, WARNING))
    for bound in record.keys.keys() & {"at_least", "at_most"}:
        kind = record.keys[bound]
        if isinstance(kind, Number):
            share = _number(fields, record, bound)
            least, most = (share, None) if bound == "at_least" else (None, share)
            return Expectation(severity, least, most)
        shares = fields[bound].fields(attributes)
        return Expectation(severity, attributes={name: share.number(0, 1) for name, share in shares.items()})
    return Expectation(severity)
