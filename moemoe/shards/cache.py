"""A bounded local cache of files from S3: fetched when first needed, least recently used files deleted.

The processes of a machine share one folder. One process fetches a file while others that need it wait, under a lock
that is released if its process dies. A file gets its name only once it is complete and verified.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from moemoe.storage import download


class ShardCache:
    """See the module.

    Args:
        folder: on a local disk.
        max_bytes: files are deleted above this; an open file stays readable until it is closed.
    """

    def __init__(self, folder: str | Path, max_bytes: int):
        self._folder, self._max_bytes = Path(folder), max_bytes

    def open(self, uri: str, sha256: str | None) -> pa.MemoryMappedFile:
        """The file at ``uri``, memory-mapped.

        Raises:
            StorageError: it is gone, or every downloaded copy's checksum differs from ``sha256`` (hex).
        """
        path = self._folder / uri.rsplit("/", 1)[1]
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._locked(path.name):
            if not path.exists():
                download(uri, path, sha256)
            file = pa.memory_map(str(path))
            os.utime(path)
        self._evict(path.name)
        return file

    def _evict(self, but: str) -> None:
        files = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # another process deleted it
                    if not entry.name.startswith("."):
                        files.append((entry.stat().st_mtime_ns, entry.name, entry.stat().st_size))
        excess = sum(size for _, _, size in files) - self._max_bytes
        for _, name, size in sorted(files):
            if excess <= 0:
                break
            if name != but:
                with self._locked(name), contextlib.suppress(FileNotFoundError):
                    os.unlink(self._folder / name)
                excess -= size

    @contextlib.contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        with open(self._folder / f".{name}.lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
