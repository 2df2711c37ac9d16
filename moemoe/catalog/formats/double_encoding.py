"""Repairs UTF-8 text that a program read as Windows-1252 and saved again: "grÃ¶ÃŸer" becomes "größer".

Each byte of a character became a character: an accented letter, then symbols. Text that people may write in this way
stays: "LÃ™", "CAFÉ®", "10 Å–20 Å", and a blank and a quote after an é ("café »"). So a repaired accented letter must be
beside other letters, and one of another script beside more of it; a doubtful one is repaired if its text has others
that are certain. "Ã?Â?Ã?Â·", where a program wrote "?" for most of the bytes, cannot be repaired.
"""

import re
import unicodedata
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from moemoe.contract.cell_text import bytes_and_ends

UNDONE = "characters of misread UTF-8 (grÃ¶ÃŸer), repaired (größer)"
LOST = "lines or cells with misread UTF-8 that cannot be repaired (Ã?Â?), unchanged"
#: Most repeated misreadings of one text; up to five were seen.
_MOST_TIMES = 8


def _spelling(byte: int) -> str:
    """A byte as a Windows-1252 character; the five that it lacks as Latin-1."""
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


_BYTES = {chr(byte): byte for byte in range(0x80, 0x100)} | {_spelling(byte): byte for byte in range(0x80, 0x100)}
_BEHIND = re.escape("".join(one for one, byte in _BYTES.items() if byte < 0xC0))
_CHARACTER = re.compile(f"[Â-ß][{_BEHIND}]|[à-ï][{_BEHIND}]{{2}}|[ð-ô][{_BEHIND}]{{3}}")
_RUN = re.compile(f"(?:{_CHARACTER.pattern})+")
#: Characters whose last byte became a blank (after a capital letter the first may end a word, "LÃ", or be part of an
#: alphabet, "Ă Â B"), and a quote in which ? or U+FFFD replaced the byte that Windows-1252 lacks.
_LAST_BYTE = re.compile(r"(?<![A-ZÀ-Þ?])(?<![A-ZÀ-ÞĀ-ɏ] )(?:Â |Ã  )|â€[?\ufffd]")
_WITH_LAST_BYTE = {"Â ": "\u00a0", "Ã  ": "à ", "â€?": "”", "â€\ufffd": "”"}
_BEGIN = re.compile(f"[Â-ô][{_BEHIND}]|{_LAST_BYTE.pattern}")  # found seven times as fast
#: Bytes whose second one became "?": in a row, and beside a run.
_LOST = re.compile(r"[ÂÃ]\?+[Â-ï]")
_LOST_BEFORE, _LOST_BEHIND = re.compile(r"[Â-ï]\?+\Z"), re.compile(r"[Â-ï]\?")
#: The same in UTF-8, roughly: the letter, and the first byte of the symbols.
_IN_UTF_8 = re.compile(rb"\xc3(?:[\x82-\xb4][\xc2\xc5\xc6\xcb\xe2]|[\x82\x83][ ?])")
#: Characters that may also follow a word in capitals: dashes, quotes, marks.
_TYPOGRAPHIC = frozenset("–—‘’‚“”„‹›«»…•™®°·±\u00a0")
#: Bytes that Windows-1252 lacks, as they appear in a text that was misread twice.
_CONTROLS = frozenset("\x81\x8d\x8f\x90\x9d")
_TIMES = frozenset("×÷")
#: Latin letters beyond the first blocks that Romanian and Vietnamese need.
_FURTHER_LATIN = frozenset("ȘșȚțƠơƯư")
_SURE, _DOUBTFUL, _NONE = 2, 1, 0


def may_have_some(text: bytes | memoryview) -> bool:
    """Whether UTF-8 text has two consecutive characters that may be a misread one; a fast check, rarely true."""
    return _IN_UTF_8.search(text) is not None


def undo(text: str) -> tuple[str, int]:
    """The repaired text, and the number of repaired characters."""
    number = 0
    for _ in range(_MOST_TIMES):
        if text.isascii() or not _BEGIN.search(text):
            break
        text, ended = _LAST_BYTE.subn(lambda found: _WITH_LAST_BYTE[found[0]], text)
        number += ended
        runs = [(found, *_meant(found)) for found in _RUN.finditer(text)]
        if _SURE not in (doubt for *_, doubt in runs):
            break
        parts, at = [], 0
        for found, meant, doubt in runs:
            if doubt:
                parts += [text[at : found.start()], meant.replace("\ufeff", "")]  # without byte order marks
                at = found.end()
                number += len(meant)
        text = "".join([*parts, text[at:]])
    return text, number


