"""Reads and writes files in a local folder or on ``s3://`` (boto3) alike, so that a run's root may be either.

Every write is atomic (``atomic_files``), and transient S3 errors are retried (``s3``).
"""

import contextlib
import errno
import fnmatch
import glob
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe import s3
from moemoe.atomic_files import replace_by, replacing
from moemoe.errors import ConfigError, StorageError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")


def is_s3(uri: str) -> bool:
    """Whether ``uri`` names an object or prefix on S3."""
    return uri.startswith("s3://")


def join(uri: str, *parts: str) -> str:
    """``uri`` extended by path ``parts``, local or S3."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def beside(uri: str, path: str) -> str:
    """The file at ``path`` relative to the folder of the file ``uri``; each leading ``../`` goes one folder up."""
    folder = absolute(uri).rpartition("/")[0]
    while path.startswith("../"):
        folder, path = folder.rpartition("/")[0], path.removeprefix("../")
    return join(folder, path)


def part_uri(folder: str, index: int) -> str:
    """The URI of part ``index`` of a table in several Parquet files."""
    return join(folder, f"{index:05d}.parquet")


def absolute(uri: str) -> str:
    """``uri`` unchanged on S3, else as an absolute path.

    Raises:
        ConfigError: it is empty, names no bucket, or is another kind of address, which cannot be a folder.
    """
    if not uri.strip() or (_ADDRESS.match(uri) and not is_s3(uri)) or (is_s3(uri) and not s3.bucket_and_key(uri)[0]):
        raise ConfigError(
            f"{uri!r} is not a place for files; allowed are a folder, s3://BUCKET, or a prefix in a bucket"
        )
    return uri if is_s3(uri) else str(Path(uri).expanduser().absolute())


def local_file(option: str, path: str) -> Path:
    """The file of an option that is written on this machine. Raises ConfigError where ``path`` is an address."""
    if _ADDRESS.match(path):
        raise ConfigError(f"{option} {path!r} is an address; allowed is a file on this machine")
    return Path(path)


def exists(uri: str) -> bool:
    """Whether a file (not a prefix) is at ``uri``."""
    return size_of(uri) is not None


def size_of(uri: str) -> int | None:
    """The size in bytes of the file at ``uri``, None if there is none.

    Raises:
        StorageError: S3 refuses access.
    """
    if not is_s3(uri):
        return os.path.getsize(uri) if os.path.isfile(uri) else None
    bucket, key = s3.bucket_and_key(uri)
    try:
        return s3.retrying(lambda: s3.client().head_object(Bucket=bucket, Key=key))["ContentLength"]
    except Exception as error:
        if s3.status(error) == 404:
            return None
        raise _storage_error("cannot read", uri, error) from error


def sizes(folder: str) -> dict[str, int]:
    """Name -> size in bytes of the files directly in ``folder``; empty if there is no such folder.

    Raises:
        StorageError: it cannot be listed.
    """
    try:
        if not is_s3(folder):
            with os.scandir(folder) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        bucket, prefix = s3.bucket_and_key(folder.rstrip("/") + "/")
        pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
        return {item["Key"][len(prefix) :]: item["Size"] for page in pages for item in page.get("Contents", [])}
    except FileNotFoundError:
        return {}
    except Exception as error:
        raise _storage_error("cannot list", folder, error) from error


def sizes_by_use(folder: str) -> list[tuple[str, int]]:
    """Name and size in bytes of the files directly in ``folder``, least recently used first.

    A local file's last use is when it was written or ``mark_used`` was called, an S3 object's when it was written.

    Raises:
        StorageError: the folder cannot be listed.
    """
    try:
        if not is_s3(folder):
            with os.scandir(folder) as entries:
                stats = [(entry.stat(), entry.name) for entry in entries if entry.is_file()]
            found = [(stat.st_mtime, name, stat.st_size) for stat, name in stats if not name.startswith(".")]
        else:
            bucket, prefix = s3.bucket_and_key(folder.rstrip("/") + "/")
            pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
            items = [item for page in pages for item in page.get("Contents", [])]
            found = [(item["LastModified"].timestamp(), item["Key"][len(prefix) :], item["Size"]) for item in items]
    except FileNotFoundError:
        return []
    except Exception as error:
        raise _storage_error("cannot list", folder, error) from error
    return [(name, size) for _, name, size in sorted(found)]


def mark_used(uri: str) -> None:
    """Records that a local file is in use now (``sizes_by_use``); does nothing on S3, or if the file is gone."""
    if not is_s3(uri):
        with contextlib.suppress(OSError):
            os.utime(uri)


def remove(uri: str) -> None:
    """Deletes the file at ``uri``; a missing file is not an error.

    Raises:
        StorageError: it cannot be deleted.
    """
    try:
        if is_s3(uri):
            bucket, key = s3.bucket_and_key(uri)
            s3.retrying(lambda: s3.client().delete_object(Bucket=bucket, Key=key))
        else:
            Path(uri).unlink(missing_ok=True)
    except Exception as error:
        raise _storage_error("cannot delete", uri, error) from error


def size(uri: str) -> int:
    """The size in bytes of the file at ``uri``. Raises StorageError if there is none or S3 refuses access."""
    found = size_of(uri)
    if found is None:
        raise StorageError(f"cannot read {uri}: no such file")
    return found


def read_bytes(uri: str) -> bytes:
    """The content of the file at ``uri``. Raises StorageError if there is none or S3 refuses access."""
    try:
        if not is_s3(uri):
            with open(uri, "rb") as file:
                return file.read()
        bucket, key = s3.bucket_and_key(uri)
        return s3.retrying(lambda: s3.client().get_object(Bucket=bucket, Key=key)["Body"].read())
    except Exception as error:
        raise _storage_error("cannot read", uri, error) from error


def read_json(uri: str) -> Any:
    """What a JSON file under the root holds.

    Raises:
        StorageError: it cannot be read, or is not whole.
    """
    try:
        return json.loads(read_bytes(uri))
    except (ValueError, RecursionError) as error:
        raise StorageError(f"{uri} is not a complete JSON file ({error}); delete it and run again") from error


def write_bytes(uri: str, data: bytes | pa.Buffer, lasting: bool = True) -> None:
    """Writes ``data`` to ``uri`` atomically (rename on disk; one PUT or a multipart upload on S3).

    Args:
        lasting: whether the data are flushed to disk before this returns; if not, a power failure may leave an empty
            file, which readers must expect.

    Raises:
        StorageError: it cannot be written; the error says if the disk is full.
    """
    try:
        if is_s3(uri):
            s3.upload(lambda: io.BytesIO(data), uri)
            return
        replace_by(Path(uri), memoryview(data).cast("B"), lasting)
    except Exception as error:
        raise _storage_error("cannot write", uri, error) from error


def check_writable(folder: str) -> None:
    """Raises StorageError where no file can be written into ``folder``, before long work ends with that."""
    probe = join(folder, f".writable-{os.getpid()}")
    write_bytes(probe, b"")
    remove(probe)


def publish(path: str | os.PathLike[str], uri: str) -> str:
    """Copies a local file or folder to ``uri`` and returns ``uri``; each file arrives whole or not at all.

    Raises:
        StorageError: a file cannot be written.
    """
    source = Path(path)
    if source.is_dir():
        for file in sorted(p for p in source.rglob("*") if p.is_file()):
            publish(file, join(uri, file.relative_to(source).as_posix()))
        return uri
    try:
        if is_s3(uri):
            s3.upload(lambda: open(source, "rb"), uri)  # noqa: SIM115  (closed there)
        else:
            with replacing(Path(uri)) as temporary:
                shutil.copyfile(source, temporary)
    except Exception as error:
        raise _storage_error("cannot write", uri, error) from error
    return uri


def write_table(table: pa.Table, uri: str) -> str:
    """Writes a table to ``uri`` as Parquet and returns ``uri``."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(uri, sink.getvalue())
    return uri


