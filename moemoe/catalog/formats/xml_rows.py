"""XML feeds -> a table: a row for each <item> of RSS or <entry> of Atom, while the file is read.

Declarations of document types are refused, and with them entities that grow or reach for other files.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat

from moemoe.catalog.formats.double_encoding import undo_in
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import ObjectTable, Row
from moemoe.catalog.formats.text import MAX_RECORD, STREAM_ERRORS, open_bytes
from moemoe.errors import CatalogError, first_line

#: Elements that are rows, by their name without namespace: of RSS, of Atom, of shops' own lists.
ROWS = ("item", "entry", "product")
#: Namespace -> what its names begin with; those of other namespaces go by their bare names.
PREFIXES = {"http://base.google.com/ns/1.0": "g:", "http://base.google.com/cns/1.0": "c:"}
#: Prefixes that mean Google's where a feed forgets to say so.
_USUAL = {"g": "http://base.google.com/ns/1.0", "c": "http://base.google.com/cns/1.0"}
_XMLNS = "xmlns"
#: Elements that are labels, and the attributes in which their names stand: ``<param name="Fit" unit="">Slim</param>``.
_LABELS = frozenset(
    (
        *("attribute", "param", "parameter", "property", "spec", "specification", "feature", "detail"),
        "characteristic",
    )
)
_NAMES = ("name", "key", "code", "label")
#: Elements whose attribute may be the path.
_IMAGES = ("image", "img", "picture", "photo")
#: What an item of a list may be called, besides the list's name without its plural.
_ITEM = "item"

#: Rows whose elements are the file's columns.
_HEAD_ROWS = 256
_CHUNK = 2**18
_DEEPEST = 100


def open_xml(partition: str, path: Path, constants: Mapping[str, str | None]) -> ObjectTable:
    """A feed's items. A value is the element's text, a list if the element repeats, a mapping if it has elements.

    ``<images><image/>...</images>`` is a list too, and ``<attribute name="Fit">Slim</attribute>`` a mapping of name and
    value. An attribute of an item is a column, unless an element is called so.

    Raises:
        CatalogError: the file has no item, declares a document type, or (later) is cut short or not well-formed.
    """
    counts: Counter[str] = Counter()
    rows = (undo_in(row, counts) for row in _rows(partition, open_bytes(partition, path)))
    first = list(islice(rows, _HEAD_ROWS))
    if not first:
        raise CatalogError(
            f"{partition} has no <item> or <entry>, nor <product>; of XML, feeds in RSS or Atom and lists of products "
            "are read"
        )
    columns = list(dict.fromkeys(column for row in first for column in row))
    found: Iterator[Row | RowError] = chain(first, rows)
    table = ObjectTable(partition, columns, found, constants, "XML")
    table.counts = counts
    return table


def _rows(partition: str, file: BinaryIO) -> Iterator[Row]:
    reader = _Reader(partition)
    with file:
        while True:
            try:
                chunk = file.read(_CHUNK)
                reader.feed(chunk)
            except expat.ExpatError as error:
                raise CatalogError(
                    f"{partition} is cut short or is not well-formed XML: {first_line(error)}"
                ) from error
            except STREAM_ERRORS as error:
                raise CatalogError(f"{partition} is damaged or cut short: {first_line(error)}") from error
            yield from reader.take()
            if not chunk:
                return


class _Element:
    def __init__(self, name: str, attributes: Mapping[str, str]):
        self.name = name
        self.attributes = {name: text for name, text in attributes.items() if ":" not in name and name != _XMLNS}
        self.texts: list[str] = []
        self.children: dict[str, Any] = {}

    def add(self, element: "_Element") -> None:
        name, value = element.name, element.value()
        if name not in self.children:
            self.children[name] = [value] if element.label_name() and value is not None else value
        elif isinstance(self.children[name], list):
            self.children[name].append(value)
        else:
            self.children[name] = [self.children[name], value]

    def value(self) -> Any:
        """The text, with its name if it is a label; or the children if there is no text beside them."""
        text = "".join(self.texts).strip()
        if self.children and not text:
            return self._listed() or self.children
        if not text:  # <attribute name="Fit" value="Slim"/>, <image url="..."/>
            names = ("value", "url", "src") if self.name.casefold() in _IMAGES else ("value",)
            text = next((found for name in names if (found := self.attributes.get(name, "").strip())), "")
        text = "\n".join([text, *map(str, self.children.values())]).strip()
        if text and (name := self.label_name()):
            unit = {"unit": self.attributes["unit"]} if self.attributes.get("unit") else {}
            return {"name": name, "value": text, **unit}
        return text or None

    def label_name(self) -> str | None:
        """What the label is called that the element is; None if it is none."""
        names = (self.attributes.get(name) for name in _NAMES)
        return next(filter(None, names), None) if self.name.casefold() in _LABELS else None

    def row(self) -> Row:
        """The element as a row."""
        filled = {name: value for name, value in self.children.items() if value is not None}
        return {**{name: text for name, text in self.attributes.items() if text.strip()}, **filled}

    def _listed(self) -> list[Any]:
        """The items of an element that is a list, as its name says; none if it is no such."""
        ((name, found), *others) = self.children.items()
        singular = name.casefold()
        plurals = (f"{singular}s", f"{singular}es", f"{singular[:-1]}ies")
        if others or not (singular == _ITEM or self.name.casefold().endswith(plurals)):
            return []
        return [one for one in (found if isinstance(found, list) else [found]) if one is not None]


class _Reader:
    """Expat's calls -> rows."""

    def __init__(self, partition: str):
        self._partition = partition
        self._parser = expat.ParserCreate()
        self._namespaces = dict(_USUAL)  # by their prefixes, "" if it has none
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._open: list[_Element] = []  # the row that is read and what is open in it
        self._done: list[Row] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Reads on; with no bytes, checks that the document has ended."""
        self._parser.Parse(chunk, not chunk)

    def take(self) -> list[Row]:
        """The rows that have ended since."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: Any) -> None:
        raise CatalogError(
            f"{self._partition} declares a document type (<!DOCTYPE>), whose entities may reach anywhere; delete it"
        )

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        for attribute, namespace in attributes.items():
            declared, _, prefix = attribute.partition(":")
            if declared == _XMLNS:
                self._namespaces[prefix] = namespace.strip().rstrip("/").replace("https:", "http:", 1)
        prefix, _, bare = name.rpartition(":")
        if self._open:
            self._open.append(_Element(PREFIXES.get(self._namespaces.get(prefix, ""), "") + bare, attributes))
            self._count(1 + sum(map(len, attributes.values())))
        elif bare in ROWS:
            self._open, self._size = [_Element(bare, attributes)], sum(map(len, attributes.values()))

    def _end(self, name: str) -> None:
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            self._open[-1].add(element)
        else:
            self._done.append(element.row())

    def _text(self, data: str) -> None:
        if self._open:
            self._open[-1].texts.append(data)
            self._count(len(data))

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > MAX_RECORD or len(self._open) > _DEEPEST:
            line = self._parser.CurrentLineNumber
            raise CatalogError(
                f"{self._partition} has an item around line {line} of more than {MAX_RECORD >> 20} MiB, or elements "
                f"more than {_DEEPEST} deep; is it a product feed?"
            )
