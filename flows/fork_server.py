"""The process of which a run's tasks are forks (see ``warm_python``): its libraries are loaded once, for all of them.

A client (``warm_python.CLIENT``) sends its arguments, environment, folder, limits and standard streams; the fork is
from then on the process that was asked for, and lives and dies as its client does. While nobody asks, the libraries are
loaded, one after the other; a fork made early imports what is not there yet itself. When whoever started this process
is gone, by kill -9 too, what still runs gets SIGTERM: a training writes its checkpoint.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import resource
import runpy
import selectors
import shutil
import signal
import site
import socket
import sys
import threading
import traceback
import types
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

#: What ends a run reaches this process too, which has to outlive its forks.
OUTLIVED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: What a client hears before there is a fork: until then it can do without.
TAKEN = b"+"
STARTER = 0
"""The file whose end says that the process that started this one is gone."""


@dataclass(frozen=True)
class Request:
    """What a client asks for.

    Args:
        arguments: of the command line, without the interpreter.
        own_session: whether the client leads a session, which signals to the run's process group do not reach.
        limits: of resources, as ``resource`` numbers them: kind, soft, hard.
        streams: standard input, output and error.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    own_session: bool
    limits: list[tuple[int, int, int]]
    streams: list[int]


class ForkServer:
    """Answers each client by a fork."""

    def __init__(self, listener: socket.socket, libraries: list[str]):
        self.libraries = list(libraries)
        self.forks: dict[socket.socket, int] = {}
        self.starter_lives = True
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self.fork)
        self.selector.register(STARTER, selectors.EVENT_READ, self.end)

    def serve(self) -> Request | None:
        """Loads, forks and buries until the starter and all forks are gone; in a fork, what it is to become."""
        while self.starter_lives or self.forks:
            for key, _ in self.selector.select(0 if self.libraries else None):
                if key.fd not in self.selector.get_map():
                    continue  # of a fork that has just ended
                if (request := key.data()) is not None:
                    return request
            if self.libraries:
                self.load(self.libraries.pop(0))
        return None

    def load(self, library: str) -> None:
        """Imports a library; whoever needs one that fails says so itself."""
        with contextlib.suppress(Exception):
            importlib.import_module(library)
        if not self.libraries:
            gc.collect()

    def fork(self) -> Request | None:
        """A new client's request in its fork, else None."""
        listener = next(key.fileobj for key in self.selector.get_map().values() if key.data == self.fork)
        assert isinstance(listener, socket.socket)
        client, _ = listener.accept()
        try:
            request = read_request(client)
            client.sendall(TAKEN)
        except (OSError, ValueError):  # it died before it had said all
            client.close()
            return None
        gc.freeze()  # else each fork's collections go through all that was loaded, and copy its pages
        if (pid := os.fork()) == 0:
            for key in list(self.selector.get_map().values()):
                os.close(key.fd)
            self.selector.close()
            client.close()
            return request
        for stream in request.streams:
            os.close(stream)
        self.forks[client] = pid
        self.selector.register(client, selectors.EVENT_READ, lambda: self.hand_on(client))
        ended = os.pidfd_open(pid)
        self.selector.register(ended, selectors.EVENT_READ, lambda: self.bury(client, ended))
        return None

    def hand_on(self, client: socket.socket) -> None:
        """A signal that the client received, to its fork; a client that was killed takes its fork along."""
        received = b""
        with contextlib.suppress(OSError):
            received = client.recv(1)
        os.kill(self.forks[client], received[0] if received else signal.SIGKILL)
        if not received:
            self.selector.unregister(client)

    def bury(self, client: socket.socket, ended: int) -> None:
        """The exit status of a fork, to its client."""
        self.selector.unregister(ended)
        os.close(ended)
        if client.fileno() in self.selector.get_map():
            self.selector.unregister(client)
        status = os.waitstatus_to_exitcode(os.waitpid(self.forks.pop(client), 0)[1])
        with contextlib.suppress(OSError):  # nobody waits for it any more
            client.sendall(status.to_bytes(4, "big", signed=True))
        client.close()

    def end(self) -> None:
        """The starter is gone: so go its tasks, and this process with the last of them."""
        self.selector.unregister(STARTER)
        self.starter_lives = False
        self.libraries.clear()
        for pid in self.forks.values():
            os.kill(pid, signal.SIGTERM)


def read_request(client: socket.socket) -> Request:
    """What a client asks for. Raises OSError or ValueError where it died before it had said so."""
    size, streams, _, _ = socket.recv_fds(client, 8, 3)
    with client.makefile("rb") as sent:
        asked = json.loads(sent.read(int.from_bytes(size, "big")))
    return Request(*asked, streams)


def become(request: Request, executable: str) -> None:
    """This fork is from now on the process that the client was started as."""
    if request.own_session:
        os.setsid()
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    for kind, *soft_and_hard in request.limits:
        resource.setrlimit(kind, soft_and_hard)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.executable, sys.orig_argv = executable, [executable, *request.arguments]
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (open(number, "w", buffering=1, closefd=False) for number in (1, 2))  # noqa: SIM115
    sys.path[:0] = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    settle_libraries()
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()  # as a Python does as it starts
    run(list(request.arguments), request.folder)


def settle_libraries() -> None:
    """What a library settles by itself as it is loaded, for this process."""
    gc.enable()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else all forks draw the same
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if threads.isdecimal() and (torch := sys.modules.get("torch")):
        torch.set_num_threads(int(threads))


def run(arguments: list[str], folder: str) -> None:
    """What ``python`` does with these arguments, of which the client has let through -u, -W, -m, -c and a script."""
    while arguments[0] in ("-u", "-W"):
        if arguments.pop(0) == "-W":
            warnings.simplefilter(arguments.pop(0))  # type: ignore[arg-type]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    if arguments[0] == "-m":
        sys.path.insert(0, folder)
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


def exit_status(process: Callable[[], None]) -> int:
    """That of ``process`` and its threads, as the interpreter has it; that would take all libraries down as well."""
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


def main(listener: str, executable: str, *libraries: str) -> None:
    """Serves until the end of standard input; ``executable`` is what the forks start for ``sys.executable``."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in OUTLIVED}
    gc.disable()
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    with contextlib.suppress(ImportError):
        from moemoe import torchvision_compat  # noqa: F401 - mends a torchvision without operators
    for name in ("moemoe", "moemoe.torchvision_compat"):  # a fork may take the project from elsewhere
        sys.modules.pop(name, None)
    del sys.path[0]
    request = ForkServer(socket.socket(fileno=int(listener)), list(libraries)).serve()
    if request is None:
        shutil.rmtree(Path(executable).parent, ignore_errors=True)  # the starter could not, if it was killed
        return
    for number, handler in handlers.items():
        signal.signal(number, handler)
    os._exit(exit_status(lambda: become(request, executable)))


if __name__ == "__main__":
    main(*sys.argv[1:])
