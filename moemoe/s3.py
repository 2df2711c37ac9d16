"""S3 by boto3: its client, whole transfers, and what is tried again.

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

#: As boto3 allows it: a name, or the ARN of an access point.
_BUCKET = re.compile(r"[\w.\-]{1,255}|arn:.*", re.ASCII)

#: Tries of a whole transfer, each of whose requests boto3 itself tries up to ``REQUEST_ATTEMPTS`` times.
ATTEMPTS, REQUEST_ATTEMPTS = 3, 5
CONNECT_SECONDS, READ_SECONDS = 10, 60
#: Above this size an object goes and comes in parts of this size, four at a time.
PART_BYTES = 16 * 2**20


class WrongChecksumError(StorageError):
    """A file that is not what its writer wrote."""

    def __init__(self, uri: str):
        super().__init__(f"{uri}: checksum differs from the manifest's; delete it and run again")


def bucket_and_key(uri: str) -> tuple[str, str]:
    """The two parts of an ``s3://`` URI.

    Raises:
        StorageError: without the URI's text, as what is no bucket's name is a user and a password before it.
    """
    bucket, _, key = uri.removeprefix("s3://").partition("/")  # no URL: a key may have any character
    if bucket and not _BUCKET.fullmatch(bucket):
        raise StorageError(
            "an s3:// address names no bucket; allowed is s3://BUCKET/KEY, the bucket of letters, digits, '.', '-' and "
            "'_'; keys belong in the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or a profile"
        )
    return bucket, key


@cache
def client() -> Any:
    """boto3's client, one a process."""
    import boto3
    from botocore.config import Config

    retries = {"total_max_attempts": REQUEST_ATTEMPTS, "mode": "standard"}
    config = Config(
        retries=retries, connect_timeout=CONNECT_SECONDS, read_timeout=READ_SECONDS, max_pool_connections=32
    )
    return boto3.client("s3", config=config)


def parts() -> Any:
    """How boto3 moves a large object."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)


def upload(opened: Callable[[], Any], uri: str) -> None:
    """Puts what ``opened`` opens at ``uri``, whole or not at all; it is opened again for each try."""
    bucket, key = bucket_and_key(uri)

    def attempt() -> None:
        with opened() as file:
            client().upload_fileobj(file, bucket, key, Config=parts())

    retrying(attempt)


def retrying(action: Callable[[], T]) -> T:
    """``action()``, again after a pause where it failed of something that may pass."""
    for attempt in range(1, ATTEMPTS):
        try:
            return action()
        except Exception as error:
            if not _may_pass(error):
                raise
        time.sleep(random.uniform(0, 2**attempt))  # jitter, so that a hundred readers do not come back as one
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
    """The HTTP status of an error of boto3; 0 if it has none."""
    return getattr(error, "response", {}).get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
