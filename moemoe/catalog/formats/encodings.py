"""Which encoding the lines of a file are in that are not UTF-8, by a sample of them; Windows-1252 if it is not sure.

A code of two bytes a character is taken if the sample can be decoded and reads as words of its language: its characters
are those that the code itself lists first, as the frequent ones, and some are frequent in catalogs. Misread western
texts become single rare characters between Latin letters. Cyrillic is known by words without a Latin letter, with
Russian's vowels. Windows-1250 and 1252 have letters at the same bytes, so that languages decide: one of 1250 must read
nearly all of them, and clearly more of them than every language of 1252 does.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Encoding:
    """An encoding as Python calls it, and as people do."""

    codec: str
    name: str


@dataclass(frozen=True)
class _TwoBytes:
    """A code of one or two bytes a character.

    Args:
        is_common: whether a character's bytes are where the code has the frequent characters of its language.
        frequent: characters that catalogs are full of.
        least: share of the letters that are frequent ones, at least. Half of them are in a text of its language.
    """

    encoding: Encoding
    is_common: Callable[[bytes], bool]
    frequent: frozenset[str]
    least: float


WINDOWS = Encoding("cp1252", "Windows-1252")
CYRILLIC, CENTRAL = Encoding("cp1251", "Windows-1251"), Encoding("cp1250", "Windows-1250")

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
#: Letters of a sample, and different ones among them, at least; and what share of them is common, and in words.
_LETTERS, _DISTINCT, _COMMON, _IN_WORDS = 8, 5, 0.85, 0.7
#: In Cyrillic an alphabet of 32 letters takes more of them to be known.
_CYRILLIC_LETTERS = 16
#: By how much more of the letters must be frequent in a code than in the next one.
_CLEARLY = 1.5
#: Of so many lines one may be damaged: exports cut long texts within a character.
_LINES_TO_ONE_DAMAGED = 20

_WORD = re.compile(r"[^\W\d_]{2,}")
_VOWELS, _RUSSIAN = frozenset("аеёиоуыэюяіїє"), frozenset("оеаинтрслвкмпдуі")

#: Languages in Windows-1250 -> the letters that are not ASCII.
_CENTRAL_LETTERS = {
    "Polish": "ąćęłńóśźż",
    "Czech": "áčďéěíňóřšťúůýž",
    "Slovak": "áäčďéíĺľňóôŕšťúýž",
    "Hungarian": "áéíóöőúüű",
    "Croatian, Slovene": "čćđšž",
    "Romanian": "ăâîşţ",
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
#: What a person of the West has in a word; the rest in one speaks for Windows-1250, and so does Hungarian's letter.
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüÿœß")
_HUNGARIAN = "ő"
_CENTRAL_SHARE, _MORE_THAN_WESTERN, _LEAST_TELLING = 0.95, 0.1, 3


def find_encoding(lines: Sequence[bytes]) -> Encoding:
    """The encoding of lines that are not UTF-8."""
    found = _two_bytes(lines)
    if found is None and _is_cyrillic(_decoded(lines, CYRILLIC.codec)):
        found = CYRILLIC
    if found is None and _is_central(lines):
        found = CENTRAL
    return found or WINDOWS


def _decoded(lines: Sequence[bytes], codec: str) -> list[str]:
    """The lines but damaged ones, none if there are too many of these."""
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
    """What share of the letters is frequent in the code's language; 0 if the lines are not in the code."""
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
    # Half-width kana are Japanese too, but every text in Chinese or Korean can be read as such.
    half_width = {one for one in distinct if "\uff66" <= one <= "\uff9f"}
    numbers = [sum(letter in group for letter in letters) for group in (common, half_width, code.frequent)]
    if numbers[0] + numbers[1] < _COMMON * number or numbers[1] > numbers[0]:
        return 0.0
    share = numbers[2] / number
    return share if share >= code.least else 0.0


def _is_letter(character: str) -> bool:
    """Also what has no meaning in a code; full-width Latin letters say nothing of the language."""
    if character.isascii() or "\uff01" <= character <= "\uff5e":
        return False
    return character.isalpha() or unicodedata.category(character) in ("Co", "Cc", "Cn")


def _is_kana(code: bytes) -> bool:
    return b"\x82\x9f" <= code <= b"\x82\xf1" or b"\x83\x40" <= code <= b"\x83\x96"


def _is_cyrillic(texts: Sequence[str]) -> bool:
    """Whether letters that are not ASCII form words on their own, with Russian's frequent letters and vowels."""
    words = [word for text in texts for word in _WORD.findall(text) if not word.isascii()]
    pure = [word for word in words if not any(character.isascii() for character in word)]
    letters = "".join(pure).casefold()
    number = sum(not character.isascii() for word in words for character in word)
    cased = sum(len(word) for word in pure if word.islower() or word.isupper() or word.istitle())
    return (
        len(letters) >= _CYRILLIC_LETTERS
        and len(set(letters)) >= _DISTINCT
        and len(letters) >= 0.9 * number
        and cased >= 0.9 * len(letters)
        and 0.33 <= sum(letter in _VOWELS for letter in letters) / len(letters) <= 0.6
        and sum(letter in _RUSSIAN for letter in letters) >= 0.6 * len(letters)
    )


def _is_central(lines: Sequence[bytes]) -> bool:
    """Whether letters in words are those of one language in Windows-1250."""
    letters = [pair for text in _decoded(lines, CENTRAL.codec) for pair in _letters_in_words(text)]
    if len(letters) < _LETTERS:
        return False
    western = max(sum(there in own for _, there in letters) for own in _WESTERN_LETTERS.values())
    for own in _CENTRAL_LETTERS.values():
        read = [(here, there) for here, there in letters if here in own]
        telling = [here for here, there in read if there not in _WESTERN or here == _HUNGARIAN]
        if (
            len(read) >= _CENTRAL_SHARE * len(letters)
            and len(read) - western >= _MORE_THAN_WESTERN * len(letters)
            and len(telling) >= max(_LEAST_TELLING, _MORE_THAN_WESTERN * len(letters))
            and (len(set(telling)) > 1 or _HUNGARIAN in telling)  # Škoda alone is a brand
            and len(set(read)) >= _DISTINCT - 1
        ):
            return True
    return False


def _letters_in_words(text: str) -> list[tuple[str, str]]:
    """Each letter beside a letter, as Windows-1250 and as Windows-1252 have it: "³" behind "m" is no letter there."""
    found = []
    for at, character in enumerate(text):
        if character.isascii() or not character.isalpha():
            continue
        there = character.encode(CENTRAL.codec).decode(WINDOWS.codec, "replace")
        beside = [text[at - 1 : at].isalpha(), text[at + 1 : at + 2].isalpha()]
        is_sign = not there.isalpha() or there in "ªºµ"
        if all(beside) if is_sign else any(beside):
            found.append((character.casefold(), there.casefold()))
    return found
