"""Unpacks compressed text files (.gz, .bz2, .xz, .zst, .zip), recognised by their first bytes, not their names."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from moemoe.errors import CatalogError

#: Endings of compressed files, after those of text files.
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zip")
#: Exceptions raised for damaged files.
PACKING_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)
#: Beyond this unpacked size, a file may be at most this many times as large as the bytes read. Catalogs compress 5 to
#: 50 times; gzip's maximum, which a bomb comes close to, is 1,032.
UNPACKED_FREELY, UNPACKED_TIMES = 256 * 2**20, 200
#: Entries that macOS adds to an archive.
_LEFT_OUT = ("__MACOSX/", ".")
#: Present in every workbook, which is a ZIP archive too.
_WORKBOOK = "[Content_Types].xml"


def unpacked(partition: str, path: Path) -> io.RawIOBase | None:
    """The unpacked bytes; None if the file is not compressed, or not a compressed text.

    Raises:
        CatalogError: a ZIP archive of several files or with a password; (while reading) a zip bomb.
    """
    packed = open(path, "rb")  # noqa: SIM115
    try:
        head = packed.read(_LONGEST_MARK)
        packed.seek(0)
        opener = next((opener for mark, opener in _OPENERS.items() if head.startswith(mark)), None)
        within = opener(partition, packed) if opener else None
    except BaseException:
        packed.close()
        raise
    if within is None:
        packed.close()
        return None
    return _Unpacked(partition, packed, within)


class _Unpacked(io.RawIOBase):
    """The unpacked bytes; a zip bomb raises an error before it fills disk or memory."""

    def __init__(self, partition: str, packed: BinaryIO, file: Any):
        self._partition, self._packed, self._file = partition, packed, file
        self._size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        number = self._file.readinto(buffer)
        self._size += number
        if self._size > max(UNPACKED_FREELY, UNPACKED_TIMES * self._packed.tell()):
            raise CatalogError(
                f"{self._partition} unpacks to more than {UNPACKED_TIMES} times its size, unlike any catalog (a zip "
                "bomb?); unpack it and look"
            )
        return number

    def close(self) -> None:
        self._file.close()
        self._packed.close()
        super().close()


def _only_file(partition: str, packed: BinaryIO) -> Any:
    """The only file of a ZIP archive; None if it is a workbook or not an archive."""
    try:
        archive = zipfile.ZipFile(packed)
    except zipfile.BadZipFile:
        return None
    names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
    names = [name for name in names if not name.startswith(_LEFT_OUT)]
    if _WORKBOOK in names:
        return None
    if len(names) != 1:
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        raise CatalogError(
            f"{partition} is a ZIP archive of {len(names)} files ({shown}); allowed is one; unpack it and "
            "give its folder"
        )
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError, *PACKING_ERRORS) as error:
        raise CatalogError(f"{partition} is damaged or has a password ({error}); unpack it first") from error


_OPENERS: dict[bytes, Callable[[str, BinaryIO], Any]] = {
    b"\x1f\x8b": lambda _, packed: gzip.GzipFile(fileobj=packed),
    b"BZh": lambda _, packed: bz2.BZ2File(packed),
    b"\xfd7zXZ\0": lambda _, packed: lzma.LZMAFile(packed),  # noqa: SIM115
    b"\x28\xb5\x2f\xfd": lambda _, packed: pa.CompressedInputStream(packed, "zstd"),
    b"PK\x03\x04": _only_file,
}
_LONGEST_MARK = max(map(len, _OPENERS))
