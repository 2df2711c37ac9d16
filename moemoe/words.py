"""Splits text of any script into words: for TF-IDF, for finding values in texts, for a tokenizer's pre-tokenization.

Python's ``\\w`` takes the vowel signs of Devanagari, Tamil and similar scripts for gaps ("कुर्ता" falls into pieces),
and a whole Japanese, Chinese or Thai sentence for one word. Here a mark belongs to its letter, and in scripts without
blanks every letter is a word: TF-IDF's pairs of neighbouring letters then stand for the real words. A run of Katakana,
which spells loan words, is one word.
"""

import regex

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}々〆]"
_KATAKANA = r"[\p{Katakana}ー]"
_SPACED = rf"[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}--{_KATAKANA}]"
_JOINERS = "\u200c\u200d"  # within words of Indic scripts and of Persian
_WORD = regex.compile(
    rf"[{_SPACED}_][{_SPACED}_{_JOINERS}]*|{_UNSPACED}\p{{M}}*|{_KATAKANA}+", regex.VERSION1
)  # this version supports set differences


def words(text: str) -> list[str]:
    """The words of ``text`` in order; for Latin, Greek and Cyrillic text these are the matches of ``\\w+``."""
    return _WORD.findall(text)


def with_one_i(text: str) -> str:
    """``text`` in which Turkish i with and without a dot are the same letter up to case.

    Lower-casing alone turns "KIRMIZI" into "kirmizi", and "İPEK" into an i, a combining dot and "pek".
    """
    return text.replace("i\u0307", "i").replace("ı", "i").replace("İ", "i")


def whole(text: str, pattern: str) -> str:
    """``pattern``, which matches ``text``, restricted to whole words; a regular expression of version 1.

    Digits count as letters; an underscore is a gap. At an edge in a script without blanks any character may adjoin.
    The s of "men's" is not a word.
    """
    before, behind = edges(text)
    return f"{before}{pattern}{behind}"


def edges(text: str) -> tuple[str, str]:
    """What ``whole`` puts before and after a pattern for ``text``: the same for most texts of a script."""
    first, last = text[:1], text.rstrip(_JOINERS)[-1:]
    return (f"{_edge('<!', first)}(?<!['\u2019])", _edge("!", last)) if text else ("", "")


def _edge(look: str, letter: str) -> str:
    if regex.match(_UNSPACED, letter):
        return r"(?!\p{M})" if look == "!" else ""
    return f"(?{look}{_KATAKANA if regex.match(_KATAKANA, letter) else _SPACED})"
