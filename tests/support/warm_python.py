"""A Python whose libraries are loaded: each process of it is a fork, and imports nothing of them again.

A flow is some forty processes, which spend two thirds of their time on the same imports. ``warm_python()`` takes the
place of ``sys.executable``: a small client that hands its arguments, environment, folder and standard streams to one
process with ``LIBRARIES`` loaded, and lives and dies as its fork does. What the fork starts by ``sys.executable`` comes
from the same place. Nothing of this project that a step runs is loaded beforehand. What a ``sitecustomize`` is to
break, or what is to be killed with all that it started, takes the plain Python; so does a step of which it is of
interest what it loads (tests/support/loaded), but not what that step starts.
"""

import atexit
import contextlib
import functools
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

#: What the steps of the flows load, as far as it reads nothing of a test's own environment.
LIBRARIES = (
    "boto3", "great_expectations", "great_expectations.render", "jinja2", "matplotlib.pyplot", "mlflow",
    "mlflow.pyfunc", "mlflow.store.tracking.sqlalchemy_store", "numpy", "pandas", "pint", "pyarrow.compute",
    "pyarrow.dataset", "pyarrow.parquet", "re2", "requests", "safetensors.torch", "scipy.optimize", "scipy.sparse",
    "scipy.stats", "sklearn.feature_extraction.text", "sklearn.linear_model", "timm", "tokenizers", "torch",
    "torch.distributed.run", "transformers", "transformers.models.t5.modeling_t5", "yaml",
)  # fmt: skip
#: Signals that a process may be sent from outside; the client hands them on.
HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
CLIENT = """#!{python} -IS
import json, os, signal, socket, sys
given = sys.argv[1:]
while given[:1] in (["-u"], ["-W"]):
    given = given[1 if given[0] == "-u" else 2:]
if not given or (given[0].startswith("-") and given[0] not in ("-m", "-c")):
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])  # an option that a fork cannot have
if "step" in given and "MOEMOE_LOADED" in os.environ:
    os.execv({python!r}, [{python!r}, *sys.argv[1:]])  # what it loads is of interest
warm = socket.socket(socket.AF_UNIX)
warm.connect({address!r})
request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd()]).encode()
socket.send_fds(warm, [len(request).to_bytes(8, "big")], [0, 1, 2])
warm.sendall(request)
for number in {signals}:
    signal.signal(number, lambda number, _: warm.sendall(bytes([number])))
status = warm.recv(4)
if not status:
    sys.exit("the process with the libraries has died")
status = int.from_bytes(status, "big", signed=True)
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status not in (signal.SIGKILL, signal.SIGSTOP) else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


@functools.cache
def warm_python() -> str:
    """What to start in place of ``sys.executable``; its process ends with this one."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))  # a socket's path is short
    executable, address = folder / "python", str(folder / "socket")
    executable.write_text(CLIENT.format(python=sys.executable, address=address, signals=tuple(map(int, HANDED_ON))))
    executable.chmod(0o755)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(128)  # who asks before the libraries are loaded waits
        command = [sys.executable, __file__, str(listener.fileno()), str(executable)]
        process = subprocess.Popen(command, pass_fds=[listener.fileno()], stdin=subprocess.PIPE)
    _kept.append(process)
    return str(executable)


@contextlib.contextmanager
def warm() -> Iterator[None]:
    """Within, what is started by ``sys.executable`` is."""
    with mock.patch.object(sys, "executable", warm_python()):
        yield


_kept: list[subprocess.Popen] = []  # with the pipe that tells the process that this one lives


@dataclass(frozen=True)
class Request:
    """What a client hands over."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]


def fork_for_each(listener: socket.socket) -> Request:
    """Returns in the forks alone, each with its client's request; the process itself goes on until its parent ends."""
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj == 0:
                os._exit(0)
            if isinstance(key.fileobj, socket.socket) and key.fileobj.fileno() < 0:
                continue  # of a fork that has just ended
            if key.fileobj is listener:
                client, _ = listener.accept()
                if (request := _read(client)) is None:
                    client.close()
                    continue
                if (pid := os.fork()) == 0:
                    for other in selector.get_map().values():
                        os.close(other.fd)
                    selector.close()
                    client.close()
                    return request
                for stream in request.streams:
                    os.close(stream)
                selector.register(client, selectors.EVENT_READ, pid)
                selector.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, client))
            elif isinstance(key.fileobj, socket.socket):
                sent = b""
                with contextlib.suppress(OSError):
                    sent = key.fileobj.recv(1)
                os.kill(key.data, sent[0] if sent else signal.SIGKILL)  # a client that was killed takes its fork along
                if not sent:
                    selector.unregister(key.fileobj)
            else:
                pid, client = key.data
                selector.unregister(key.fileobj)
                os.close(key.fd)
                if client in selector.get_map():
                    selector.unregister(client)
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                with contextlib.suppress(OSError):  # nobody waits for it any more
                    client.sendall(status.to_bytes(4, "big", signed=True))
                client.close()


def _read(client: socket.socket) -> Request | None:
    """The request; none where the client died before it was whole."""
    size, streams, _, _ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as lines:
        request = lines.read(int.from_bytes(size, "big")) if len(size) == 8 else b""
    if len(streams) != 3 or not request:
        return None
    return Request(*json.loads(request), streams)


def become(request: Request, executable: str) -> None:
    """This fork is from now on the process that the client was started as."""
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.executable = executable
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    arguments = list(request.arguments)
    while arguments[0] in ("-u", "-W"):
        if arguments.pop(0) == "-W":
            warnings.simplefilter(arguments.pop(0))  # type: ignore[arg-type]
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    if arguments[0] == "-m":
        sys.path.insert(0, request.folder)
        sys.argv = arguments[1:]
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]  # what `python -m` itself calls
    elif arguments[0] == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec"), main.__dict__)
    else:
        sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
        sys.argv = arguments
        main.__dict__["__file__"] = arguments[0]
        exec(compile(Path(arguments[0]).read_bytes(), arguments[0], "exec"), main.__dict__)


def _end(process: Callable[[], None]) -> int:
    """The exit status of ``process``, as the interpreter would have it, which would take the libraries down as well."""
    status = 0
    try:
        process()
    except SystemExit as exit:
        if isinstance(exit.code, str):
            print(exit.code, file=sys.stderr)
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads, as the interpreter does
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return status & 0xFF


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[2])
    from moemoe import torchvision_compat  # noqa: F401 - mends a torchvision without operators

    for library in LIBRARIES:
        importlib.import_module(library)
    for name in ("moemoe", "moemoe.torchvision_compat"):  # a fork may take the project from elsewhere
        del sys.modules[name]
    del sys.path[0]
    gc.collect()
    gc.freeze()  # else each fork's collections go through all that was loaded, and copy its pages
    request = fork_for_each(socket.socket(fileno=int(sys.argv[1])))
    os._exit(_end(lambda: become(request, sys.argv[2])))
