"""Normalizes raw keys and labels for comparison, and compiles the rules' patterns that search them."""

import html
import re
import unicodedata
from functools import lru_cache
from typing import Any

from moemoe.contract.cell_text import without_invisible
from moemoe.words import with_one_i

#: Characters that files use for inches, for a dash or for degrees.
_INCHES = str.maketrans(dict.fromkeys("“”„‟″˝ˮ〃＂", '"'))
_SIGNS = str.maketrans({**dict.fromkeys("‐‑‒–—―−﹣－", "-"), "º": "°", "˚": "°", "⌀": " ", "Ø": " "})
_GROUPING = re.compile("(?<=\\d)[\u00a0\u2009\u202f](?=\\d{3}(?!\\d))")
#: After a digit: a fraction character, or a superscript, which is a power or a footnote's number.
_NOT_OF_THE_NUMBER = re.compile("(?<=\\d)(?=[¼-¾⅐-⅞²³¹⁰⁴-⁹])")
#: Circled numbers and numbers with a point, which NFKC would turn into digits of the number after them.
_ITEM = re.compile("[①-⒛⓪-⓿❶-➓㉑-㉟㊱-㊿]")
_SPACES = re.compile(r"[\s_\-\u2010-\u2015]+")
_EDGES = " .,;:!?\"'`*|"
#: Characters that files use for an apostrophe: typographic quotes, primes, accents, the full-width form.
_APOSTROPHES = str.maketrans(dict.fromkeys("‘’‚‛❛❜ʹʻʼʽʾʿˈˊˋ′‵´΄՚׳ꞌ`＇｀", "'"))
#: A typographic apostrophe garbled by Windows-1252.
_BROKEN_APOSTROPHE = re.compile("â€[™˜]")
#: An integer from a column of doubles: 2.0. For a longer text ("2.0 l") the rules decide.
_WHOLE_NUMBER = re.compile(r"(\d+)\.0+")
_REPEATED = re.compile(r" #\d+$")
_BREAK = re.compile(r"<\s*/?\s*(?:br|li|ul|ol|p|div|tr|td)\b[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_NUMBER = r"\(?(?<!\d)\d++(?:[.,]\d++)?"
_SHARE = re.compile(rf"^{_NUMBER}\s*%\)?\s*(?=\D)|(?:(?<!\s)\s++)?{_NUMBER}\s*+%\)?$")


@lru_cache(256)  # a label is normalized whole, then by lines, parts and clauses, which are often the same text
def normalize_text(text: str) -> str:
    """``text`` normalized for comparison: NFKC, HTML entities resolved, no case, hyphens and white space as one blank.

    All kinds of apostrophes become one, and so do the four Turkish letters i ("KIRMIZI" is "kırmızı"); invisible
    characters and the Arabic tatweel are removed; 2.0 becomes 2. On normalized Latin text a rule may safely use RE2's
    ASCII-only ``\\s`` and ``\\b``.
    """
    text = fold_case(_in_one_spelling(text))
    whole = _WHOLE_NUMBER.fullmatch(text)
    return whole[1] if whole else text


def _in_one_spelling(text: str) -> str:
    text = _BROKEN_APOSTROPHE.sub("'", without_invisible(html.unescape(text)))
    text = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).replace("\u0640", "")
    return _SPACES.sub(" ", text).strip(_EDGES)


def fold_case(text: str) -> str:
    """``text`` without case. Turkish has i with and without a dot in both cases, and files mix them up: all are i."""
    return with_one_i(text.casefold())


def normalize_key(key: str) -> str:
    """A raw key normalized for comparison, without the number that some catalogs give a repeated key ("Color #2")."""
    return _REPEATED.sub("", normalize_text(key))


def key_name(key: str) -> str:
    """An attribute's name from a raw key: in lower case, with its letters unchanged ("größe")."""
    return _REPEATED.sub("", _in_one_spelling(key).lower().replace("i\u0307", "i"))


def plain_label(raw: str) -> str:
    """``raw`` without HTML entities and tags, with a line break for each tag that breaks the line."""
    if "<" not in raw and "&" not in raw:
        return " ".join(raw.split())
    text = html.unescape(raw)
    text = html.unescape(text)  # a second time, for texts escaped twice: "&amp;amp;"
    return _TAG.sub(" ", _BREAK.sub("\n", " ".join(text.split())))


def without_share(part: str) -> str:
    """``part`` without the percentage before or after it: "50% Acrylic", "Cotton (60%)"."""
    return _SHARE.sub("", part).strip() or part


def plain_measure(text: str) -> str:
    """Normalizes numbers and units in ``text``: NFKC, quotes as ' and ", dashes as -, fractions as 1/2, ASCII digits.

    A no-break space that groups digits is removed.
    """
    text = without_invisible(html.unescape(text)).translate(_INCHES).translate(_APOSTROPHES).replace("''", '"')
    text = _GROUPING.sub("", _ITEM.sub("; ", text).replace('\\"', '"').translate(_SIGNS))
    text = unicodedata.normalize("NFKC", _NOT_OF_THE_NUMBER.sub(" ", text)).replace("\u2044", "/")
    if not text.isascii():
        text = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)
    return " ".join(text.split())


def compile_rule(pattern: str) -> Any:
    """Compiles an RE2 pattern for normalized text, ignoring case and which Turkish i is used.

    Raises:
        re2.error: RE2 rejects the pattern.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    options.never_capture = True  # else split would also return the groups' matches
    return re2.compile(with_one_i(pattern), options)
