"""A published taxonomy, whoever publishes it: categories with attributes, attributes with values, all with ids."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moemoe.contract.cell_text import without_invisible
from moemoe.contract.text import compile_rule, normalize_text
from moemoe.errors import ConfigError
from moemoe.names import did_you_mean
from moemoe.words import with_one_i

#: Between the names of a path, as Shopify and Google write it.
ARROW = " > "
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class TaxonomyValue:
    """One value; ``spellings`` are further texts that mean it, e.g. its handle."""

    id: str
    name: str
    spellings: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaxonomyAttribute:
    """One attribute as a category has it; ``keys`` are further raw keys that mean it, e.g. its handle.

    Categories may list other values under the same id and name; a contract takes all of them. ``note`` says why it has
    no values.
    """

    id: str
    name: str
    values: tuple[TaxonomyValue, ...]
    keys: tuple[str, ...] = ()
    note: str = "it has no values"


@dataclass(frozen=True)
class Category:
    """One category; ``path`` holds the names from the root to its own, ``code`` is what feeds write for it."""

    id: str
    path: tuple[str, ...]
    attributes: tuple[TaxonomyAttribute, ...] = ()
    code: str = ""

    @property
    def full_name(self) -> str:
        """The names of the path with arrows between them."""
        return ARROW.join(self.path)


@dataclass(frozen=True)
class Taxonomy:
    """All categories in the order of the publisher.

    Args:
        title: publisher and version, for people.
        left_out: one sentence for each entry that cannot be in a contract.
        missing: values that say nothing, by the publisher's own definition.
    """

    title: str
    categories: Sequence[Category]
    left_out: Sequence[str] = field(default_factory=list)
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raises ConfigError if two categories have one id."""
        times = Counter(category.id for category in self.categories)
        if twice := next((id for id, number in times.items() if number > 1), None):
            raise ConfigError(f"category {twice!r} of {self.title} comes twice; each id is allowed once")


class EntryError(ValueError):
    """An entry of a taxonomy's file that cannot be taken; the message says why, and not in which file."""


def text_of(entry: Mapping[str, Any], key: str) -> str:
    """A name, an id or a handle of an entry, without invisible characters.

    Raises:
        EntryError: it is missing, or is not text.
    """
    if key not in entry:
        raise EntryError(f"an entry has no {key}: {str(entry)[:200]!a}")
    value = entry[key]
    text = " ".join(without_invisible(str(value)).split()) if isinstance(value, (str, int)) else ""
    if not text or isinstance(value, bool) or _SURROGATE.search(text):
        raise EntryError(f"an entry has the {key} {str(value)[:100]!a}, which must be a text: {str(entry)[:200]!a}")
    return text


def name_of(entry: Mapping[str, Any], key: str) -> str:
    """The name of a category or an attribute, which a contract needs.

    Raises:
        EntryError: it is missing, is not text, or has no letter or digit.
    """
    name = text_of(entry, key)
    if not normalize_text(name):
        raise EntryError(f"an entry has the {key} {name[:100]!a}, which needs a letter or digit: {str(entry)[:200]!a}")
    return name


def paths(names: Mapping[str, str], parents: Mapping[str, str], where: str) -> dict[str, tuple[str, ...]]:
    """The path of each category.

    Args:
        names: id -> the category's own name.
        parents: id -> the parent's id; roots are left out.
        where: the file, for errors.

    Raises:
        ConfigError: a parent is unknown, or the parents go in a circle.
    """
    found: dict[str, tuple[str, ...]] = {}
    for start in names:
        branch: dict[str, None] = {}  # from here up to what is known
        at: str | None = start
        while at is not None and at not in found:
            if at in branch:
                circle = [*list(branch)[list(branch).index(at) :], at]
                raise ConfigError(f"{where}: the parents of category {at!r} go in a circle: {ARROW.join(circle)}")
            if at not in names:
                raise ConfigError(f"{where}: category {list(branch)[-1]!r} has the parent {at!r}, which is missing; "
                                  "is the file complete?")  # fmt: skip
            branch[at] = None
            at = parents.get(at)
        path = found[at] if at is not None else ()
        for id in reversed(branch):
            path = found[id] = (*path, names[id])
    return found


def choose(categories: Sequence[Category], patterns: Iterable[str]) -> list[Category]:
    """The categories that any of ``patterns`` matches, in their own order; all where there is no pattern.

    A pattern is a path, in any case, in which ``*`` stands for any text (also over several names) and ``?`` for one
    character: "Apparel & Accessories > Shoes > *" is everything below shoes. If it matches nothing, its names may also
    be the first words of names: "Apparel > *".

    Raises:
        ConfigError: a pattern matches no category.
    """
    patterns = list(patterns)
    full_names = [_plain(category.full_name) for category in categories]
    chosen = [not patterns] * len(categories)
    for pattern in patterns:
        plain = _plain(pattern)
        exact, longer = _regex(plain, ""), _regex(plain, "(?: [^>]*)?")
        found = [bool(exact.fullmatch(name)) for name in full_names]
        if not any(found):
            found = [bool(longer.fullmatch(name)) for name in full_names]
        if not any(found):
            raise ConfigError(f"--categories {pattern!r} matches no category{_meant(pattern, categories)}")
        chosen = [before or now for before, now in zip(chosen, found, strict=True)]
    return [category for category, taken in zip(categories, chosen, strict=True) if taken]


def _plain(name: str) -> str:
    """As names are compared: composed letters, and the letters i of Turkish as one."""
    return with_one_i(unicodedata.normalize("NFC", name))


def _names(pattern: str) -> list[str]:
    return [" ".join(name.split()) for name in pattern.split(">")]


def _regex(pattern: str, after: str) -> Any:
    """RE2 for a pattern, ``after`` each of whose names more may follow."""
    globs = {"*": ".*", "?": "."}
    return compile_rule(
        ARROW.join("".join(globs.get(c, _literal(c)) for c in name) + after for name in _names(pattern))
    )


def _literal(character: str) -> str:
    return f"\\x{{{ord(character):x}}}" if not character.isalnum() else character


def _meant(pattern: str, categories: Iterable[Category]) -> str:
    """The nearest pattern that would match: the names before the first ``*`` or ``?`` spelled as the taxonomy does."""
    names = _names(pattern)
    depth = next((at for at, name in enumerate(names) if "*" in name or "?" in name), len(names))
    rest = names[depth:] if depth else []
    depth = max(depth, 1)
    known = dict.fromkeys(ARROW.join([*each.path[:depth], *rest]) for each in categories if len(each.path) >= depth)
    return did_you_mean(ARROW.join(names), known)