@contextlib.contextmanager
def writing_table(uri: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer of a table that need not fit into memory; it appears at ``uri`` if the block ends without an error.

    Raises:
        StorageError: the disk is full, or the table cannot be written to ``uri``.
    """
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        path = Path(scratch) / "table.parquet"
        try:
            with pq.ParquetWriter(path, schema, compression="zstd") as writer:
                yield writer
        except OSError as error:
            raise no_space_left(error) or error from error
        publish(path, uri)


def read_table(uri: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table that ``write_table`` wrote to ``uri``, with all columns or with ``columns``, in this order."""
    return pq.read_table(pa.BufferReader(read_bytes(uri)), columns=columns)


def fetch(uri: str, scratch: str | os.PathLike[str]) -> Path:
    """A local path of the file or folder at ``uri``: the local one itself, or a copy from S3 under ``scratch``.

    Raises:
        StorageError: there is none, or S3 refuses access.
    """
    if not is_s3(uri):
        path = Path(uri)
        if not path.exists():
            raise StorageError(f"cannot read {uri}: no such file or folder")
        return path
    files = files_below(uri)
    if not files:
        raise StorageError(f"cannot read {uri}: no such object")
    target = Path(scratch) / s3.bucket_and_key(uri)[1].rstrip("/")
    for file in files:
        relative = file[len(uri) :].strip("/")
        destination = target / relative if relative else target
        download(file, destination)
    return target


def download(uri: str, path: str | os.PathLike[str], sha256: str | None = None) -> None:
    """Copies an S3 object to a local ``path``, whole or not at all.

    Raises:
        StorageError: it is gone, S3 refuses access, the disk is full, or the checksum of every attempt differs from
            ``sha256`` (hex).
    """

    def attempt() -> None:
        bucket, key = s3.bucket_and_key(uri)
        with replacing(Path(path)) as temporary:
            s3.client().download_file(bucket, key, temporary, Config=s3.parts())
            if sha256 is not None and sha256_of(temporary) != sha256:
                raise s3.WrongChecksumError(uri)

    try:
        s3.retrying(attempt)
    except Exception as error:
        raise _storage_error("cannot read", uri, error) from error


def sha256_of(path: str | os.PathLike[str]) -> str:
    """SHA-256 (hex) of a local file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(uri: str) -> list[str]:
    """The file at ``uri``, or all files below that folder or prefix, sorted; ``uri`` is not a pattern."""
    if not is_s3(uri):
        path = Path(uri).absolute()
        return [str(path)] if path.is_file() else sorted(str(file) for file in path.rglob("*") if file.is_file())
    bucket, key = s3.bucket_and_key(uri)
    folder = key.rstrip("/") + "/" if key else ""
    keys = _keys(uri, bucket, key.rstrip("/"))
    return [f"s3://{bucket}/{k}" for k in keys if k == key] or [
        f"s3://{bucket}/{k}" for k in keys if k.startswith(folder)
    ]


def matching_files(pattern: str) -> list[str]:
    """The files that match a glob, sorted; on S3 ``*`` also crosses folders.

    Files in a matching folder count if it is named like a file (Spark's ``x.parquet``), or if no file matches.
    """
    if not is_s3(pattern):
        found = glob.glob(pattern, recursive=True)
        some = any(os.path.isfile(path) for path in found)
        walked = [path for path in found if os.path.isfile(path) or not some or Path(path).suffix]
        return sorted({file for path in walked for file in files_below(path)})
    bucket, key = s3.bucket_and_key(pattern)
    keys = _keys(pattern, bucket, re.split(r"[*?\[]", key)[0])
    below = key.rstrip("/") + "/*"
    return [f"s3://{bucket}/{k}" for k in keys if fnmatch.fnmatchcase(k, key) or fnmatch.fnmatchcase(k, below)]


def _keys(uri: str, bucket: str, prefix: str) -> list[str]:
    """The keys in a bucket that begin with ``prefix``, sorted, without the empty objects that stand for folders."""
    try:
        pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return sorted(item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"][-1] != "/")
    except Exception as error:
        raise _storage_error("cannot list", uri, error) from error


def no_space_left(error: BaseException) -> StorageError | None:
    """The StorageError for an error caused by a full disk, in any library; None for other errors."""
    full = {errno.ENOSPC: "No space left on device", errno.EDQUOT: "Disk quota exceeded", errno.EFBIG: "File too large"}
    for number, reason in full.items():
        # safetensors' errors have the number only in their text
        if getattr(error, "errno", None) == number or re.search(rf"code: {number}\b|os error {number}\b", str(error)):
            name = getattr(error, "filename", None)
            return StorageError(f"cannot write {name or 'a file'}: {reason}")
    return None


def _storage_error(what: str, uri: str, error: Exception) -> Exception:
    if isinstance(error, StorageError):
        return error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StorageError(f"{what} {uri}: {reason}")
