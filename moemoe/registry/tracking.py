"""MLflow's tracking address: finds it, checks that it answers, and makes a client for it."""

import fcntl
import os
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from moemoe.errors import ConfigError, first_line
from moemoe.redaction import redacted, without_secret_parameters

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONNECT_SECONDS = 5
#: How long another run may lock a SQLite file.
LOCKED_SECONDS = 60
SQLITE = "sqlite:///"
#: Scheme, user and password of an address; a password may hold a bare slash, an @ or any other sign.
_LOGIN = re.compile(r"(\w[\w+.-]*+://)([^/?#:@\[]*+)(?::(?!\d*+(?:[/?#]|$))([^@]*+(?:@[^/?#@]*+(?=@))*+))?@")
_MODEL_NAME = re.compile(r"\w[\w .\-]{0,199}")


def default_tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or a SQLite file in the working directory.

    Its password is removed, as it must not get into artifacts or logs; ``with_password`` adds it again.
    """
    here = str(Path.cwd() / "mlflow.db").replace("%", "%25")  # percent signs in an address are escapes
    return without_password(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{here}")


def with_password(uri: str) -> str:
    """``uri`` with the password of ``MLFLOW_TRACKING_URI``, if that is the same address apart from the password.

    A server's user and password are passed in MLflow's variables instead, as MLflow sometimes prints the address.
    """
    own = os.environ.get("MLFLOW_TRACKING_URI", "")
    whole = own if own and without_password(own) == uri else uri
    address = urlparse(whole)
    if address.scheme not in ("http", "https") or not address.username:
        return whole
    os.environ.setdefault("MLFLOW_TRACKING_USERNAME", unquote(address.username))
    os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", unquote(address.password or ""))
    return without_password(whole)


def without_password(uri: str) -> str:
    """A server's ``uri`` without user and password, or a database's with its password replaced by asterisks."""
    uri = without_secret_parameters(uri)
    found = _LOGIN.match(uri)
    if found is None:
        return uri
    scheme, user, password = found.groups()
    is_server = scheme.lower() in ("http://", "https://")
    login = "" if is_server else user + (":***@" if password is not None else "@")
    return f"{scheme}{login}{uri[found.end() :]}"


def check_tracking(uri: str) -> None:
    """Raises ConfigError, within seconds, if MLflow cannot be reached at ``uri``."""
    said = without_password(uri)
    try:
        address = urlparse(said)
        if address.scheme in ("http", "https"):
            port = address.port or (443 if address.scheme == "https" else 80)
            socket.create_connection((address.hostname or "", port), timeout=CONNECT_SECONDS).close()
        with _database_lock(uri):
            _open_database(uri)
            client(uri).search_experiments(max_results=1)
    except Exception as error:
        reason = redacted(first_line(error).replace(uri.rstrip("/"), said))
        found = _LOGIN.match(uri)
        if rest := ((found and found[3]) or "").partition("@")[2]:  # a driver takes it for the start of the host
            reason = reason.replace(f"{rest}@", "***@")
        raise ConfigError(
            f"MLflow at {said} cannot be reached ({reason}); start it, or set "
            "MLFLOW_TRACKING_URI to one that answers, or unset it for a SQLite file here"
        ) from error


@contextmanager
def _database_lock(uri: str) -> Iterator[None]:
    """Locks out other runs while MLflow creates the tables of a SQLite file, which two processes cannot do at once."""
    if not uri.startswith(SQLITE):
        yield
        return
    folder = os.open(_database(uri).parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _open_database(uri: str) -> None:
    """Opens a database once, to get its driver's error at once: MLflow would retry for two minutes."""
    engine = uri.partition(":")[0].partition("+")[0]
    if engine == "sqlite":
        with closing(sqlite3.connect(_database(uri), timeout=LOCKED_SECONDS)) as database:
            database.execute("PRAGMA schema_version")
    elif engine in ("postgresql", "mysql", "mssql"):
        from sqlalchemy import create_engine

        limit = {} if engine == "mssql" else {"connect_timeout": CONNECT_SECONDS}
        server = create_engine(with_password(uri), connect_args=limit)
        try:
            server.connect().close()
        finally:
            server.dispose()


def _database(uri: str) -> Path:
    return Path(unquote(urlparse(uri).path[1:])).absolute()


def check_model_name(uri: str, name: str) -> None:
    """Checks that ``name`` can be the name of an experiment and of a registered model.

    Raises:
        ConfigError: it has characters that MLflow, or the address models:/NAME, does not allow, or is the name of a
            deleted experiment.
    """
    if not _MODEL_NAME.fullmatch(name):
        raise ConfigError(
            f"MLflow model name {name[:100]!r} is not allowed; allowed are letters, digits, blanks, '.', '_' and '-', "
            "beginning with a letter or digit, 200 characters at most"
        )
    found = client(uri).get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        raise ConfigError(
            f"experiment {name!r} is deleted in MLflow; restore it (mlflow experiments restore "
            f"--experiment-id {found.experiment_id}), or give another --registered-name"
        )


def client(uri: str) -> "MlflowClient":
    """A client for ``uri`` that times out after seconds instead of MLflow's default of many minutes."""
    _set_options()
    import mlflow

    usable = with_password(uri)
    _no_proxy_to_this_machine(usable)
    mlflow.set_tracking_uri(usable)
    return mlflow.MlflowClient(usable)


@cache
def _set_options() -> None:
    """Sets MLflow's options, once per process: setting a log level clears the level caches of all loggers."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # hundreds of characters in a step's log
    import logging

    import mlflow  # noqa: F401 - imported later, it would override the levels

    for chatty in ("alembic", "mlflow.store.db.utils", "mlflow.pyfunc"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _no_proxy_to_this_machine(uri: str) -> None:
    """Excludes a server on this machine from the environment's proxy, which could not reach it."""
    host = urlparse(uri).hostname or ""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")  # requests reads the first that is set
    if host not in known.split(","):
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, [known, host]))
