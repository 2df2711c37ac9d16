"""Recognises single-byte encodings of scripts other than Latin, by words written only in the script.

Misread western texts have single letters of the script between Latin ones. Texts in another of these encodings are
words too, but with letters that are rare in the language or misplaced: a vowel sign without its consonant, a final
form within a word.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

#: Letters, and combining marks.
_WORD = re.compile("(?:[^\\W\\d_]|[\u0591-\u05c7\u064b-\u0652\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])+")
#: Least numbers of letters and of distinct letters in a sample, for alphabets of 25 to 60 letters.
_LETTERS, _DISTINCT = 16, 6
#: Least share of letters in words of only the script, and of letters in an allowed position.
_PURE, _IN_PLACE = 0.9, 0.97


@dataclass(frozen=True)
class Script:
    """A script, described by its main language.

    Args:
        letters: all letters with marks, in lower case if the script has case.
        frequent: the most frequent letters; ``least`` is their least share.
        vowels: must be 33 to 60 % of the letters; "" if not all vowels are written.
        final: letters that only end words; ``not_final``: letters that never do.
        marks: allowed only after a letter that is not in ``leading``.
        leading: allowed only before a letter.
        has_case: words must be in lower case, upper case or capitalized.
    """

    letters: frozenset[str]
    frequent: frozenset[str]
    least: float
    vowels: frozenset[str] = frozenset()
    final: frozenset[str] = frozenset()
    not_final: frozenset[str] = frozenset()
    marks: frozenset[str] = frozenset()
    leading: frozenset[str] = frozenset()
    has_case: bool = False

    def is_that_of(self, texts: Sequence[str]) -> bool:
        """Whether texts consist of words of this script."""
        words = [word for text in texts for word in _WORD.findall(text) if not word.isascii()]
        pure = [word for word in words if len(word) > 1 and self.letters.issuperset(word.lower())]
        found = Counter("".join(pure).lower())
        number, all_letters = found.total(), sum(not one.isascii() for word in words for one in word)
        return (
            number >= _LETTERS
            and len(found) >= _DISTINCT
            and number >= _PURE * all_letters
            and sum(found[letter] for letter in self.frequent) >= self.least * number
            and (not self.vowels or 0.33 <= sum(found[letter] for letter in self.vowels) / number <= 0.6)
            and sum(map(self._in_place, pure)) >= _IN_PLACE * number
        )

    def _in_place(self, word: str) -> int:
        """The number of letters of a word in an allowed position."""
        if self.has_case and not (word.islower() or word.isupper() or word.istitle()):
            return 0
        plain, last = word.lower(), len(word) - 1
        return sum(
            not (
                (letter in self.final and at < last)
                or (letter in self.not_final and at == last)
                or (letter in self.marks and (not at or plain[at - 1] in self.leading))
                or (letter in self.leading and (at == last or plain[at + 1] in self.marks | self.leading))
            )
            for at, letter in enumerate(plain)
        )


def _of(first: int, last: int, without: str = "", further: str = "") -> frozenset[str]:
    return frozenset(map(chr, range(first, last + 1))) - frozenset(without) | frozenset(further)


CYRILLIC = Script(
    letters=_of(0x430, 0x45F, further="ґ"),
    frequent=frozenset("оеаинтрслвкмпдуі"),
    least=0.6,
    vowels=frozenset("аеёиоуыэюяіїє"),
    has_case=True,
)
GREEK = Script(
    letters=_of(0x3AC, 0x3CE, further="ΐ"),
    frequent=frozenset("αοιετσνηυρπκμλςά"),
    least=0.6,
    vowels=frozenset("αεηιουωάέήίόύώϊϋΐΰ"),
    final=frozenset("ς"),
    not_final=frozenset("σ"),
    has_case=True,
)
HEBREW = Script(
    letters=_of(0x5D0, 0x5EA) | _of(0x591, 0x5C7),
    frequent=frozenset("יוהלאתרבשמנדם"),
    least=0.6,
    final=frozenset("ךםןףץ"),
    not_final=frozenset("כמנפצ"),
)
ARABIC = Script(
    letters=_of(0x621, 0x652, further="پچژگکیٹڈڑںےہھ"),
    frequent=frozenset("اليمنرتبودسعهقفة"),
    least=0.6,
    final=frozenset("ةى"),
    marks=_of(0x64B, 0x652),
)
THAI = Script(
    letters=_of(0xE01, 0xE4E, without="\u0e3b\u0e3c\u0e3d\u0e3e\u0e3f"),
    frequent=frozenset("านรอกเงมยลวดทสตะปบหแคพไข") | _of(0xE34, 0xE39, further="\u0e31\u0e48\u0e49\u0e4c"),
    least=0.75,
    marks=_of(0xE34, 0xE3A) | _of(0xE47, 0xE4E, further="\u0e31"),
    leading=frozenset("เแโใไ"),
)
