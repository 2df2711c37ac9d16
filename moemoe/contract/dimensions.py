"""Picks one dimension from a label that states several: the width in "30 x 20 x 40 cm (W x D x H)".

A letter has a meaning only together with the others: D alone may be a diameter, L beside P is a width in French
(``largeur``), W32 L30 is a trouser size. If any part of a label is not understood, none of it is used. The legend may
also be in the label's raw key: "Maße (B x T x H)".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import regex

from moemoe.contract.text import normalize_text, plain_measure

#: Dimension -> the words that mean it, in any language; ambiguous words are left out: "largo" is long in Spanish and
#: wide in Italian.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "width": (
        *("width", "wide", "breadth", "Breite", "breit", "breedte", "bredd", "bredde", "largeur", "larghezza"),
        *("ancho", "anchura", "largura", "szerokość", "genişlik", "ширина", "幅", "横幅", "宽", "宽度", "寬", "너비"),
    ),
    "depth": (
        *("depth", "deep", "Tiefe", "tief", "diepte", "djup", "dybde", "profondeur", "profondità", "profundidad"),
        *("profundidade", "głębokość", "derinlik", "глубина", "奥行", "奥行き", "深", "深度", "깊이"),
    ),
    "height": (
        *("height", "high", "tall", "Höhe", "hoch", "hoogte", "höjd", "højde", "hauteur", "altezza", "altura", "alto"),
        *("wysokość", "yükseklik", "высота", "高さ", "高", "高度", "높이"),
    ),
    "length": (
        *("length", "long", "Länge", "lang", "lengte", "längd", "længde", "longueur", "lunghezza", "longitud"),
        *("comprimento", "długość", "uzunluk", "длина", "長さ", "長", "长", "长度", "길이"),
    ),
}
_MEANT = {normalize_text(word): dimension for dimension, words in _WORDS.items() for word in words}
_LETTERS = {"w": "width", "b": "width", "d": "depth", "t": "depth", "h": "height", "l": "length"}
#: The sets of letters that are understood, in any order: English, then German, Dutch and Scandinavian.
_SETS = frozenset(
    map(frozenset, (*("w", "h", "wh", "lw", "lwh", "wdh", "lwd", "lwdh"), *("bh", "lb", "lbh", "bth", "bdh", "lbth")))
)
#: Without a unit, these may also be trouser sizes.
_OF_TROUSERS = frozenset("lw")

#: Words that do not change the meaning of an attribute's name or of a label.
_BESIDE = (
    r"(?:items?|products?|overall|total|dimensions?|size|measure(?:s|ments?)|abmessungen|about|approx(?:imately)?|"
    r"circa|ca)"
)
_LEADING = regex.compile(rf"(?:{_BESIDE}(?![^\W_])[.:]?\s?)*+", regex.IGNORECASE)
#: Letters that must not adjoin a dimension's name; an x may, as it is a times sign.
_LETTER = r"[[\p{Latin}\p{Cyrillic}]--[xX]]"

_DIMENSION = "|".join(sorted((*map(regex.escape, _MEANT), "[wdhlbt]"), key=lambda word: -len(word)))
_NAME = rf"(?<!{_LETTER})(?:{_DIMENSION})(?!{_LETTER})"
_SIGN = "[x×*✕✖⨯╳/]"
#: A legend: "W x D x H".
_SEVERAL = rf"{_NAME}(?: ?{_SIGN} ?{_NAME})+"
_LEGEND = regex.compile(_SEVERAL, regex.IGNORECASE | regex.VERSION1)

#: The forms of a label, with one character per part: n for a number, u for a unit, a for a dimension's name.
_NAMED, _LAST = r"(?:(?P<name>a)|\((?P<name>a)\))", r"(?:(?P<last>u)|\((?P<last>u)\))?"
_NUMBER, _NAMES = "(?P<number>n)(?P<unit>u?)", "(?P<name>a)(?:x(?P<name>a))+"
_NUMBERS = f"{_NUMBER}(?:x{_NUMBER})+{_LAST}"
_FORMS = tuple(
    regex.compile(form)
    for form in (
        rf"{_NAMED}:?{_NUMBER}(?:[x,]?{_NAMED}:?{_NUMBER})*{_LAST}",  # W30 x D20 cm; width: 30 cm, depth: 20 cm
        rf"{_NUMBER}{_NAMED}(?:[x,]?{_NUMBER}{_NAMED})*{_LAST}",  # 30W x 20D cm
        rf"{_NUMBERS}[,:]?(?:{_NAMES}|\({_NAMES}{_LAST}\)){_LAST}",  # 30 x 20 cm (W x D)
        rf"(?:{_NAMES}|\({_NAMES}\)):?{_NUMBERS}",  # W x D: 30 x 20 cm
    )
)
_KINDS = {"number": "n", "name": "a", "unit": "u", "times": "x", "comma": ",", "colon": ":", "open": "(", "close": ")"}


def dimension_of(names: Iterable[str]) -> str | None:
    """The dimension that an attribute's ``names`` mean ("Item Width (cm)").

    None if they mean no dimension, or two. "Seat height" means none: a chair's H is not its seat height.
    """
    plain = (regex.sub(rf"\(.*?\)|\b{_BESIDE}\b", " ", normalize_text(name)) for name in names)
    found = {_MEANT[text] for text in map(normalize_text, plain) if text in _MEANT}
    return found.pop() if len(found) == 1 else None


def dimensions_in(key: str) -> list[str]:
    """The dimensions that the legend in a raw key names, e.g. "Size (W x D x H)"; empty without a legend."""
    found = _LEGEND.search(plain_measure(key))
    names = regex.split(rf" ?{_SIGN} ?", normalize_text(found[0]), flags=regex.VERSION1) if found else []
    return _meant(names, has_unit=True)


@dataclass(frozen=True)
class Legend:
    """What the numbers under a raw key measure: ``names`` ("W x D x H") and ``unit``, "" if the key has none."""

    names: str
    unit: str


class LabelledNumbers:
    """Finds which dimension each number of a label measures.

    Args:
        units: a pattern of the accepted units, without groups.
    """

    def __init__(self, units: str):
        self._units = units

    def legend_of(self, key: str) -> Legend | None:
        """The legend at the end of a raw key; None if there is none, or something else follows it."""
        found = self._key.search(plain_measure(key))
        return Legend(found["names"], found["unit"] or found["last"] or "") if found else None

    def behind(self, text: str, legend: Legend) -> str:
        """What the legend of a key adds to ``text``; "" if the text itself says what its numbers measure."""
        if self.names_several(text) or self.by_dimension(text):
            return ""
        has_unit = any(kind == _KINDS["unit"] for kind, _ in self._parts(text))
        return f" ({legend.names})" if has_unit else f" {legend.unit} ({legend.names})"

    def names_several(self, text: str) -> bool:
        """Whether ``text`` has a legend of several dimensions, understood or not."""
        return bool(_LEGEND.search(text))

    def by_dimension(self, text: str) -> dict[str, str]:
        """Dimension -> its number and unit, from a text normalized by ``plain_measure``; empty if a part is unclear."""
        parts = self._parts(text.strip(" ,;."))
        kinds = "".join(kind for kind, _ in parts)
        found = next(filter(None, (form.fullmatch(kinds) for form in _FORMS)), None)
        if not found:
            return {}
        names, numbers, units, lasts = (
            ["".join(part for _, part in parts[start:end]) for start, end in found.spans(group)]
            for group in ("name", "number", "unit", "last")
        )
        if lasts and any(units):
            return {}
        last = lasts[0] if lasts else units[-1]
        meant = _meant([normalize_text(name) for name in names], bool(last))
        if len(meant) != len(numbers) or len(lasts) > 1 or (any(units) and not last):
            return {}
        pairs = zip(numbers, units, strict=True)
        return {dimension: f"{number} {unit or last}" for dimension, (number, unit) in zip(meant, pairs, strict=True)}

    def _parts(self, text: str) -> list[tuple[str, str]]:
        """The parts of ``text`` with their kinds; empty if any part is unknown."""
        parts, end = [], _LEADING.match(text).end()  # type: ignore[union-attr]
        for match in self._part.finditer(text, end):
            if match.start() != end:
                return []
            end = match.end()
            if kind := match.lastgroup:
                parts.append((_KINDS[kind], match[kind]))
        return parts if end == len(text) else []

    @cached_property
    def _part(self) -> Any:
        return regex.compile(
            r"(?P<number>\d(?:[\d.,]*\d)?(?:[ -]\d{1,2}/\d{1,2}(?![\d/]))?)"
            rf"|(?P<name>{_NAME})"
            rf"|(?:-|(?<!\p{{L}})in )?(?P<unit>{self._units})\.?"
            rf"|(?P<times>{_SIGN}|by(?!\p{{L}}))"
            r"|(?P<comma>[,;|&][ ,;|&]*)|(?P<colon>[:=])"
            r"|(?P<open>[(\[])|(?P<close>[)\]])|(?:approx|ca)\b\.?|\s",
            regex.IGNORECASE | regex.VERSION1,
        )

    @cached_property
    def _key(self) -> Any:
        """The end of a raw key: "(W x D x H)", "LxWxH in cm", "in cm (L x W x H)", "[W x D, mm]"."""
        before, behind = (
            rf"(?:[(\[] ?(?:in )?(?P<{name}>{self._units})\.? ?[)\]]|(?:in |{not_in})(?P<{name}>{self._units}))\.?"
            for name, not_in in (("unit", r"(?!in\b)"), ("last", ""))  # "Size in L x W" is German, or inches
        )
        return regex.compile(
            rf"(?<!{_SIGN} ?)(?:(?<!\p{{L}}){before}[ ,:]*)?[(\[]? ?(?P<names>{_SEVERAL})"
            rf"(?: ?[)\]]?,? ?{behind})? ?[)\]]?$",
            regex.IGNORECASE | regex.VERSION1,
        )


def _meant(names: list[str], has_unit: bool) -> list[str]:
    """The dimensions that ``names`` mean; empty if ambiguous."""
    letters = frozenset(names)
    if letters == _OF_TROUSERS and not has_unit:
        return []
    known = _LETTERS if letters in _SETS else _MEANT
    meant = [known[name] for name in names if name in known]
    return meant if len(set(meant)) == len(names) else []
