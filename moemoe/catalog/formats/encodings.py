"""Detects the encoding of lines that are not UTF-8 from a sample of them; Windows-1252 if in doubt.

A two-byte code is chosen if it decodes the sample into words of its language: into characters that the code lists
first, as the frequent ones, some of them frequent in catalogs. Misread western texts become single rare characters
between Latin letters. Other scripts are recognised by words without a Latin letter (``scripts``). Windows-1250, 1254
and 1257 have letters at the same bytes as 1252, so languages decide: one must explain nearly all letters, and clearly
more of them than every language of the other encodings.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from moemoe.catalog.formats import scripts


@dataclass(frozen=True)
class Encoding:
    """An encoding with Python's name and a display name."""

    codec: str
    name: str


@dataclass(frozen=True)
class _TwoBytes:
    """A code with one or two bytes per character.

    Args:
        is_common: whether a character's bytes are in the code's range of frequent characters.
        frequent: characters that are frequent in catalogs.
        least: least share of frequent letters; in a text of its language it is about half.
    """

    encoding: Encoding
    is_common: Callable[[bytes], bool]
    frequent: frozenset[str]
    least: float


WINDOWS = Encoding("cp1252", "Windows-1252")
CENTRAL = Encoding("cp1250", "Windows-1250")
#: The same for scripts other than Latin; if several fit, none is chosen.
_SCRIPTS = (
    (Encoding("cp1251", "Windows-1251"), scripts.CYRILLIC),
    (Encoding("cp1253", "Windows-1253"), scripts.GREEK),
    (Encoding("cp1255", "Windows-1255"), scripts.HEBREW),
    (Encoding("cp1256", "Windows-1256"), scripts.ARABIC),
    (Encoding("cp874", "Windows-874"), scripts.THAI),
)

_HAN = (
    "的一是不了在人有我中大上和地到以要就出可也生能子下自之年作用行所家成方多法同面起定天分好小部主理心本前女男色黑白灰"
    "包衣鞋帽袖短身夏春秋冬新尺品牌套牛仔皮毛布厚薄高低"
)
_SIMPLIFIED = "这个来为国说时会对发后种长领纯红蓝绿装裙裤宽松连棉码质类名称号价格库存颜款编休闲修韩版运动婴儿"
_TRADITIONAL = "這個來為國說時會對發後種長領純紅藍綠裝裙褲寬鬆連棉碼質類名稱號價格庫存顏款編休閒修韓版運動嬰兒"
_KOREAN = (
    "이다는의에을를가은한고도로지기사인하자리어대시스아라일수정원나부만서보전주해제상게여과와장품셔츠면반팔긴남성색블랙화"
    "트레드니바피격명카테코즈운동신발용세티폴린"
)
_KANA = "".join(map(chr, (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB), 0x30FC)))

_TWO_BYTES = (
    _TwoBytes(
        Encoding("cp932", "Shift-JIS"),
        lambda code: b"\x88\x9f" <= code <= b"\x98\x72" or b"\x81\x58" <= code <= b"\x81\x5b" or _is_kana(code),
        frozenset(_KANA),
        0.2,
    ),
    _TwoBytes(
        Encoding("gb18030", "GB 18030 (GBK)"),
        lambda code: b"\xb0\xa1" <= code <= b"\xd7\xf9" and code[1] > 0xA0,
        frozenset(_HAN + _SIMPLIFIED),
        0.15,
    ),
    _TwoBytes(
        Encoding("cp950", "Big5"),
        lambda code: b"\xa4\x40" <= code <= b"\xc6\x7e",
        frozenset(_HAN + _TRADITIONAL),
        0.15,
    ),
    _TwoBytes(
        Encoding("cp949", "EUC-KR (cp949)"),
        lambda code: b"\xb0\xa1" <= code <= b"\xc8\xfe" and code[1] > 0xA0,
        frozenset(_KOREAN),
        0.2,
    ),
)
#: Least numbers of letters and of distinct letters in a sample, and least shares of common ones and of ones in words.
_LETTERS, _DISTINCT, _COMMON, _IN_WORDS = 8, 5, 0.85, 0.7
#: Margin by which the share of frequent letters must exceed that of the next code.
_CLEARLY = 1.5
#: One line in this many may be damaged: exports truncate long texts within a character.
_LINES_TO_ONE_DAMAGED = 20

#: Encoding -> its languages -> their non-ASCII letters; İ in lower case is an i with a combining dot.
_LETTERS_OF = {
    CENTRAL: {
        "Polish": "ąćęłńóśźż",
        "Czech": "áčďéěíňóřšťúůýž",
        "Slovak": "áäčďéíĺľňóôŕšťúýž",
        "Hungarian": "áéíóöőúüű",
        "Croatian, Slovene": "čćđšž",
        "Romanian": "ăâîşţ",
    },
    Encoding("cp1254", "Windows-1254"): {"Turkish": "çğıöşüâîû" + "İ".lower()},
    Encoding("cp1257", "Windows-1257"): {"Lithuanian": "ąčęėįšųūž", "Latvian": "āčēģīķļņšūž"},
    Encoding("mac_roman", "Mac Roman"): {
        "French": "àâçèéêëîïôùûœ",
        "German": "äöüßé",
        "Spanish": "áéíñóúü",
        "Portuguese": "áâãàçéêíóôõú",
        "Danish, Norwegian, Swedish": "æøåäöé",
    },
}
_WESTERN_LETTERS = {
    "French": "àâäçèéêëîïôöùûüÿœæ",
    "German": "äöüßé",
    "Spanish, Catalan": "áàçèéíïñòóúü",
    "Portuguese": "áâãàçéêíóôõúü",
    "Italian": "àèéìíîòóùú",
    "Danish, Norwegian": "æøåéäöü",
    "Swedish, Finnish": "åäöé",
    "Dutch": "áäèéëïíóöúü",
    "Icelandic": "áðéíóúýþæö",
    "Estonian": "äöõüšž",
}
#: Letters of western words; other letters in a word point to another encoding, and so does Hungarian's letter.
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœß")
_HUNGARIAN = "ő"
_READ_SHARE, _MORE_THAN_OTHERS, _LEAST_TELLING = 0.95, 0.1, 3


