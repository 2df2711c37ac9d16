"""The process that a run's tasks are forked from (see ``warm_python``): libraries are loaded once for all of them.

A client (``python_client``) sends its arguments, environment, folder, limits and standard streams; the fork is from
then on the process that was asked for (``forked_process``), and lives and dies as its client does. While nobody asks,
the libraries are loaded, one after the other; a fork made early imports what is not there yet itself. When whoever
started this process is gone, by kill -9 too, what still runs gets SIGTERM: a training writes its checkpoint. When this
process is killed, so are its forks: what their clients tell is their end.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from forked_process import PUT_INTO_MAIN, Request, live

#: What ends a run reaches this process too, which has to outlive its forks.
OUTLIVED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: What a client hears when there is a fork: until then it can do without.
TAKEN = b"+"
CTRL_C = bytes([signal.SIGINT])
STARTER = 0
"""The file whose end says that the process that started this one is gone."""
LISTENER = 1
"""The file that comes as the server's socket."""
#: Seconds that a client has to say what it asks for, while all others wait: one that was stopped in between has to do
#: without a fork.
PATIENCE = 2
#: What needs a torchvision that is mended; mending it imports torch, which a server for other libraries has no use for.
NEED_TORCHVISION = {"timm", "transformers"}
#: Linux's option of prctl() that names the signal which a process gets as its parent ends.
PR_SET_PDEATHSIG = 1


class ForkServer:
    """Answers each client by a fork.

    Args:
        listener: where they ask.
        libraries: what to load for all of them.
        prepare: what to do once these are loaded.
    """

    def __init__(self, listener: socket.socket, libraries: Sequence[str], prepare: Sequence[Callable[[], None]]):
        self.listener = listener
        self.libraries = list(libraries)
        self.prepare = prepare
        self.forks: dict[socket.socket, int] = {}
        self.starter_lives = True
        self.selector = selectors.DefaultSelector()
        self.selector.register(listener, selectors.EVENT_READ, self.fork)
        self.selector.register(STARTER, selectors.EVENT_READ, self.end)

    def serve(self) -> Request | None:
        """Loads, forks and buries until the starter and all forks are gone; in a fork, what it is to become."""
        while self.starter_lives or self.forks:
            for key, _ in self.selector.select(0 if self.libraries else None):
                if self.selector.get_map().get(key.fd) is not key:
                    continue  # of a fork that has just ended; a new one may have its number
                if (request := key.data()) is not None:
                    return request
            if self.libraries:
                self.load(self.libraries.pop(0))
        return None

    def load(self, library: str) -> None:
        """Imports a library; whoever needs one that fails says so itself."""
        main = sys.modules["__main__"].__dict__
        before = set(main)
        with contextlib.suppress(Exception):
            importlib.import_module(library)
        PUT_INTO_MAIN.update({name: main[name] for name in main.keys() - before})
        if not self.libraries:
            for prepare in self.prepare:
                with contextlib.suppress(Exception):
                    prepare()
            gc.collect()

    def fork(self) -> Request | None:
        """A new client's request in its fork, else None."""
        try:
            client, _ = self.listener.accept()
        except OSError:  # it has too many open files: all that come from now on do without
            self.selector.unregister(self.listener)
            self.listener.close()
            return None
        client.settimeout(PATIENCE)
        streams: list[int] = []
        server = os.getpid()
        try:
            request = read_request(client, streams)
            gc.freeze()  # else each fork's collections go through all that was loaded, and copy its pages
            pid = os.fork()
        except (OSError, ValueError):  # it died before it had said all, or there is no room for a fork
            client.close()
            close_all(streams)
            return None
        if pid == 0:
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != server:
                os._exit(1)
            close_all(key.fd for key in self.selector.get_map().values())
            self.selector.close()
            client.close()
            return request
        close_all(streams)
        with contextlib.suppress(OSError):  # that it is gone is noticed as with any other
            client.sendall(TAKEN)
        self.forks[client] = pid
        self.selector.register(client, selectors.EVENT_READ, lambda: self.hand_on(client, request.apart))
        ended = os.pidfd_open(pid)
        self.selector.register(ended, selectors.EVENT_READ, lambda: self.bury(client, ended))
        return None

    def hand_on(self, client: socket.socket, apart: bool) -> None:
        """A signal that the client received, to its fork; a client that was killed takes its fork along."""
        received = b""
        with contextlib.suppress(OSError):
            received = client.recv(1)
        if received == CTRL_C and not apart and signal.SIGINT in signal.sigpending():
            return  # this process has it too: it went to the whole group, and so to the fork
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


def read_request(client: socket.socket, streams: list[int]) -> Request:
    """What a client asks for; its streams are appended as they come, to be closed whatever happens then.

    Raises OSError or ValueError where it died, or stopped, before it had said all.
    """
    size, received, _, _ = socket.recv_fds(client, 8, 3)
    streams += received
    with client.makefile("rb") as sent:
        asked = json.loads(sent.read(int.from_bytes(size, "big")))
    if len(streams) != 3:
        raise ValueError("there was no room for its streams")
    return Request(*asked, streams)


def close_all(numbers: Iterable[int]) -> None:
    """Closes files by their numbers."""
    for number in list(numbers):
        os.close(number)


def map_packages() -> None:
    """Which package each module comes from: MLflow reads all files of all packages for it, once in every process."""
    requirements = sys.modules.get("mlflow.utils.requirements_utils")
    if requirements and requirements._MODULES_TO_PACKAGES is None:
        requirements.warn_dependency_requirement_mismatches(["mlflow"])


def main(executable: str, *libraries: str) -> None:
    """Serves until the end of standard input whoever asks at standard output, which is a socket.

    ``executable`` is what the forks start for ``sys.executable``.
    """
    listener = socket.socket(fileno=os.dup(LISTENER))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, LISTENER)
    os.close(nowhere)
    # blocked, not ignored: a fork gets what it is sent before it is ready
    before = signal.pthread_sigmask(signal.SIG_BLOCK, OUTLIVED)
    gc.disable()
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    prepare = [map_packages]
    with contextlib.suppress(ImportError):
        if NEED_TORCHVISION & {library.partition(".")[0] for library in libraries}:
            importlib.import_module("moemoe.torchvision_compat")
        from moemoe.compiled_templates import compile_templates

        prepare.append(compile_templates)
    for name in [name for name in sys.modules if name.split(".")[0] == "moemoe"]:  # a fork may take it from elsewhere
        sys.modules.pop(name, None)
    del sys.path[0]
    request = ForkServer(listener, list(libraries), prepare).serve()
    if request is None:
        shutil.rmtree(Path(executable).parent, ignore_errors=True)  # the starter could not, if it was killed
        return
    live(request, executable, before)


if __name__ == "__main__":
    main(*sys.argv[1:])
