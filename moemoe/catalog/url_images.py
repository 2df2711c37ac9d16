"""The images fetched from URLs: their bytes by content hash, and a record of each URL's result.

The folder has ``bytes/ab/SHA-256`` and ``urls/ab/SHA-256 OF THE URL.json``, one file per image and one per URL: any
number of tasks may write concurrently, nothing is held in memory, and a kill loses nothing. Each file is written
atomically, the bytes before the URL's entry. Files are not synced to disk, which would take longer than everything
else: a file that is empty after a power failure is fetched again. Delete a URL's entry (or ``urls/``) to fetch it
again.
"""

import hashlib
import json
import time
from typing import Any

from moemoe.catalog.images import ImageError, shown
from moemoe.errors import StorageError
from moemoe.storage import join, read_bytes, size_of, write_bytes

NOT_FETCHED = "image URL was not fetched"
#: A dead URL is requested again after this time.
DEAD_SECONDS = 24 * 3600


class UrlImages:
    """The results of fetched image URLs, in a folder or on ``s3://``."""

    def __init__(self, folder: str):
        self.folder = folder

    @classmethod
    def under(cls, root: str) -> "UrlImages":
        """The results shared by all runs under a root."""
        return cls(join(root, "images"))

    def is_settled(self, url: str, since: float) -> bool:
        """Whether the URL need not be requested: its bytes are stored, it was dead within a day, or it just failed.

        Args:
            since: Unix time; temporary failures after it are not retried.
        """
        entry = self._entry(url)
        if entry is None:
            return False
        if "sha256" in entry:
            return size_of(self._bytes_uri(entry["sha256"])) == entry["bytes"]  # it may have been truncated by a crash
        return bool(entry["asked"] > (time.time() - DEAD_SECONDS if entry["is_dead"] else since))

    def keep(self, url: str, data: bytes) -> None:
        """Stores the bytes of a URL."""
        sha256 = hashlib.sha256(data).hexdigest()
        if size_of(self._bytes_uri(sha256)) != len(data):
            write_bytes(self._bytes_uri(sha256), data, lasting=False)
        self._write(url, {"sha256": sha256, "bytes": len(data)})

    def keep_failure(self, url: str, error: ImageError, is_dead: bool) -> None:
        """Stores the reason why a URL gave no image.

        Args:
            is_dead: whether the URL itself is at fault, so that it is not requested for a day.
        """
        self._write(url, {"reason": error.reason, "detail": error.detail, "is_dead": is_dead})

    def read(self, url: str) -> bytes:
        """Reads the bytes of a URL.

        Raises:
            ImageError: it gave no image, with the reason; or it was never requested.
        """
        entry = self._entry(url)
        if entry is None:
            raise ImageError(NOT_FETCHED, shown(url))
        if "sha256" not in entry:
            raise ImageError(entry["reason"], ": ".join(filter(None, [shown(url), entry["detail"]])))
        return read_bytes(self._bytes_uri(entry["sha256"]))

    def _bytes_uri(self, sha256: str) -> str:
        return join(self.folder, "bytes", sha256[:2], sha256)

    def _entry_uri(self, url: str) -> str:
        name = hashlib.sha256(url.encode("utf-8", "surrogatepass")).hexdigest()
        return join(self.folder, "urls", name[:2], f"{name}.json")

    def _entry(self, url: str) -> dict[str, Any] | None:
        try:
            return dict(json.loads(read_bytes(self._entry_uri(url))))
        except (StorageError, ValueError):
            return None

    def _write(self, url: str, entry: dict[str, Any]) -> None:
        text = json.dumps({"url": shown(url), "asked": time.time(), **entry})
        write_bytes(self._entry_uri(url), text.encode(), lasting=False)
