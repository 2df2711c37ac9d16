"""YAML -> contract, checked as a whole when it is loaded.

``data_contracts/30pt/contract.yaml`` documents every key.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from moemoe.contract.contract import (
    CRITICAL,
    EXPECTATIONS,
    SEPARATORS,
    WARNING,
    Attribute,
    Contract,
    Contradiction,
    Expectation,
    Open,
    Rule,
    Split,
)
from moemoe.contract.text import compile_rule, fold
from moemoe.contract.yaml_lines import Entry, read_yaml, suggest
from moemoe.schemas import CATALOG

_KEYS = (
    "dataset",
    "version",
    "open",
    "columns",
    "product_types",
    "missing",
    "separators",
    "attributes",
    "contradictions",
    "rare_share",
    "split",
    "report_product_types",
    "max_quarantine_share",
    "expectations",
)


def load_contract(path: str | Path) -> Contract:
    """Reads and checks the contract at ``path``.

    Raises ContractError (``file:line: what is wrong; what is allowed``) at the first fault.
    """
    root = read_yaml(path)
    fields = root.fields(_KEYS, required=("dataset",))
    opened = _open(fields["open"]) if "open" in fields else None
    for name in ("product_types", "attributes"):
        if name not in fields and opened is None:
            root.fail(f"key {name!r} is missing in {root.name}; it may be left out where there is a key 'open'")
    product_types = _aliases(fields["product_types"], "product type") if "product_types" in fields else {}
    missing = fields["missing"].texts() if "missing" in fields else ()
    separators = _pattern(fields["separators"]) if "separators" in fields else SEPARATORS
    attributes: dict[str, Attribute] = {}
    for key, entry in fields["attributes"].pairs() if "attributes" in fields else ():
        markers = frozenset(map(fold, missing))
        attributes[key.text()] = _attribute(key.text(), entry, markers, separators, opened is not None)
    if not attributes and opened is None:
        fields["attributes"].fail("no attribute is named; at least one is needed")
    named = fields["report_product_types"].items() if "report_product_types" in fields else []
    report = tuple(entry.choice(product_types) for entry in named)
    if not report and opened is None:  # an open contract's are all that the catalog has, too, once it is closed
        report = tuple(product_types)
    return Contract(
        path=str(path),
        hash=hashlib.sha256(json.dumps(root.plain(), ensure_ascii=False).encode()).hexdigest(),
        dataset=fields["dataset"].text(),
        version=int(_number(fields, "version", 1, 1, 10**6)),
        columns=_columns(fields["columns"]) if "columns" in fields else {},
        product_types=product_types,
        attributes=attributes,
        missing=missing,
        separators=separators,
        rare_share=_number(fields, "rare_share", 0.01, 0, 0.5),
        split=_split(fields["split"]) if "split" in fields else Split(0.7, 0.1, 0.2),
        max_quarantine_share=_number(fields, "max_quarantine_share", 0.05, 0, 1),
        report_product_types=report,
        expectations=_expectations(fields["expectations"], attributes) if "expectations" in fields else {},
        open=opened,
        contradictions=_contradictions(fields["contradictions"], attributes) if "contradictions" in fields else (),
    )


def _number(fields: Mapping[str, Entry], name: str, default: float, low: float, high: float) -> float:
    return fields[name].number(low, high) if name in fields else default


def _pattern(entry: Entry) -> str:
    import re2

    text = entry.text()
    try:
        pattern = compile_rule(text)
    except re2.error as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        entry.fail(f"RE2 refuses the regex {text!r}: {reason}; look-around and back-references are not allowed")
    if pattern.search(""):
        entry.fail(f"the regex {text!r} matches the empty text and so every raw label; make it require something")
    return text


def _aliases(entry: Entry, kind: str) -> dict[str, tuple[str, ...]]:
    """A mapping ``canonical name: [aliases]`` in which no two names claim the same folded spelling."""
    names: dict[str, tuple[str, ...]] = {}
    claimed: dict[str, tuple[str, int]] = {}
    for key, value in entry.pairs():
        name = key.text()
        for spelling in (key, *value.items()):
            folded = fold(spelling.text())
            if not folded:
                spelling.fail(f"{spelling.text()!r} has no letter or digit to compare")
            owner, line = claimed.setdefault(folded, (name, spelling.line))
            if owner != name:
                spelling.fail(
                    f"{spelling.text()!r} means both {kind} {owner!r} (line {line}) and {name!r}; "
                    "a spelling may belong to one only"
                )
        names[name] = value.texts()
    if not names:
        entry.fail(f"{entry.name} names no {kind}; at least one is needed")
    return names


def _open(entry: Entry) -> Open:
    counts = ("product_type_products", "attribute_labels", "value_labels", "attribute_values")
    fields = entry.fields((*counts, "ignore_keys"), required=counts)
    numbers = {name: int(fields[name].number(1, 10**9)) for name in counts}
    return Open(**numbers, ignore_keys=fields["ignore_keys"].texts() if "ignore_keys" in fields else ())


def _attribute(name: str, entry: Entry, missing: frozenset[str], separators: str, is_open: bool) -> Attribute:
    fields = entry.fields(("keys", "values", "rules", "separators"), required=() if is_open else ("values",))
    keys = dict.fromkeys((name, *(fields["keys"].texts() if "keys" in fields else ())))
    values = _aliases(fields["values"], "value") if "values" in fields else {}
    for key, aliases in fields["values"].pairs() if "values" in fields else ():
        for spelling in (key, *aliases.items()):
            if fold(spelling.text()) in missing:
                spelling.fail(
                    f"{spelling.text()!r} is listed under missing, so it cannot mean value {key.text()!r} too"
                )
    rules = []
    for item in fields["rules"].items() if "rules" in fields else []:
        rule = item.fields(("match", "value"), required=("match", "value"))
        rules.append(Rule(_pattern(rule["match"]), rule["value"].choice(values)))
    separators = _pattern(fields["separators"]) if "separators" in fields else separators
    return Attribute(name, tuple(keys), values, tuple(rules), separators)


def _contradictions(entry: Entry, attributes: Mapping[str, Attribute]) -> tuple[Contradiction, ...]:
    names = ("when", "never", "reason")
    rules = []
    for item in entry.items():
        fields = item.fields(names, required=names)
        when, when_values = _side(fields["when"], attributes)
        never, never_values = _side(fields["never"], attributes)
        if when == never:
            fields["never"].fail(f"'when' and 'never' both speak of {when!r}; they must name two attributes")
        rules.append(Contradiction(when, when_values, never, never_values, fields["reason"].text()))
    return tuple(rules)


def _side(entry: Entry, attributes: Mapping[str, Attribute]) -> tuple[str, tuple[str, ...]]:
    """One side of a contradiction: an attribute and some of its values."""
    sides = entry.fields(attributes)
    if len(sides) != 1:
        entry.fail(f"{entry.name} must name one attribute with its values, e.g. {{color: [Red]}}")
    [(name, values)] = sides.items()
    allowed = attributes[name].values  # none are known yet where an open contract takes them from the catalog
    found = tuple(item.choice(allowed) if allowed else item.text() for item in values.items())
    if not found:
        values.fail(f"{values.name} must list at least one value; {suggest('', allowed)}")
    return name, found


def _columns(entry: Entry) -> dict[str, str]:
    columns: dict[str, str] = {}
    for name, value in entry.fields(CATALOG.names).items():
        column = value.text()
        if column in columns.values():
            value.fail(f"column {column!r} is given to two catalog columns; each may be used once")
        columns[name] = column
    return columns


def _split(entry: Entry) -> Split:
    names = ("train", "validation", "test")
    shares = {name: value.number(0, 1) for name, value in entry.fields(names, required=names).items()}
    if abs(sum(shares.values()) - 1) > 1e-6:
        entry.fail(f"the shares of the split sum to {sum(shares.values()):g}; they must sum to 1")
    return Split(**shares)


def _expectations(entry: Entry, attributes: Mapping[str, Attribute]) -> dict[str, Expectation]:
    expectations = {}
    for name, value in entry.fields(EXPECTATIONS).items():
        bound = EXPECTATIONS[name]
        allowed = ("severity", *([bound.split()[0]] if bound else []))
        fields = value.fields(allowed, required=allowed)
        severity = fields["severity"].choice((CRITICAL, WARNING))
        if bound is None:
            expectations[name] = Expectation(severity)
        elif bound == "at_least":
            expectations[name] = Expectation(severity, at_least=fields[bound].number(0, 1))
        elif bound == "at_most":
            expectations[name] = Expectation(severity, at_most=fields[bound].number(0, 1))
        elif bound == "at_most index":
            expectations[name] = Expectation(severity, at_most=fields["at_most"].number(0, 100))
        else:
            shares = fields["at_least"].fields(attributes)
            expectations[name] = Expectation(severity, attributes={a: s.number(0, 1) for a, s in shares.items()})
    return expectations
