"""Writes local files atomically, complete or not at all, and removes the temporary files of killed writers."""

import contextlib
import os
import re
import secrets
import socket
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

#: A temporary file from another machine that is older than this is taken for a dead writer's.
LEFTOVER_SECONDS = 24 * 3600


def remove_leftovers(folder: str) -> None:
    """Removes temporary files that killed writers left in and below a folder; files being written are kept.

    On S3 there is nothing to remove: an incomplete upload leaves no object.
    """
    if folder.startswith("s3://"):
        return
    host = _host()
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            made_by = re.fullmatch(r"\..+\.([^.]+)\.(\d+)\.\w+", name)
            with contextlib.suppress(FileNotFoundError):
                if made_by and (
                    not _is_alive(int(made_by[2]))
                    if made_by[1] == host
                    else time.time() - os.stat(path).st_mtime > LEFTOVER_SECONDS
                ):
                    os.unlink(path)


@lru_cache
def _host() -> str:
    return socket.gethostname().split(".")[0]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[str]:
    """Yields a temporary file beside ``path``, which replaces ``path`` on success and is removed on failure."""
    descriptor, temporary = _beside(path)
    os.close(descriptor)
    with _taking_the_place(temporary, path):
        yield temporary


def replace_by(path: Path, data: memoryview, lasting: bool) -> None:
    """Writes bytes to ``path``, flushed to disk if ``lasting``; in few calls, as catalogs have millions of images."""
    descriptor, temporary = _beside(path)
    with _taking_the_place(temporary, path):
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            if lasting:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _beside(path: Path) -> tuple[int, str]:
    """A new file in the folder of ``path``: its descriptor and its name.

    Its permissions follow the umask; ``tempfile`` would make it readable only by its owner.
    """
    temporary = str(path.parent / f".{path.name}.{_host()}.{os.getpid()}.{secrets.token_hex(4)}")
    new = os.O_RDWR | os.O_CREAT | os.O_EXCL
    try:
        with contextlib.suppress(FileNotFoundError):  # the folder exists, except for its first file
            return os.open(temporary, new, 0o666), temporary
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(temporary, new, 0o666), temporary
    except OSError as error:
        error.filename = str(path)  # name the file that the user knows
        raise


@contextlib.contextmanager
def _taking_the_place(temporary: str, path: Path) -> Iterator[None]:
    try:
        yield
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
