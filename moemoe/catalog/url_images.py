"""The images that were fetched from URLs: their bytes by content, and what became of each URL.

Under the folder lie ``bytes/ab/SHA-256`` and ``urls/ab/SHA-256 OF THE URL.json``, a file an image and one a URL: any
number of tasks may write at once, nothing of it is held in memory, and a kill loses nothing that was fetched. Each file
is written whole or not at all, the bytes before the URL's entry. They are not forced to the disk, which takes longer
than all else: what a machine that lost its power left empty is fetched again. Delete a URL's entry (or ``urls/``) to
have it fetched again.
"""

import hashlib
import json
import time
from typing import Any

from moemoe.catalog.images import ImageError, shown
from moemoe.errors import StorageError
from moemoe.storage import join, read_bytes, size_of, write_bytes

NOT_FETCHED = "image URL was not fetched"
#: A URL that is dead is asked again after this time.
DEAD_SECONDS = 24 * 3600


class UrlImages:
    """What is known of the images behind URLs, in a folder or on ``s3://``."""

    def __init__(self, folder: str):
        self.folder = folder

    @classmethod
    def under(cls, root: str) -> "UrlImages":
        """Those of all runs under a root."""
        return cls(join(root, "images"))

    def is_settled(self, url: str, since: float) -> bool:
        """Whether the URL need not be asked: its bytes are here, it was dead less than a day ago, or failed just now.

        Args:
            since: Unix time; what failed after it, for a reason that may pass, is not asked again.
        """
        entry = self._entry(url)
        if entry is None:
            return False
        if "sha256" in entry:
            return size_of(self._bytes_uri(entry["sha256"])) == entry["bytes"]  # a machine may have died while writing
        return bool(entry["asked"] > (time.time() - DEAD_SECONDS if entry["is_dead"] else since))

    def keep(self, url: str, data: bytes) -> None:
        """Keeps the bytes that a URL gave."""
        sha256 = hashlib.sha256(data).hexdigest()
        if size_of(self._bytes_uri(sha256)) != len(data):
            write_bytes(self._bytes_uri(sha256), data, lasting=False)
        self._write(url, {"sha256": sha256, "bytes": len(data)})

    def keep_failure(self, url: str, error: ImageError, is_dead: bool) -> None:
        """Keeps why a URL gave no image.

        Args:
            is_dead: whether this is the URL's own fault, so that it is not asked for a day.
        """
        self._write(url, {"reason": error.reason, "detail": error.detail, "is_dead": is_dead})

    def read(self, url: str) -> bytes:
        """The bytes that a URL gave.

        Raises:
            ImageError: it gave none, with the reason; or it was never asked.
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
