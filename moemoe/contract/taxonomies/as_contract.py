"""A taxonomy's chosen categories -> a contract as YAML: product types, attributes, values, with their ids."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from moemoe.contract.contract import SEPARATORS
from moemoe.contract.new_contract import MISSING
from moemoe.contract.taxonomies.taxonomy import ARROW, Category, Taxonomy, TaxonomyAttribute, TaxonomyValue
from moemoe.contract.text import normalize_key, normalize_text

#: What an open contract takes from the catalog where the taxonomy has no attributes; as in data_contracts/sl.
OPEN = {"product_type_products": 50, "attribute_labels": 200, "value_labels": 10, "attribute_values": 300}
#: Of what is left out so many lines are listed.
MOST_LISTED = 300


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Lists on one line, mappings a line an entry."""


_Dumper.add_representer(list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, True))


def as_contract(taxonomy: Taxonomy, chosen: Sequence[Category], dataset: str) -> tuple[str, list[str]]:
    """The contract's YAML, and a sentence for each entry of the taxonomy that is not in it.

    A product type is named as the category is, or by more of its path where two have one name; raw types that mean it
    are its path and code. A contract without attributes is open: it takes them from the catalog.
    """
    left_out = list(taxonomy.left_out)
    names = type_names(chosen)
    merged = _merged(chosen, left_out)
    attributes = _attributes(merged, frozenset(map(normalize_text, taxonomy.missing)), left_out)
    own = {
        normalize_text(spelling)
        for attribute in attributes.values()
        for value, aliases in attribute["values"].items()
        for spelling in (value, *aliases)
    }
    content: dict[str, Any] = {
        "dataset": dataset,
        "version": 1,
        "product_types": _product_types(names, chosen),
        "product_type_ids": dict(zip(names, (category.id for category in chosen), strict=True)),
        "missing": [text for text in (*taxonomy.missing, *MISSING) if normalize_text(text) not in own],
        "separators": SEPARATORS,
        **({"attributes": attributes} if attributes else {"open": OPEN}),
    }
    comments = [
        f"# From {taxonomy.title}, {len(chosen):,} of {len(taxonomy.categories):,} categories. To be edited: drop what",
        "# your catalog does not have, list your own words for keys and values, write rules for what is left. Every",
        "# key is explained in data_contracts/30pt/contract.yaml.",
    ]
    if not attributes:
        comments.append("# The taxonomy has no attributes, so they come from the catalog, if they have these labels.")
    listed = [f"#   {line}" for line in left_out[:MOST_LISTED]]
    more = [f"#   and {len(left_out) - MOST_LISTED:,} more"] if len(left_out) > MOST_LISTED else []
    text = yaml.dump(content, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
    return "\n".join(
        [*comments, text.rstrip(), *(["", "# Left out:", *listed, *more] if left_out else []), ""]
    ), left_out


def type_names(categories: Sequence[Category]) -> list[str]:
    """A name for each category: its own, with as many of the names before it as tell it from the others."""
    named: list[str] = [""] * len(categories)
    open_ = list(range(len(categories)))
    length = 1
    while open_:
        ends = {at: ARROW.join(categories[at].path[-length:]) for at in open_}
        times = Counter(map(normalize_text, ends.values()))
        for at, end in ends.items():
            if times[normalize_text(end)] == 1:
                named[at] = end
            elif length >= len(categories[at].path):
                named[at] = f"{end} ({categories[at].code or categories[at].id})"
        open_ = [at for at in open_ if not named[at]]
        length += 1
    return named


def _product_types(names: Sequence[str], categories: Sequence[Category]) -> dict[str, list[str]]:
    claimed = {normalize_text(name) for name in names}
    return {
        name: _aliases((category.full_name, category.code), claimed)
        for name, category in zip(names, categories, strict=True)
    }


def _aliases(spellings: Iterable[str], claimed: set[str]) -> list[str]:
    """Those of ``spellings`` that no name or alias has yet; their normalized forms are added to ``claimed``."""
    found = []
    for spelling in spellings:
        normalized = normalize_text(spelling)
        if normalized and normalized not in claimed:
            claimed.add(normalized)
            found.append(spelling)
    return found


def _merged(categories: Iterable[Category], left_out: list[str]) -> list[TaxonomyAttribute]:
    """Each attribute once, with all values that any category has of it; those of most categories first."""
    found: dict[tuple[str, str], dict[int, TaxonomyAttribute]] = {}
    times: Counter[tuple[str, str]] = Counter()
    for category in categories:
        for attribute in category.attributes:
            key = (attribute.id, attribute.name)
            found.setdefault(key, {})[id(attribute)] = attribute
            times[key] += 1
    merged = []
    for key in sorted(found, key=lambda key: (-times[key], key[1])):
        first, *others = found[key].values()
        values: dict[str, TaxonomyValue] = {}
        for value in (value for each in (first, *others) for value in each.values):
            known = values.setdefault(value.id, value)
            if known.name != value.name:
                left_out.append(
                    f"value {value.name!r} ({value.id}) of attribute {first.name!r} has the id of {known.name!r}"
                )
        merged.append(TaxonomyAttribute(first.id, first.name, tuple(values.values()), first.keys, first.note))
    return merged


def _attributes(
    merged: Iterable[TaxonomyAttribute], missing: frozenset[str], left_out: list[str]
) -> dict[str, dict[str, Any]]:
    """The contract's attributes; two of one name have their codes behind it."""
    kept = []
    for attribute in merged:
        if attribute.values:
            kept.append(attribute)
        else:
            left_out.append(f"attribute {attribute.name!r} ({attribute.id}): {attribute.note}")
    times = Counter(normalize_key(attribute.name) for attribute in kept)
    content: dict[str, dict[str, Any]] = {}
    for attribute in kept:
        name = " ".join(attribute.name.split())
        if times[normalize_key(name)] > 1:
            name = f"{name} ({attribute.keys[0] if attribute.keys else attribute.id})"
        values, ids = _values(attribute, missing, left_out)
        if values:
            keys = [key for key in attribute.keys if normalize_key(key) != normalize_key(name)]
            listed = {"keys": keys} if keys else {}
            content[name] = {"id": attribute.id, **listed, "values": values, "value_ids": ids}
    return content


def _values(
    attribute: TaxonomyAttribute, missing: frozenset[str], left_out: list[str]
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The values with their aliases, and the values' ids."""
    named: dict[str, str] = {}
    ids: dict[str, str] = {}
    for value in attribute.values:
        name, normalized = " ".join(value.name.split()), normalize_text(value.name)
        why = (
            "has no letter or digit" if not normalized
            else "says nothing, and is under missing" if normalized in missing
            else f"is spelled like {named[normalized]!r}" if normalized in named
            else ""
        )  # fmt: skip
        if why:
            left_out.append(f"value {value.name!r} ({value.id}) of attribute {attribute.name!r} {why}")
        else:
            named[normalized], ids[name] = name, value.id
    claimed, spellings = set(named), {value.id: value.spellings for value in attribute.values}
    return {name: _aliases(spellings[id], claimed) for name, id in ids.items()}, ids
