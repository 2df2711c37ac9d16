"""GS1's Global Product Classification, from its XML or JSON file: bricks, attributes and values, all with codes.

https://www.gs1.org/standards/gpc. A brick lies in a class, a family and a segment; products have bricks alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from moemoe.contract.taxonomies.files import read_json, read_text
from moemoe.contract.taxonomies.taxonomy import (
    ARROW,
    Category,
    EntryError,
    Taxonomy,
    TaxonomyAttribute,
    TaxonomyValue,
    name_of,
    text_of,
)
from moemoe.errors import ConfigError

FORM = "GS1's GPC as one .json or .xml file, or a folder that holds it (of several languages English is taken)"

#: By GPC's own definition: not identifiable, not classified, not applicable.
MISSING = ("UNIDENTIFIED", "UNCLASSIFIED", "NOT APPLICABLE")
#: Names of the XML's elements -> levels of the JSON.
LEVELS = {"segment": 1, "family": 2, "class": 3, "brick": 4, "attType": 5, "attValue": 6}
BRICK, ATTRIBUTE, VALUE = 4, 5, 6


@dataclass
class _Node:
    """An entry of any level."""

    level: int
    code: str
    title: str
    active: bool
    children: list["_Node"] = field(default_factory=list)


@dataclass(frozen=True)
class _Document:
    language: str
    date: str
    segments: list[_Node]


def read_gpc(path: Path) -> Taxonomy:
    """Reads a file, or the English one of a folder.

    Raises:
        ConfigError: it is not GPC, not whole, in other languages alone, or XML with a DTD or entities.
    """
    file, document = _document(path)
    left_out: list[str] = []
    root = _Node(0, "", "", True, document.segments)
    categories = [brick for segment in _active(root, 1, (), left_out) for brick in _bricks(segment, (), left_out)]
    if not categories:
        raise ConfigError(f"{file} has no brick; expected: {FORM}")
    return Taxonomy(f"GS1's Global Product Classification of {document.date}", categories, left_out, MISSING)


def _document(path: Path) -> tuple[Path, _Document]:
    if path.is_file():
        files = [path]
    elif path.is_dir():
        found = [
            [file for suffix in ("json", "xml") for file in path.glob(f"{below}*.{suffix}")] for below in ("", "*/")
        ]
        files = sorted(found[0] or found[1])
        files.sort(key=lambda file: " EN" not in file.stem.upper())  # "GPC as of May 2025 v20250509 EN.json"
    else:
        raise ConfigError(f"{path}: there is no such file or folder; expected: {FORM}")
    languages = []
    for file in files:
        document = _from_json(file) if file.suffix == ".json" else _from_xml(file)
        if document and (document.language.upper() in ("EN", "") or path.is_file()):
            return file, document
        if document:
            languages.append(document.language)
    if languages:
        raise ConfigError(f"{path} holds GPC in {', '.join(languages)} and not in English; name one file to take it")
    raise ConfigError(f"{path} is not a GPC file; expected: {FORM}")


def _from_json(file: Path) -> _Document | None:
    """The document; None if it is another JSON."""
    content = read_json(file)
    if not isinstance(content, dict) or not isinstance(content.get("Schema"), list):
        return None
    try:
        segments = [_node(entry) for entry in content["Schema"]]
    except EntryError as error:
        raise ConfigError(f"{file}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not a GPC file ({type(error).__name__}: {error}); expected: {FORM}") from error
    return _Document(str(content.get("LanguageCode") or ""), str(content.get("DateUtc") or "unknown date"), segments)


def _node(entry: dict[str, Any]) -> _Node:
    """An entry with all below it."""
    level, children = int(entry["Level"]), [_node(child) for child in entry.get("Childs") or ()]
    active = _is_active(entry.get("Active", True))
    return _Node(level, text_of(entry, "Code"), _title(entry, "Title", level), active, children)


def _is_active(written: object) -> bool:
    return str(written).lower() in ("true", "1")


def _title(entry: Mapping[str, Any], key: str, level: int) -> str:
    return text_of(entry, key) if level >= VALUE else name_of(entry, key)


def _from_xml(file: Path) -> _Document | None:
    """The document; None if it is another XML. Raises ConfigError for one with a DTD, which may hold entities."""
    roots: list[dict[str, str]] = []
    segments: list[_Node] = []
    open_nodes: list[_Node] = []

    def start(tag: str, given: dict[str, str]) -> None:
        roots.append(given) if not roots else None
        level = LEVELS.get(tag.rpartition(":")[2])
        if level:
            active = _is_active(given.get("active", "true"))
            node = _Node(level, text_of(given, "code"), _title(given, "text", level), active)
            (open_nodes[-1].children if open_nodes else segments).append(node)
            open_nodes.append(node)

    def end(tag: str) -> None:
        if tag.rpartition(":")[2] in LEVELS:
            open_nodes.pop()

    def doctype(*_: object) -> None:
        raise ConfigError(f"{file}: XML with a DTD or entities is not read; GPC has neither")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, doctype
    try:
        parser.Parse(read_text(file), True)
    except expat.ExpatError as error:
        raise ConfigError(f"{file} is not complete XML ({error}); if it was cut short, fetch it again") from error
    except EntryError as error:
        raise ConfigError(f"{file}: {error}") from error
    root = roots[0]
    return _Document(root.get("languageCode", ""), root.get("dateUtc", "unknown date"), segments) if segments else None


def _bricks(node: _Node, above: tuple[str, ...], left_out: list[str]) -> Iterator[Category]:
    """The active bricks at and below ``node``; entries that are not active are added to ``left_out``."""
    path = (*above, node.title)
    if node.level != BRICK:
        for child in _active(node, node.level + 1, path, left_out):
            yield from _bricks(child, path, left_out)
        return
    attributes = tuple(
        TaxonomyAttribute(
            attribute.code,
            attribute.title,
            tuple(
                TaxonomyValue(value.code, value.title, (value.code,))
                for value in _active(attribute, VALUE, (*path, attribute.title), left_out)
            ),
            (attribute.code,),
        )
        for attribute in _active(node, ATTRIBUTE, path, left_out)
    )
    yield Category(node.code, path, attributes, node.code)


def _active(node: _Node, level: int, path: tuple[str, ...], left_out: list[str]) -> list[_Node]:
    """Those of a node's children that lie on ``level`` or below it and are active."""
    for child in node.children:
        if not child.active:
            left_out.append(f"{ARROW.join((*path, child.title))} ({child.code}) is not active")
    return [child for child in node.children if child.active and child.level >= level]
