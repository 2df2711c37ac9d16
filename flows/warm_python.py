"""A Python whose libraries are loaded, in place of ``sys.executable``: a run imports them once, not in every task.

A run is some forty processes, which would spend two thirds of their CPU time on the same imports (torch, MLflow, Great
Expectations). Within ``warm_tasks`` they are forks of one process (``fork_server``): each what its command line says,
with streams, environment, folder, limits, signals and exit status of its own. Where that cannot be (not Linux, a
temporary folder that runs no programs or has a long path), and with ``MOEMOE_PLAIN_PYTHON`` set, every process is a
plain Python.
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: What the steps of the flows load, in the order in which they do; the first step checks models and MLflow.
LIBRARIES = (
    "transformers.models.t5.modeling_t5", "timm", "mlflow.store.tracking.sqlalchemy_store", "mlflow.pyfunc",
    "pyarrow.dataset", "pyarrow.compute", "pyarrow.parquet", "boto3", "re2", "yaml", "requests", "jinja2", "pint",
    "pandas", "great_expectations", "great_expectations.render", "safetensors.torch", "torch.distributed.run",
    "tokenizers", "sklearn.feature_extraction.text", "sklearn.linear_model", "scipy.optimize", "scipy.sparse",
    "scipy.stats", "matplotlib.pyplot",
)  # fmt: skip
#: Bytes of the longest path that a socket may have.
LONGEST_ADDRESS = 107
PLAIN = "MOEMOE_PLAIN_PYTHON"
#: Signals that a process may be sent from outside; the client hands them on.
HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
#: A shell's line first: the path of a Python may be longer than that of a script's interpreter, and have spaces.
CLIENT = """#!/bin/sh
'''exec' {quoted} -IS "$0" "$@"
' '''
import json, os, resource, signal, socket, sys
given = sys.argv[1:]
while given[:1] in (["-u"], ["-W"]):
    given = given[1 if given[0] == "-u" else 2:]
plain = [{python!r}, *sys.argv[1:]]
if os.environ.get({variable!r}) or not given or (given[0].startswith("-") and given[0] not in ("-m", "-c")):
    os.execv({python!r}, plain)
server = socket.socket(socket.AF_UNIX)
own_session = os.getsid(0) == os.getpid()
kinds = {{getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}}
limits = [(kind, *resource.getrlimit(kind)) for kind in kinds]
request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), own_session, limits]).encode()
try:
    server.connect({address!r})
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    taken = server.recv(1)
except OSError:
    taken = b""
if not taken:
    os.execv({python!r}, plain)
for number in {signals}:
    signal.signal(number, lambda number, _: server.sendall(bytes([number])))
if os.getpgrp() == {group}:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the fork itself, which is of this group
status = server.recv(4)
if not status:
    sys.exit("the process with the libraries has died")
status = int.from_bytes(status, "big", signed=True)
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


@contextmanager
def warm_tasks(libraries: Iterable[str] = LIBRARIES) -> Iterator[None]:
    """Within, what is started by ``sys.executable`` has ``libraries`` loaded; it does not outlive this."""
    plain = sys.executable
    with warm_python(libraries) as sys.executable:
        try:
            yield
        finally:
            sys.executable = plain


@contextmanager
def warm_python(libraries: Iterable[str]) -> Iterator[str]:
    """What to start in place of ``sys.executable``, which it is itself where this process is such a fork already."""
    folder = Path(tempfile.mkdtemp(prefix="moemoe-python-"))  # a socket's path is short
    try:
        client = None if is_warm() or os.environ.get(PLAIN) else write_client(folder)
        if client is None:
            yield sys.executable
            return
        with start_server(client, libraries):
            yield str(client)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_client(folder: Path) -> Path | None:
    """The program that stands for ``sys.executable``; None where it or the server cannot be."""
    client, address = folder / "python", str(folder / "socket")
    try:
        os.close(os.pidfd_open(os.getpid()))  # Linux since 5.3
    except (AttributeError, OSError):
        return None
    if len(os.fsencode(address)) > LONGEST_ADDRESS:
        return None
    client.write_text(
        CLIENT.format(
            python=sys.executable, quoted=shlex.quote(sys.executable), variable=PLAIN, address=address,
            signals=tuple(map(int, HANDED_ON)), group=os.getpgrp(),
        )
    )  # fmt: skip
    client.chmod(0o700)
    return client if os.access(client, os.X_OK) else None


@contextmanager
def start_server(client: Path, libraries: Iterable[str]) -> Iterator[None]:
    """The process of which those that the client stands for are forks; it ends with this one, whatever ends it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(client.with_name("socket")))
        listener.listen(128)  # who asks while a library is loaded waits
        program = str(Path(__file__).with_name("fork_server.py"))
        server = subprocess.Popen(
            [sys.executable, program, str(listener.fileno()), str(client), *libraries], pass_fds=[listener.fileno()],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    try:
        yield
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def is_warm() -> bool:
    """Whether this process is such a fork itself."""
    return Path(sys.executable).with_name("socket").is_socket()
