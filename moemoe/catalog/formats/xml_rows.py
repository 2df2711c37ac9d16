"""Reads XML feeds as a table, streaming: a row for each <item> of RSS or <entry> of Atom.

Document type declarations are refused, and with them entities that expand or read other files.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat

from moemoe.catalog.formats.double_encoding import undo_in
from moemoe.catalog.formats.row_error import RowError
from moemoe.catalog.formats.table import ObjectTable, Row
from moemoe.catalog.formats.text import MAX_RECORD, STREAM_ERRORS, open_bytes
from moemoe.catalog.formats.xml_elements import Element
from moemoe.errors import CatalogError, first_line

#: Elements that are rows, by local name in any case: of RSS, Atom, and shops' own lists.
ROWS = ("item", "entry", "product")
#: If a file has none of these, or only as texts (Heureka's <PRODUCT> is a name), these in order: of Yandex, Heureka,
#: BMEcat, databases, and Ceneo.
_OTHER_ROWS = ("offer", "shopitem", "article", "artikel", "produkt", "listing", "tradeitem", "record", "row", "o")
#: Namespace -> prefix of its column names; other namespaces are dropped.
PREFIXES = {"http://base.google.com/ns/1.0": "g:", "http://base.google.com/cns/1.0": "c:"}
#: Prefixes that stand for Google's namespace if a feed does not declare them.
_USUAL = {"g": "http://base.google.com/ns/1.0", "c": "http://base.google.com/cns/1.0"}
_XMLNS = "xmlns"
#: Rows whose elements are the file's columns.
_HEAD_ROWS = 256
_CHUNK = 2**18
_DEEPEST = 100


def open_xml(partition: str, path: Path, constants: Mapping[str, str | None]) -> ObjectTable:
    """Opens a feed. A value is the element's text, a list if the element repeats, a mapping if it has children.

    ``<images><image/>...</images>`` is a list too, and ``<attribute name="Fit">Slim</attribute>`` a mapping of name and
    value. An attribute of an item is a column, unless an element has the same name.

    Raises:
        CatalogError: the file has no item, declares a document type, or (while reading) is truncated or malformed.
    """
    counts: Counter[str] = Counter()
    met: dict[str, None] = {}
    rows = _rows(_Reader(partition, ROWS, counts, met), open_bytes(partition, path))
    first = list(islice(rows, _HEAD_ROWS))
    if not any(first) and (other := next((name for name in _OTHER_ROWS if name in met), None)):
        rows = _rows(_Reader(partition, (other,), counts, {}), open_bytes(partition, path))
        first = list(islice(rows, _HEAD_ROWS))
    if not first:
        shown = ", ".join(f"<{name}>" for name in [*met][:12])
        raise CatalogError(
            f"{partition} has no <item> or <entry>, nor <product>, <{'>, <'.join(_OTHER_ROWS)}>; of XML, feeds in RSS "
            f"or Atom and lists of products are read; it has {shown or 'no elements'}"
        )
    columns = list(dict.fromkeys(column for row in first for column in row))
    found: Iterator[Row | RowError] = chain(first, rows)
    table = ObjectTable(partition, columns, found, constants, "XML")
    table.counts = counts
    return table


def _rows(reader: "_Reader", file: BinaryIO) -> Iterator[Row]:
    partition, counts = reader.partition, reader.counts
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
            yield from (undo_in(row, counts) for row in reader.take())
            if not chunk:
                return


class _Reader:
    """Turns expat's callbacks into rows.

    Args:
        names: names of the elements that are rows, in lower case.
        counts: counts omitted attributes.
        met: collects the names of the elements around the rows, in lower case.
    """

    def __init__(self, partition: str, names: Sequence[str], counts: Counter[str], met: dict[str, None]):
        self.partition, self.counts = partition, counts
        self._names, self._met = frozenset(names), met
        self._parser = expat.ParserCreate()
        self._namespaces = dict(_USUAL)  # by prefix; "" is the default one
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text
        self._open: list[Element] = []  # the current row and its open elements
        self._done: list[Row] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Parses a chunk; with no bytes, checks that the document is complete."""
        self._parser.Parse(chunk, not chunk)

    def take(self) -> list[Row]:
        """The rows completed since the last call."""
        done, self._done = self._done, []
        return done

    def _refuse(self, *_: Any) -> None:
        raise CatalogError(
            f"{self.partition} declares a document type (<!DOCTYPE>), whose entities may reach anywhere; delete it"
        )

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        for attribute, namespace in attributes.items():
            declared, _, prefix = attribute.partition(":")
            if declared == _XMLNS:
                self._namespaces[prefix] = namespace.strip().rstrip("/").replace("https:", "http:", 1)
        prefix, _, bare = name.rpartition(":")
        if self._open:
            self._open.append(Element(PREFIXES.get(self._namespaces.get(prefix, ""), "") + bare, attributes))
            self._count(1 + sum(map(len, attributes.values())))
        elif bare.casefold() not in self._names:
            self._met[bare.casefold()] = None
        else:
            self._open, self._size = [Element(bare, attributes)], sum(map(len, attributes.values()))

    def _end(self, name: str) -> None:
        if not self._open:
            return
        element = self._open.pop()
        if self._open:
            self._open[-1].add(element, self.counts, len(self._open) == 1)
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
                f"{self.partition} has an item around line {line} of more than {MAX_RECORD >> 20} MiB, or elements "
                f"more than {_DEEPEST} deep; is it a product feed?"
            )
