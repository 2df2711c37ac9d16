"""A Python with its libraries already loaded replaces ``sys.executable``: a run imports them once, not in every task.

A run is some forty processes, which would spend two thirds of their CPU time on the same imports (torch, MLflow, Great
Expectations). Within ``warm_tasks`` they are forks of one process (``fork_server``): each runs its command line with
streams, environment, folder, limits, signals and exit status of its own. Every process is a plain Python if forks are
impossible (not Linux, a temporary folder that runs no programs or has a long path, a Python whose path has a space), or
if ``MOEMOE_PLAIN_PYTHON`` is set. So is a single one that a fork cannot reproduce exactly (``python_client``), e.g. one
with more than three open files, or with its own ``PYTHONHASHSEED``.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import python_client
from python_client import PLAIN

from moemoe.threads import SLEEPING_THREADS

#: The modules that the steps of the flows load, in their order; the first step checks models and MLflow.
LIBRARIES = (
    "metaflow", "transformers.models.t5.modeling_t5", "timm", "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.pyfunc",
    "pyarrow.dataset", "pyarrow.compute", "pyarrow.parquet", "boto3", "re2", "yaml", "requests", "jinja2", "pint",
    "pandas", "great_expectations", "great_expectations.render", "safetensors.torch", "torch.distributed.run",
    "tokenizers", "sklearn.feature_extraction.text", "sklearn.linear_model", "scipy.optimize", "scipy.sparse",
    "scipy.stats", "matplotlib.pyplot",
)  # fmt: skip
#: The most bytes of a program's first line, which names its interpreter.
LONGEST_FIRST_LINE = 255


@contextmanager
def warm_tasks(libraries: Iterable[str] = LIBRARIES) -> Iterator[None]:
    """In this context a process started by ``sys.executable`` has ``libraries`` loaded; it ends with the context."""
    plain = sys.executable
    with warm_python(libraries) as sys.executable:
        try:
            yield
        finally:
            sys.executable = plain


@contextmanager
def warm_python(libraries: Iterable[str]) -> Iterator[str]:
    """Yields the program to start in place of ``sys.executable``; that itself if there is a server already.

    But a fork that has the libraries starts a server of its own, as a fork: its Metaflow has the settings of this
    process, so no task imports it anew.
    """
    libraries = tuple(libraries)
    folder = Path(tempfile.mkdtemp(prefix="moemoe-python-"))  # a socket's path is short
    try:
        has_server = is_warm() and not (is_fork() and all(library in sys.modules for library in libraries))
        client = None if has_server or os.environ.get(PLAIN) else write_client(folder)
        if client is None:
            yield sys.executable
            return
        with start_server(client, libraries):
            yield str(client)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_client(folder: Path) -> Path | None:
    """Writes the program that replaces ``sys.executable``; None if it, or the server, is impossible here."""
    client, address = folder / "python", str(folder / "socket")
    interpreter = python_client.INTERPRETER if is_fork() else sys.executable
    first_line = f"#!{interpreter} -IS\n"
    try:
        os.close(os.pidfd_open(os.getpid()))  # Linux since 5.3
        with socket.socket(socket.AF_UNIX) as trial:
            trial.bind(f"{address}-trial")  # a long path, or a file system without sockets
    except (AttributeError, OSError):
        return None
    if interpreter.split() != [interpreter] or len(os.fsencode(first_line)) > LONGEST_FIRST_LINE:
        return None
    if sys.flags.safe_path:
        return None  # the server could not find its own modules
    call = f"main({interpreter!r}, {address!r}, {python_client.traits()!r}, {os.getpgrp()})\n"
    client.write_text(first_line + Path(python_client.__file__).read_text("utf-8") + "\n\n" + call, "utf-8")
    client.chmod(0o700)
    return client if os.access(client, os.X_OK) else None


@contextmanager
def start_server(client: Path, libraries: Iterable[str]) -> Iterator[None]:
    """Starts the server whose forks the client asks for; it ends with this process, however that ends."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(client.with_name("socket")))
        listener.listen(128)  # clients wait while a library is loaded
        program = str(Path(__file__).with_name("fork_server.py"))
        server = subprocess.Popen(
            [sys.executable, "-u", program, str(client), *libraries],
            stdin=subprocess.PIPE, stdout=listener, stderr=subprocess.DEVNULL,  # a fork is given no other files
            env={**SLEEPING_THREADS, **os.environ},  # torch reads these at its import, for all forks
        )  # fmt: skip
    try:
        yield
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def is_warm() -> bool:
    """Whether a process started by ``sys.executable`` is a fork of a server."""
    return Path(sys.executable).with_name("socket").is_socket()


def is_fork() -> bool:
    """Whether this process is itself a fork of a server."""
    return is_warm() and sys.orig_argv[0] == sys.executable
