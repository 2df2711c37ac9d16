"""Converts elements of an XML feed to values: texts, lists of repeated ones, labels with names, mappings."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from moemoe.catalog.formats.table import Row

_XMLNS = "xmlns"
#: Elements that are labels, and the attributes with their names: ``<param name="Fit" unit="">Slim</param>``.
_LABELS = frozenset(
    (
        *("attribute", "param", "parameter", "property", "spec", "specification", "feature", "detail"),
        *("characteristic", "attr", "prop", "a"),  # the last of Ceneo
    )
)
_NAMES = ("name", "key", "code", "label")
#: Elements within them that are the value: ``<property name="Fit"><value>Slim</value></property>``.
_VALUES = frozenset(("value", "values"))
_UNITS, _CODES = ("unit", "uom", "unitofmeasure"), ("unitcode", "measurementunitcode")
_LANGUAGES = ("lang", "xml:lang", "language", "languagecode")
#: Elements with the path in an attribute.
_IMAGES = ("image", "img", "picture", "photo")
#: Names of an item of a list, besides the singular of the list's name.
_ITEM = "item"
#: HTML elements within texts, and those of them that begin a line.
_LINES = frozenset(
    ("br", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ol", "p", "table", "tbody", "thead", "tr", "ul")
)
_CELLS = frozenset(("td", "th"))
_HTML = _LINES | _CELLS | frozenset(("a", "b", "em", "i", "span", "strong", "sub", "sup", "u"))
#: Attributes that HTML elements have, unlike feed elements of the same name.
_OF_HTML = frozenset(("href", "target", "rel", "class", "style", "id", "title", "align", "dir", "colspan", "rowspan"))
#: BMEcat's elements around a product's columns.
_AROUND = frozenset(
    (
        "article_details",
        "article_features",
        "product_details",
        "product_features",
        "mime_info",
        "user_defined_extensions",
    )
)
#: Attributes with technical information, and the types of plain texts.
_OF_FEEDS = ("ispermalink", "rel")
_OF_TEXTS = ("html", "xhtml", "text")
LEFT_OUT = "attributes of XML elements, left out:"


class Element:
    """An open element with its closed children."""

    def __init__(self, name: str, attributes: Mapping[str, str]):
        self.name = name
        self._plain = {name.casefold(): text.strip() for name, text in attributes.items() if text.strip()}
        self.attributes = {name: text for name, text in attributes.items() if ":" not in name and name != _XMLNS}
        self.texts: list[str] = []
        self.children: dict[str, Any] = {}
        self._has_html = False

    def add(self, element: "Element", counts: Counter[str], is_row: bool) -> None:
        """Adds a child.

        Args:
            counts: counts what is left out.
            is_row: whether the element is the row itself, whose children are columns.
        """
        name, bare = element.name, element.name.casefold()
        if not is_row and bare in _HTML and not element.children and _OF_HTML.issuperset(element.attributes):
            around = "\n" if bare in _LINES else " " if bare in _CELLS else ""
            self.texts += [around, *element.texts, around]
            self._has_html = True
            return
        value = element._value(counts)
        if is_row and bare in _AROUND and isinstance(value, dict):
            for name, part in value.items():
                self._put(name, part, is_list=False)
        else:
            self._put(name, value, is_list=bool(element._label_name()) and value is not None)

    def _put(self, name: str, value: Any, is_list: bool) -> None:
        if name not in self.children:
            self.children[name] = [value] if is_list else value
        elif isinstance(self.children[name], list):
            self.children[name] += value if isinstance(value, list) else [value]
        else:
            self.children[name] = [self.children[name], value]

    def row(self) -> Row:
        """The element as a row."""
        filled = {name: value for name, value in self._own_children().items() if value is not None}
        return {**{name: text for name, text in self.attributes.items() if text.strip()}, **filled}

    def _value(self, counts: Counter[str]) -> Any:
        """The text, with its name if it is a label; else the children, else the attributes."""
        text, label = self._text(), self._label_name()
        is_image = self.name.casefold() in _IMAGES
        taken = {*_UNITS, *_CODES, *_LANGUAGES, *(_NAMES if label else ())}
        if self.children and not text:
            self._count_left_out(counts, taken)
            is_pair = label and not _VALUES.isdisjoint(map(str.casefold, self.children))
            return {"name": label, **self._own_children()} if is_pair else self._listed() or self._own_children()
        if not text:  # <attribute name="Fit" value="Slim"/>, <image url="..."/>
            names = ("value", "url", "src", "href") if is_image else ("value",)
            text = next((self._plain[name] for name in names if name in self._plain), "")
            taken.update(names)
        if not text and not self.children:
            return dict(self.attributes) if self.attributes and not label else None
        self._count_left_out(counts, taken)
        text = "\n".join([text, *_texts_of(list(self.children.values()))]).strip()
        unit, code, language = self._of(_UNITS), self._of(_CODES), self._of(_LANGUAGES)
        units = {"unit": unit} if unit else {"unitCode": code} if code else {}
        if label or units:
            return {**({"name": label} if label else {}), "value": text, **units}
        return {"lang": language, "value": text} if language else text

    def _count_left_out(self, counts: Counter[str], taken: set[str]) -> None:
        for name in self.attributes:
            text = self._plain.get(name.casefold())
            if text and text not in _OF_TEXTS and name.casefold() not in (*taken, *_OF_FEEDS):
                counts[f"{LEFT_OUT} {name} of {self.name}"] += 1

    def _text(self) -> str:
        text = "".join(self.texts).strip()
        return (
            "\n".join(" ".join(line.split()) for line in text.split("\n") if line.strip()) if self._has_html else text
        )

    def _of(self, names: tuple[str, ...]) -> str | None:
        return next((self._plain[name] for name in names if name in self._plain), None)

    def _label_name(self) -> str | None:
        """The name of the label, if the element is one; else None."""
        return self._of(_NAMES) if self.name.casefold() in _LABELS else None

    def _own_children(self) -> Row:
        """The children; a text in a single language without its language."""
        return {name: _without_language(value) for name, value in self.children.items()}

    def _listed(self) -> list[Any]:
        """The items, if the element's name says that it is a list; else empty."""
        ((name, found), *others) = self.children.items()
        singular = name.casefold()
        plurals = (f"{singular}s", f"{singular}es", f"{singular[:-1]}ies")
        is_of_labels = isinstance(found, list) and all(isinstance(one, dict) and "name" in one for one in found)
        is_list = singular == _ITEM or self.name.casefold().endswith(plurals)
        if others or not (is_list or (singular in _LABELS and is_of_labels)):
            return []
        return [one for one in (found if isinstance(found, list) else [found]) if one is not None]


def _without_language(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) and value.keys() == {"lang", "value"} else value


def _texts_of(values: list[Any]) -> list[str]:
    """The texts of elements within another element's text."""
    found: list[str] = []
    for value in values:
        if isinstance(value, (list, dict)):
            found += _texts_of(list(value.values()) if isinstance(value, dict) else value)
        elif value is not None:
            found.append(str(value))
    return found
