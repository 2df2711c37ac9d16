"""Reads text files, plain or compressed, as lines: UTF-8, UTF-16, UTF-32, and Excel's legacy encodings."""

import io
import re
from collections import Counter, deque
from pathlib import Path

from moemoe.catalog.formats.double_encoding import may_have_some, undo_in
from moemoe.catalog.formats.encodings import WINDOWS, Encoding, find_encoding
from moemoe.catalog.formats.packed import PACKING_ERRORS, unpacked
from moemoe.errors import CatalogError, first_line

#: Largest JSON line or CSV record; an image of 32 MiB in base64 fits.
MAX_RECORD = 64 * 2**20
#: Exceptions for a damaged compressed file, or a text that ends within a character.
STREAM_ERRORS = (*PACKING_ERRORS, UnicodeDecodeError)

#: The first bytes of an Excel 97 workbook.
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

#: Position of the mark of tar archives.
_OF_TAR = slice(257, 262)
NOT_UTF_8 = "lines that are not UTF-8, read as {}"
#: Limits of the sample by which the encoding is found: non-UTF-8 lines, and characters.
_SAMPLED_LINES, _SAMPLED_SIZE = 200, 2**20
_NOT_ASCII, _ESCAPED = re.compile("[^\x00-\x7f]+"), re.compile("[\udc80-\udcff]+")
#: Image data and URLs, which are removed from sampled lines.
_LONG_ASCII = re.compile(rb"([\x00-\x7f])[\x00-\x7f]{62,}([\x00-\x7f])")
#: Surrogates of undecodable bytes -> their characters in Windows-1252.
_BYTES = {chr(0xDC00 + byte): bytes([byte]).decode("cp1252", "surrogateescape") for byte in range(0x80, 0x100)}
_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def open_bytes(partition: str, path: Path) -> io.BufferedReader:
    """The bytes of a file, plain or compressed, whatever its name.

    Raises:
        CatalogError: it is an old Excel workbook, a ZIP archive of several files, or (while reading) a zip bomb.
    """
    with open(path, "rb") as file:
        head = file.read(8)
    if head.startswith(OLD_EXCEL):
        raise CatalogError(f"{partition} is a workbook of Excel 97, whatever its name says; name it .xls")
    return io.BufferedReader(unpacked(partition, path) or io.FileIO(path), 2**18)


class TextFile:
    """A text file's lines; detects the encoding and repairs double encoding.

    Lines that are not UTF-8 are decoded with the one encoding that ``find_encoding`` finds from the first of them, and
    counted. A line that is not in it keeps its surrogates, so that its record is quarantined. In Windows-1252, which is
    also the fallback, single bytes are decoded, so that UTF-8 beside them stays; several consecutive bytes mean that
    the text is in neither.

    Args:
        partition: names the file in errors.
        newline: "" if a line may end in \\r alone, else "\\n", which is faster.

    Raises:
        CatalogError: the file cannot be read, or is a zip bomb.
    """

    def __init__(self, partition: str, path: Path, newline: str):
        self.partition = partition
        self.counts: Counter[str] = Counter()
        file = open_bytes(partition, path)
        try:
            head = file.peek(_OF_TAR.stop)
            encoding = _encoding(head[:64])
        except STREAM_ERRORS as error:
            file.close()
            raise self.damaged(error) from error
        if head[_OF_TAR] == b"ustar":
            file.close()
            raise CatalogError(f"{partition} is a tar archive, whatever its name says; unpack it and give its folder")
        errors = "surrogateescape" if encoding.startswith("utf-8") else "surrogatepass"
        self._text = io.TextIOWrapper(file, encoding, errors, newline)
        self._ahead: deque[str] = deque()  # lines that were sampled
        self._fallback = None if encoding.startswith("utf-8") else WINDOWS

    def readline(self) -> str:
        """The next line with its line break, empty after the last; byte order marks within joined files are dropped.

        Raises:
            CatalogError: the file is damaged, or has a line of more than ``MAX_RECORD``.
        """
        line = self._ahead.popleft() if self._ahead else self._next_line()
        if line.isascii():
            return line
        line = self._as_text(line.lstrip("\ufeff"))
        return undo_in(line, self.counts).lstrip("\ufeff") if may_have_some(line.encode("utf-8", "replace")) else line

    def _next_line(self) -> str:
        try:
            line = self._text.readline(MAX_RECORD + 1)
        except STREAM_ERRORS as error:
            raise self.damaged(error) from error
        if len(line) > MAX_RECORD:
            raise CatalogError(f"{self.partition} has a line of more than {MAX_RECORD >> 20} MiB; is it text in lines?")
        return line

    def _as_text(self, line: str) -> str:
        try:
            line.encode()
            return line
        except UnicodeEncodeError:
            pass
        if self._fallback is None:
            self._fallback = self._sampled(line)
        read = _read_as_windows(line) if self._fallback is WINDOWS else _read_as(line, self._fallback.codec)
        self.counts[NOT_UTF_8.format(self._fallback.name)] += read != line
        return read

    def _sampled(self, line: str) -> Encoding:
        """The encoding, from this line and further ones, which are kept for ``readline``."""
        sample, size = [_sample_of(line)], len(line)
        while size < _SAMPLED_SIZE and len(sample) < _SAMPLED_LINES and (line := self._next_line()):
            self._ahead.append(line)
            size += len(line)
            if not line.isascii() and _ESCAPED.search(line):
                sample.append(_sample_of(line))
        return find_encoding([one for one in sample if one])

    def damaged(self, error: BaseException) -> CatalogError:
        """The error for one of ``STREAM_ERRORS``."""
        return CatalogError(f"{self.partition} is damaged or cut short: {first_line(error)}")

    def close(self) -> None:
        """Closes the file."""
        self._text.close()


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    zeros = [head[i::4].count(0) * 4 > len(head) * 0.6 for i in range(4)]
    if sum(zeros) == 3:
        return "utf-32-le" if not zeros[0] else "utf-32-be"
    if (zeros[1] and zeros[3]) or (zeros[0] and zeros[2]):
        return "utf-16-le" if zeros[1] else "utf-16-be"
    return "utf-8"


def _is_mostly_utf_8(line: str) -> bool:
    """Whether most non-ASCII text is valid UTF-8: then the rest is damaged, or pasted from another file."""
    escaped = sum(map(len, _ESCAPED.findall(line)))
    return sum(map(len, _NOT_ASCII.findall(line))) > 2 * escaped


def _sample_of(line: str) -> bytes:
    """The bytes of a line for the sample; empty if the line is mostly UTF-8."""
    return b"" if _is_mostly_utf_8(line) else _LONG_ASCII.sub(rb"\1 \2", line.encode("utf-8", "surrogateescape"))


def _read_as(line: str, codec: str) -> str:
    """Decodes a line in another encoding, whose bytes may look like UTF-8 by chance; unchanged if that fails."""
    if _is_mostly_utf_8(line):
        return _ESCAPED.sub(lambda found: _decoded(found[0], codec), line)
    return _decoded(line, codec)


def _decoded(text: str, codec: str) -> str:
    try:
        return text.encode("utf-8", "surrogateescape").decode(codec)
    except UnicodeDecodeError:
        return text


def _read_as_windows(line: str) -> str:
    return _NOT_ASCII.sub(_windows, line)


def _windows(found: re.Match[str]) -> str:
    run = found[0]
    if len(run) > 3 and len(set(run)) > 1:  # words of non-ASCII letters: Cyrillic, Greek, Japanese ...
        return run
    return "".join(_BYTES.get(character, character) for character in run)
