"""What a word is, in every script: for TF-IDF, for finding values in texts, for a tokenizer's first cut.

Python's ``\\w`` takes the vowel signs of Devanagari, Tamil and their like for gaps ("कुर्ता" falls into pieces), and
runs a Japanese, Chinese or Thai sentence together into one word. Here a mark belongs to its letter, and in scripts that
write no blanks every letter is a word of its own: the pairs that TF-IDF makes of neighbours stand for the words in
between. Katakana spells loan words, whose runs are words.
"""

import regex

_UNSPACED = r"[\p{Han}\p{Hiragana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}々〆]"
_KATAKANA = r"[\p{Katakana}ー]"
_SPACED = rf"[[\p{{L}}\p{{M}}\p{{N}}]--{_UNSPACED}--{_KATAKANA}]"
_JOINERS = "\u200c\u200d"  # inside of words of Indic scripts and of Persian
_WORD = regex.compile(
    rf"[{_SPACED}_][{_SPACED}_{_JOINERS}]*|{_UNSPACED}\p{{M}}*|{_KATAKANA}+", regex.VERSION1
)  # the version that knows differences of sets


def words(text: str) -> list[str]:
    """The words of ``text`` in order; of text in Latin, Greek, Cyrillic these are the matches of ``\\w+``."""
    return _WORD.findall(text)


def with_one_i(text: str) -> str:
    """``text`` whose letters i of Turkish, with a dot and without, are one up to case.

    Case alone makes "kirmizi" of "KIRMIZI", and of "İPEK" an i, a loose dot and "pek".
    """
    return text.replace("i\u0307", "i").replace("ı", "i").replace("İ", "i")


def whole(text: str, pattern: str) -> str:
    """``pattern`` for ``text``, a regular expression of version 1, where no word goes on before or behind it.

    Digits count as letters; an underscore is a gap. At an edge in a script without blanks anything may stand beside it.
    The s of "men's" is no word.
    """
    before, behind = edges(text)
    return f"{before}{pattern}{behind}"


def edges(text: str) -> tuple[str, str]:
    """What ``whole`` puts before and behind a pattern for ``text``: the same for most texts of a script."""
    first, last = text[:1], text.rstrip(_JOINERS)[-1:]
    return (f"{_edge('<!', first)}(?<!['\u2019])", _edge("!", last)) if text else ("", "")


def _edge(look: str, letter: str) -> str:
    if regex.match(_UNSPACED, letter):
        return r"(?!\p{M})" if look == "!" else ""
    return f"(?{look}{_KATAKANA if regex.match(_KATAKANA, letter) else _SPACED})"
