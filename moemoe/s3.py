"""S3 through boto3: the client, whole transfers, and retries.

Transient errors (5xx, throttling, a lost connection, a flipped byte) are retried with backoff.
"""

import random
import re
import time
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

from moemoe.errors import StorageError

T = TypeVar("T")

#: A bucket as boto3 allows it: a name, or the ARN of an access point.
_BUCKET = re.compile(r"[\w.\-]{1,255}|arn:.*", re.ASCII)

#: Attempts at a whole transfer; within each, boto3 tries a request up to ``REQUEST_ATTEMPTS`` times.
ATTEMPTS, REQUEST_ATTEMPTS = 3, 5
CONNECT_SECONDS, READ_SECONDS = 10, 60
#: Objects above this size are transferred in parts of this size, four at a time.
PART_BYTES = 16 * 2**20


class WrongChecksumError(StorageError):
    """A file's checksum is not the one that its writer recorded."""

    def __init__(self, uri: str):
        super().__init__(f"{uri}: checksum differs from the manifest's; delete it and run again")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The two parts of an ``s3://`` URI.

    Raises:
        StorageError: it names no bucket. The message omits the URI, which may hold a user and a password.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")  # not parsed as a URL: a key may have any character
    if bucket and not _BUCKET.fullmatch(bucket):
        raise StorageError(
            "an s3:// address names no bucket; allowed is s3://BUCKET/KEY, the bucket of letters, digits, '.', '-' and "
            "'_'; keys belong in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a profile"
        )
    return bucket, key


@cache
def client() -> Any:
    """boto3's client, one per process."""
    import boto3
    from botocore.config import Config

    retries = {"total_max_attempts": REQUEST_ATTEMPTS, "mode": "standard"}
    config = Config(
        retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, max_pool_connections=32
    )
    return boto3.client("s3", config=config)


def parts() -> Any:
    """boto3's settings for the transfer of large objects."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)


def upload(opened: Callable[[], Any], uri: str) -> None:
    """Uploads the file that ``opened`` opens to ``uri``, whole or not at all; each attempt opens it again."""
    bucket, key = bucket_and_key(uri)

    def attempt() -> None:
        with opened() as file:
            client().upload_fileobj(file, bucket, key, Config=parts())

    retrying(attempt)


def retrying(action: Callable[[], T]) -> T:
    """Runs ``action()``, and retries it with backoff after a transient error."""
    for attempt in range(1, ATTEMPTS):
        try:
            return action()
        except Exception as error:
            if not _may_pass(error):
                raise
        time.sleep(random.uniform(0, 2**attempt))  # jitter, so that a hundred readers do not retry together
    return action()


def _may_pass(error: Exception) -> bool:
    from boto3.exceptions import RetriesExceededError
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ParamValidationError

    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
        return status(error) >= 500 or code in ("SlowDown", "RequestTimeout", "Throttling", "BadDigest")
    lasting = isinstance(error, NoCredentialsError | ParamValidationError)
    return isinstance(error, BotoCoreError | RetriesExceededError | WrongChecksumError) and not lasting


def status(error: Exception) -> int:
    """The HTTP status of a boto3 error; 0 if it has none."""
    return getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
