"""Reads YAML safely and keeps line numbers, so that every error begins with ``file:line:``."""

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from moemoe.errors import ContractError

#: A contract is written by hand; a larger file is a mistake or an attack.
MAX_BYTES = 4 * 2**20
MAX_DEPTH = 20

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp")}
_NULL = "tag:yaml.org,2002:null"


@dataclass(frozen=True)
class YamlNode:
    """A node of the file, with its line and the name that errors use for it."""

    node: yaml.Node
    path: str
    name: str

    @property
    def line(self) -> int:
        """Line in the file, counted from 1."""
        return self.node.start_mark.line + 1

    def fail(self, problem: str) -> NoReturn:
        """Raises ContractError at this line."""
        raise ContractError(f"{self.path}:{self.line}: {problem}")

    @property
    def empty(self) -> bool:
        """Whether the node has no value."""
        return self.node.tag == _NULL and self.node.value in ("", "~")

    def text(self) -> str:
        """The scalar exactly as written, so that ``No``, ``Null`` and ``2`` need no quotes."""
        if not isinstance(self.node, yaml.ScalarNode):
            self.fail(f"{self.name} must be a text")
        if self.empty or not self.node.value.strip():
            self.fail(f"{self.name} must be a text; it is empty")
        return self.node.value

    def number(self, low: float, high: float, whole: bool = False) -> float:
        """The scalar as a number within [low, high], an integer if ``whole``."""
        try:
            value = float(self.node.value)
        except (TypeError, ValueError):  # a list or mapping, a text
            value = float("nan")
        if not low <= value <= high or (whole and value != int(value)):
            allowed = f"whole number from {low:.0f} to {high:,.0f}" if whole else f"number from {low:g} to {high:g}"
            self.fail(f"{self.name} must be a {allowed}")
        return value

    def choice(self, allowed: Collection[str]) -> str:
        """The scalar, which must be one of ``allowed``."""
        text = self.text()
        if text not in allowed:
            self.fail(f"{self.name} {text!r} is unknown; {suggest(text, allowed)}")
        return text

    def items(self) -> "list[YamlNode]":
        """The entries of a list; a key without a value is an empty list."""
        if self.empty:
            return []
        if not isinstance(self.node, yaml.SequenceNode):
            self.fail(f"{self.name} must be a list, e.g. [a, b]")
        return [YamlNode(child, self.path, f"an entry of {self.name}") for child in self.node.value]

    def texts(self) -> tuple[str, ...]:
        """The entries of a list of texts."""
        return tuple(item.text() for item in self.items())

    def pairs(self) -> "Iterator[tuple[YamlNode, YamlNode]]":
        """Key and value nodes of a mapping, in the order of the file; a repeated key is an error."""
        if self.empty:
            return
        if not isinstance(self.node, yaml.MappingNode):
            self.fail(f"{self.name} must be a mapping, e.g. 'key: value'")
        seen: dict[str, int] = {}
        for key_node, value_node in self.node.value:
            key = YamlNode(key_node, self.path, f"a key of {self.name}")
            name = key.text()
            if name in seen:
                key.fail(f"key {name!r} of {self.name} is already on line {seen[name]}; each key is allowed once")
            seen[name] = key.line
            yield key, YamlNode(value_node, self.path, repr(name))

    def fields(self, allowed: Iterable[str], required: Iterable[str] = ()) -> "dict[str, YamlNode]":
        """A mapping whose keys must be among ``allowed``."""
        known, found = list(allowed), {}
        for key, value in self.pairs():
            name = key.text()
            if name not in known:
                key.fail(f"unknown key {name!r} in {self.name}; {suggest(name, known)}")
            found[name] = value
        for name in required:
            if name not in found:
                self.fail(f"key {name!r} is missing in {self.name}")
        return found

    def plain(self) -> object:
        """The content without lines and comments, e.g. for a hash: texts, lists and [key, value] pairs."""
        if isinstance(self.node, yaml.ScalarNode):
            return None if self.empty else self.node.value
        if isinstance(self.node, yaml.SequenceNode):
            return [item.plain() for item in self.items()]
        return {"pairs": [[key.text(), value.plain()] for key, value in self.pairs()]}


def read_content(path: Path) -> bytes:
    """The content of the file at ``path``. Raises ContractError if it is missing or too large."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ContractError(f"{path}:1: the contract cannot be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise ContractError(f"{path}:1: the contract is larger than {MAX_BYTES >> 20} MiB")
    return data


def parse_yaml(data: bytes, path: Path) -> YamlNode:
    """The root node of the YAML ``data``, which was read from ``path``.

    Raises:
        ContractError: it is empty or not YAML, or has tags (``!!python/...``) or anchors, which a contract never needs.
    """
    try:
        text = data.decode("utf-8-sig")
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            line = event.start_mark.line + 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ContractError(f"{path}:{line}: the YAML is nested more than {MAX_DEPTH} levels deep")
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise ContractError(f"{path}:{line}: YAML anchors and aliases (& and *) are not allowed in a contract")
            tag = getattr(event, "tag", None)
            if tag is not None and tag not in _TAGS:
                raise ContractError(
                    f"{path}:{line}: the YAML tag {tag!r} is not allowed in a contract; plain values only"
                )
        node = yaml.compose(text, Loader=_LOADER)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ContractError(f"{path}:{line}: the contract must be UTF-8 text") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if problem.startswith("but "):  # PyYAML's text goes on from its context
            problem = f"{getattr(error, 'context', None) or 'something else was expected'}, {problem}"
        raise ContractError(f"{path}:{line}: not valid YAML: {problem}") from error
    entry = YamlNode(node, str(path), "the contract")
    if node is None or entry.empty:
        raise ContractError(f"{path}:1: the contract is empty")
    return entry


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest names, or all if there are few."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return "did you mean " + " or ".join(repr(n) for n in near) + "?"
    shown = ", ".join(names[:40]) + (", ..." if len(names) > 40 else "")
    return f"allowed: {shown or 'none'}"