def _meant(found: re.Match[str]) -> tuple[str, int]:
    """The original of a run of such characters, and whether that is certain, doubtful or wrong."""
    run, text = found[0], found.string
    before, behind = text[: found.start()][-1:], text[found.end() : found.end() + 1]
    is_rest = before == "?" and _LOST_BEFORE.search(text, max(found.start() - 9, 0), found.start())
    if is_rest or _LOST_BEHIND.match(text, found.end()):
        return run, _NONE
    try:
        meant = bytes(_BYTES[one] for one in run).decode()
    except UnicodeDecodeError:
        return run, _NONE
    spelled = _CHARACTER.findall(run)
    kinds = [_kind(one, spelling) for one, spelling in zip(meant, spelled, strict=True)]
    if None in kinds:
        return run, _NONE
    if "sign" in kinds:
        return meant, _SURE
    if "other script" in kinds:
        return (meant, _SURE) if len(meant) > 1 else (run, _NONE)
    if meant in _TIMES:
        return meant, _DOUBTFUL if before.isalpha() else _SURE
    in_word = len(meant) > 1 or before.isalpha() or behind.isalpha() or run[0] == "Ã"
    ends_word = spelled[-1][-1] in _TYPOGRAPHIC and not behind.isalpha()
    return meant, _SURE if in_word and not ends_word else _DOUBTFUL


def _kind(character: str, spelled: str) -> str | None:
    """The kind of a repaired character: in a Latin word, of another script, or a sign; None if it is implausible."""
    code = ord(character)
    if character in _CONTROLS:
        return "Latin"
    if unicodedata.category(character) in ("Cn", "Co", "Cc", "Zl", "Zp") or character == "\ufffd":
        return None
    if code < 0xC0 or code > 0xFFFF:
        return "sign"
    if code < 0x180 or 0x300 <= code < 0x370 or 0x1E00 <= code < 0x1F00 or character in _FURTHER_LATIN:
        return "Latin"
    is_sign = 0x2000 <= code < 0x2C00 or code >= 0xFB00
    return "sign" if is_sign and spelled[1] != "\u00a0" else "other script"


def undo_in(value: Any, counts: Counter[str]) -> Any:
    """Repairs a text, or a list or mapping of texts; counts the repaired characters."""
    if isinstance(value, str):
        if value.isascii():
            return value
        text, number = undo(value)
        if number:
            counts[UNDONE] += number
        if _LOST.search(text):
            counts[LOST] += 1
        return text
    if isinstance(value, list):
        return [undo_in(part, counts) for part in value]
    if isinstance(value, dict):
        return {undo_in(key, counts): undo_in(part, counts) for key, part in value.items()}
    return value


def undo_in_array(array: pa.Array, counts: Counter[str]) -> pa.Array:
    """Applies ``undo_in`` to an array of texts, or of lists, structs or maps of them."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray) or not _may_have_some(array):
        return array
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(array.indices, undo_in_array(array.dictionary, counts))
    if not pa.types.is_nested(kind):
        return _undo_in_texts(array, counts)
    array = array.take(np.arange(len(array)))  # without the rest of the array that this may be a slice of
    if pa.types.is_struct(kind):
        parts = [undo_in_array(part, counts) for part in array.flatten()]
        return pa.StructArray.from_arrays(parts, fields=list(kind), mask=array.is_null())
    if pa.types.is_map(kind):
        keys, items = (undo_in_array(part, counts) for part in (array.keys, array.items))
        return pa.MapArray.from_arrays(array.offsets, keys, items, type=kind, mask=array.is_null())
    made = pa.LargeListArray if pa.types.is_large_list(kind) else pa.ListArray
    return made.from_arrays(array.offsets, undo_in_array(array.values, counts), type=kind, mask=array.is_null())


def _undo_in_texts(texts: pa.Array, counts: Counter[str]) -> pa.Array:
    plain = texts.cast(pa.large_string()) if pa.types.is_string_view(texts.type) else texts
    data, ends = bytes_and_ends(plain)
    at = [found.start() for found in _IN_UTF_8.finditer(data)]
    doubtful = np.zeros(len(plain), bool)
    doubtful[np.searchsorted(ends, at, side="right")] = True
    meant = [undo_in(text, counts) for text in plain.filter(doubtful).to_pylist()]
    return pc.replace_with_mask(plain, doubtful, pa.array(meant, plain.type)).cast(texts.type)


def _may_have_some(array: pa.Array) -> bool:
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        return False
    if pa.types.is_dictionary(kind):
        return _may_have_some(array.dictionary)
    if pa.types.is_struct(kind):
        return any(map(_may_have_some, array.flatten()))
    if pa.types.is_map(kind):  # its children are those of the whole array that this may be a slice of
        start, end = array.offsets[0].as_py(), array.offsets[-1].as_py()
        return any(_may_have_some(part.slice(start, end - start)) for part in (array.keys, array.items))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _may_have_some(array.flatten())
    if pa.types.is_string_view(kind):
        array = array.cast(pa.string())
    elif not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return False
    return may_have_some(bytes_and_ends(array)[0])
