"""Moves the aliases ``challenger`` and ``champion``, one process at a time.

MLflow has no compare-and-set for aliases, but a model name can be created only once. So while one process moves
aliases of NAME, a registered model ``NAME.lock`` without versions exists as a lock.
"""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from moemoe.errors import MoEMoEError
from moemoe.registry.tracking import client
from moemoe.registry.versions import CHALLENGER, CHAMPION, Version, alias_of

#: Moving aliases takes milliseconds: a lock that is older than this is taken for a dead process's, and removed.
STALE_SECONDS = 60.0
WAIT_SECONDS = 600.0

#: MLflow's errors on creating the lock while another process holds it, or has just released it.
HELD = ("RESOURCE_ALREADY_EXISTS", "RESOURCE_DOES_NOT_EXIST")

PREVIOUS = "previous_champion"


@contextmanager
def alias_lock(uri: str, name: str) -> Iterator[None]:
    """Waits until no other process moves aliases of ``name``.

    Raises:
        MoEMoEError: the lock could not be acquired within WAIT_SECONDS.
    """
    from mlflow.exceptions import MlflowException

    mlflow, lock = client(uri), f"{name}.lock"
    seen, since, started = None, time.monotonic(), time.monotonic()
    while True:
        try:
            mine = mlflow.create_registered_model(lock).creation_timestamp
            break
        except MlflowException as error:
            if error.error_code not in HELD:
                raise
        created = _created(uri, lock)
        if created != seen:
            seen, since = created, time.monotonic()
        elif created is not None and time.monotonic() - since > STALE_SECONDS:
            with suppress(MlflowException):
                mlflow.delete_registered_model(lock)
        if time.monotonic() - started > WAIT_SECONDS:
            raise MoEMoEError(
                f"the aliases of {name} are locked by another process; if none is running, delete model {lock}"
            )
        time.sleep(0.1 + random.random() / 5)
    try:
        yield
    finally:
        if _created(uri, lock) == mine:
            with suppress(MlflowException):
                mlflow.delete_registered_model(lock)


def make_challenger(uri: str, version: Version) -> bool:
    """Gives ``version`` the alias unless a later version has it; returns whether it was given."""
    with alias_lock(uri, version.name):
        now = alias_of(uri, version.name, CHALLENGER)
        if now is not None and int(now.version) > int(version.version):
            return False
        client(uri).set_registered_model_alias(version.name, CHALLENGER, version.version)
        return True


def replace_champion(uri: str, version: Version, expected: Version | None) -> bool:
    """Makes ``version`` champion, and tags it with the previous one, if the champion still is ``expected``."""
    with alias_lock(uri, version.name):
        now = alias_of(uri, version.name, CHAMPION)
        if (now and now.version) != (expected and expected.version):
            return False
        if now is not None:
            client(uri).set_model_version_tag(version.name, version.version, PREVIOUS, now.version)
        client(uri).set_registered_model_alias(version.name, CHAMPION, version.version)
        return True


def _created(uri: str, lock: str) -> int | None:
    from mlflow.exceptions import MlflowException

    try:
        return client(uri).get_registered_model(lock).creation_timestamp
    except MlflowException:
        return None
