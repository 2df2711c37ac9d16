"""One way to reach files: a local folder or ``s3://`` (boto3), so that a run's root may be either.

Every write is atomic: a file is complete under its name or not there at all.
"""

import contextlib
import fnmatch
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.errors import StorageError


def is_s3(uri: str) -> bool:
    """Whether ``uri`` names an object or prefix on S3."""
    return uri.startswith("s3://")


def join(uri: str, *parts: str) -> str:
    """``uri`` extended by path ``parts``, local or s3."""
    return "/".join([uri.rstrip("/"), *(part.strip("/") for part in parts)])


def absolute(uri: str) -> str:
    """``uri`` unchanged on S3, else as an absolute path."""
    return uri if is_s3(uri) else str(Path(uri).expanduser().absolute())


def exists(uri: str) -> bool:
    """Whether a file (not a prefix) is at ``uri``."""
    if not is_s3(uri):
        return Path(uri).is_file()
    return uri in list_files(uri)


def size(uri: str) -> int:
    """The bytes of the file at ``uri``. Raises StorageError where there is none or S3 refuses."""
    try:
        if not is_s3(uri):
            return Path(uri).stat().st_size
        bucket, key = _bucket_and_key(uri)
        return int(_client().head_object(Bucket=bucket, Key=key)["ContentLength"])
    except Exception as error:
        raise _storage_error("cannot read", uri, error) from error


def read_bytes(uri: str) -> bytes:
    """The content at ``uri``. Raises StorageError where there is none or S3 refuses."""
    try:
        if not is_s3(uri):
            return Path(uri).read_bytes()
        bucket, key = _bucket_and_key(uri)
        return _client().get_object(Bucket=bucket, Key=key)["Body"].read()
    except Exception as error:
        raise _storage_error("cannot read", uri, error) from error


def write_bytes(uri: str, data: bytes | pa.Buffer) -> None:
    """Puts ``data`` at ``uri`` atomically (rename on disk, one PUT on S3)."""
    try:
        if is_s3(uri):
            bucket, key = _bucket_and_key(uri)
            _client().put_object(Bucket=bucket, Key=key, Body=bytes(data))
            return
        with _replacing(Path(uri)) as temporary, open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except Exception as error:
        raise _storage_error("cannot write", uri, error) from error


def publish(path: str | os.PathLike[str], uri: str) -> str:
    """Copies a local file or folder to ``uri`` and returns ``uri``; each file arrives whole or not at all."""
    source = Path(path)
    if source.is_dir():
        for file in sorted(p for p in source.rglob("*") if p.is_file()):
            publish(file, join(uri, file.relative_to(source).as_posix()))
        return uri
    try:
        if is_s3(uri):
            bucket, key = _bucket_and_key(uri)
            _client().upload_file(str(source), bucket, key)
        else:
            with _replacing(Path(uri)) as temporary:
                shutil.copyfile(source, temporary)
    except Exception as error:
        raise _storage_error("cannot write", uri, error) from error
    return uri


def write_table(table: pa.Table, uri: str) -> str:
    """Puts a table at ``uri`` as Parquet and returns ``uri``."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(uri, sink.getvalue())
    return uri


@contextlib.contextmanager
def writing_table(uri: str, schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A writer of a table that need not fit into memory; it is at ``uri`` once the block ends without an error."""
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        path = Path(scratch) / "table.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            yield writer
        publish(path, uri)


def read_table(uri: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table that ``write_table`` put at ``uri``, or some of its ``columns``, in this order."""
    return pq.read_table(pa.BufferReader(read_bytes(uri)), columns=columns)


def fetch(uri: str, scratch: str | os.PathLike[str]) -> Path:
    """A local path with the file or folder at ``uri``: itself on disk, a copy under ``scratch`` from S3."""
    if not is_s3(uri):
        path = Path(uri)
        if not path.exists():
            raise StorageError(f"cannot read {uri}: no such file or folder")
        return path
    files = list_files(uri) or list_files(join(uri, "*"))
    if not files:
        raise StorageError(f"cannot read {uri}: no such object")
    target = Path(scratch) / _bucket_and_key(uri)[1].rstrip("/")
    for file in files:
        relative = file[len(uri) :].strip("/")
        destination = target / relative if relative else target
        destination.parent.mkdir(parents=True, exist_ok=True)
        bucket, key = _bucket_and_key(file)
        try:
            _client().download_file(bucket, key, str(destination))
        except Exception as error:
            raise _storage_error("cannot read", file, error) from error
    return target


def list_files(pattern: str) -> list[str]:
    """The files that match a path or glob (``*`` also crosses folders on S3), sorted."""
    if not is_s3(pattern):
        return sorted(str(Path(p).absolute()) for p in glob.glob(pattern, recursive=True) if Path(p).is_file())
    bucket, key = _bucket_and_key(pattern)
    prefix = key.split("*")[0].split("?")[0].split("[")[0]
    try:
        pages = _client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    except Exception as error:
        raise _storage_error("cannot list", pattern, error) from error
    return sorted(f"s3://{bucket}/{k}" for k in keys if fnmatch.fnmatchcase(k, key))


@contextlib.contextmanager
def _replacing(path: Path) -> Iterator[str]:
    """A temporary name beside ``path`` that takes its place on success and is removed on failure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        yield temporary
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _bucket_and_key(uri: str) -> tuple[str, str]:
    parsed = urlparse(uri, allow_fragments=False)
    return parsed.netloc, (parsed.path + ("?" + parsed.query if parsed.query else "")).lstrip("/")


@cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    retries = {"max_attempts": 5, "mode": "standard"}
    return boto3.client("s3", config=Config(retries=retries, connect_timeout=10, read_timeout=60))


def _storage_error(what: str, uri: str, error: Exception) -> Exception:
    if isinstance(error, StorageError):
        return error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return StorageError(f"{what} {uri}: {reason}")
