"""Text files, plain or .gz -> lines: UTF-8 with or without mark, UTF-16, UTF-32, and Windows-1252 byte by byte."""

import gzip
import io
import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from moemoe.errors import CatalogError

#: One JSON line or CSV record at most; an image of 32 MiB in base64 fits.
MAX_RECORD = 64 * 2**20
#: What a damaged .gz raises, and a text that ends within a character.
STREAM_ERRORS = (OSError, EOFError, zlib.error, UnicodeDecodeError)
#: A .gz that has unpacked to so many bytes may not be more than so many times as large as what was read of it. Catalogs
#: pack 5 to 50 times; gzip's limit, which a bomb comes close to, is 1,032.
UNPACKED_FREELY, UNPACKED_TIMES = 256 * 2**20, 200

#: How files begin.
OLD_EXCEL, _GZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x1f\x8b"

WINDOWS = "lines that are not UTF-8, read as Windows-1252"
_NOT_ASCII = re.compile("[^\x00-\x7f]+")
#: Bytes that are not UTF-8, as they come -> what they are in Windows-1252.
_BYTES = {chr(0xDC00 + byte): bytes([byte]).decode("cp1252", "surrogateescape") for byte in range(0x80, 0x100)}
_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


class _Unpacked(io.RawIOBase):
    """The bytes of a .gz; a zip bomb is an error before it has filled disk or memory."""

    def __init__(self, partition: str, path: Path):
        self._partition = partition
        self._packed = open(path, "rb")  # noqa: SIM115
        self._file = gzip.GzipFile(fileobj=self._packed)
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        number = self._file.readinto(buffer)
        self._size += number
        if self._size > max(UNPACKED_FREELY, UNPACKED_TIMES * self._packed.tell()):
            raise CatalogError(
                f"{self._partition} unpacks to more than {UNPACKED_TIMES} times its size, as no catalog does (a zip "
                "bomb?); unpack it and look"
            )
        return number

    def close(self) -> None:
        self._file.close()
        self._packed.close()
        super().close()


def open_bytes(partition: str, path: Path) -> io.BufferedReader:
    """The bytes of a file, plain or packed by gzip, whatever its name says.

    Raises:
        CatalogError: it is an old Excel workbook or (later) a zip bomb.
    """
    with open(path, "rb") as file:
        head = file.read(8)
    if head.startswith(OLD_EXCEL):
        raise CatalogError(f"{partition} is a workbook of Excel 97 (.xls), whatever its name says; save it as .xlsx")
    packed = head.startswith(_GZIP)
    return io.BufferedReader(_Unpacked(partition, path) if packed else io.FileIO(path), 2**18)


class TextFile:
    """A text file's lines; its encoding is found.

    Bytes that are not UTF-8 are read as Windows-1252, one by one, so that what is UTF-8 beside them stays; their lines
    are counted. Where several of them follow each other the text is in neither: it comes with surrogates, so that it
    costs the record and is named there.

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
            encoding = _encoding(file.peek(64)[:64])
        except STREAM_ERRORS as error:
            file.close()
            raise self.damaged(error) from error
        errors = "surrogateescape" if encoding.startswith("utf-8") else "surrogatepass"
        self._text = io.TextIOWrapper(file, encoding, errors, newline)

    def readline(self) -> str:
        """The next line with its end, empty after the last; marks within joined files are left out.

        Raises:
            CatalogError: the file is damaged, or has a line of more than ``MAX_RECORD``.
        """
        try:
            line = self._text.readline(MAX_RECORD + 1)
        except STREAM_ERRORS as error:
            raise self.damaged(error) from error
        if len(line) > MAX_RECORD:
            raise CatalogError(f"{self.partition} has a line of more than {MAX_RECORD >> 20} MiB; is it text in lines?")
        return line if line.isascii() else self._read_as_windows(line.lstrip("\ufeff"))

    def _read_as_windows(self, line: str) -> str:
        try:
            line.encode()
            return line
        except UnicodeEncodeError:
            pass
        mended = _NOT_ASCII.sub(_windows, line)
        self.counts[WINDOWS] += mended != line
        return mended

    def damaged(self, error: BaseException) -> CatalogError:
        """What to say of one of ``STREAM_ERRORS``."""
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


def _windows(found: re.Match[str]) -> str:
    run = found[0]
    if len(run) > 3 and len(set(run)) > 1:  # words in which every letter is one: Cyrillic, Greek, Japanese ...
        return run
    return "".join(_BYTES.get(character, character) for character in run)


def first_line(error: BaseException) -> str:
    """An error's text in one line."""
    text = str(error).strip()
    return text.splitlines()[0][:300] if text else type(error).__name__