def find_encoding(lines: Sequence[bytes]) -> Encoding:
    """The encoding of lines that are not UTF-8."""
    found = _two_bytes(lines)
    if found is None:
        fitting = [encoding for encoding, script in _SCRIPTS if script.is_that_of(_decoded(lines, encoding.codec))]
        found = fitting[0] if len(fitting) == 1 else None
    return found or _latin(lines) or WINDOWS


def _decoded(lines: Sequence[bytes], codec: str) -> list[str]:
    """The decodable lines; none if too many are damaged."""
    texts, damaged = [], 0
    for line in lines:
        try:
            texts.append(line.decode(codec))
        except UnicodeDecodeError:
            damaged += 1
            if damaged * _LINES_TO_ONE_DAMAGED > len(lines):
                return []
    return texts


def _two_bytes(lines: Sequence[bytes]) -> Encoding | None:
    found = [(share, code) for code in _TWO_BYTES if (share := _frequent_share(lines, code))]
    found.sort(key=lambda one: -one[0])
    if not found or (len(found) > 1 and found[0][0] < _CLEARLY * found[1][0]):
        return None
    return found[0][1].encoding


def _frequent_share(lines: Sequence[bytes], code: _TwoBytes) -> float:
    """The share of letters that are frequent in the code's language; 0 if the lines are not in this code."""
    letters: list[str] = []
    in_words = 0
    for line in _decoded(lines, code.encoding.codec):
        is_letter = [_is_letter(character) for character in line]
        letters += [character for character, is_one in zip(line, is_letter, strict=True) if is_one]
        beside = zip(is_letter, [False, *is_letter], [*is_letter[1:], False], strict=False)
        in_words += sum(one and (left or right) for one, left, right in beside)
    number, distinct = len(letters), set(letters)
    if number < _LETTERS or len(distinct) < _DISTINCT or in_words < _IN_WORDS * number:
        return 0.0
    common = {one for one in distinct if code.is_common(one.encode(code.encoding.codec, "replace"))}
    # Half-width kana are Japanese too, but every Chinese or Korean text decodes into them.
    half_width = {one for one in distinct if "\uff66" <= one <= "\uff9f"}
    numbers = [sum(letter in group for letter in letters) for group in (common, half_width, code.frequent)]
    if numbers[0] + numbers[1] < _COMMON * number or numbers[1] > numbers[0]:
        return 0.0
    share = numbers[2] / number
    return share if share >= code.least else 0.0


def _is_letter(character: str) -> bool:
    """Whether a character counts as a letter: undefined ones do, full-width Latin letters do not."""
    if character.isascii() or "\uff01" <= character <= "\uff5e":
        return False
    return character.isalpha() or unicodedata.category(character) in ("Co", "Cc", "Cn")


def _is_kana(code: bytes) -> bool:
    return b"\x82\x9f" <= code <= b"\x82\xf1" or b"\x83\x40" <= code <= b"\x83\x96"


def _latin(lines: Sequence[bytes]) -> Encoding | None:
    """The encoding with a language that explains the letters in words better than every language of the others."""
    read = {code: _read_by(lines, code) for code in _LETTERS_OF}
    for code, (letters, languages) in read.items():
        others = [len(found) for other, (_, all_of) in read.items() if other != code for found in all_of]
        others += [sum(there in own for _, there in letters) for own in _WESTERN_LETTERS.values()]
        for found in languages:
            telling = [here for here, there in found if there not in _WESTERN or here == _HUNGARIAN]
            if (
                len(letters) >= _LETTERS
                and len(found) >= _READ_SHARE * len(letters)
                and len(found) - max(others) >= _MORE_THAN_OTHERS * len(letters)
                and len(telling) >= max(_LEAST_TELLING, _MORE_THAN_OTHERS * len(letters))
                and (len(set(telling)) > 1 or _HUNGARIAN in telling)  # Škoda alone is a brand
                and len(set(found)) >= _DISTINCT - 1
            ):
                return code
    return None


def _read_by(lines: Sequence[bytes], code: Encoding) -> tuple[list[tuple[str, str]], list[list[tuple[str, str]]]]:
    """The letters in words, and for each language of the encoding those that it has."""
    letters = [pair for text in _decoded(lines, code.codec) for pair in _letters_in_words(text, code)]
    return letters, [[pair for pair in letters if pair[0] in own] for own in _LETTERS_OF[code].values()]


def _letters_in_words(text: str, code: Encoding) -> list[tuple[str, str]]:
    """Each letter beside a letter, in the encoding and in Windows-1252, where "³" after "m" is not a letter."""
    found = []
    for at, character in enumerate(text):
        if character.isascii() or not character.isalpha():
            continue
        there = character.encode(code.codec).decode(WINDOWS.codec, "replace")
        beside = [text[at - 1 : at].isalpha(), text[at + 1 : at + 2].isalpha()]
        is_sign = not there.isalpha() or there in "ªºµ"
        if all(beside) if is_sign else any(beside):
            found.append((character.lower(), there.lower()))
    return found
