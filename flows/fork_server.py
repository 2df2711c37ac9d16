"""The process that a run's tasks are forked from (see ``warm_python``): libraries are loaded once for all of them.

A client (``python_client``) sends its arguments, environment, folder, limits and standard streams. The server forks,
and the fork becomes the requested process (``forked_process``). It gets the client's signals, and the client ends with
its exit status. While no client waits, the server loads the libraries one after the other; a fork made before the last
one imports the missing ones itself. If the process that started the server is gone, even by kill -9, all forks get
SIGTERM, on which a training writes its checkpoint. If the server is killed, so are its forks, and their clients fail.
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

#: Signals that may reach this process when a run is ended; it has to outlive its forks.
OUTLIVED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: The answer to a client once its fork exists; until then the client can become a plain Python.
TAKEN = b"+"
CTRL_C = bytes([signal.SIGINT])
STARTER = 0
"""The file descriptor that is at its end once the process that started this one is gone."""
LISTENER = 1
"""The file descriptor of the server's socket."""
#: Seconds that a client has to send its request, while all others wait. A client stopped meanwhile gets no fork.
PATIENCE = 2
#: Libraries that need the patched torchvision; patching imports torch, which a server for other libraries leaves out.
NEED_TORCHVISION = {"timm", "transformers"}
#: Linux's option of prctl() that sets the signal that a process gets when its parent ends.
PR_SET_PDEATHSIG = 1


class ForkServer:
    """Gives each client a fork.

    Args:
        listener: the socket that clients connect to.
        libraries: modules to load.
        prepare: functions to call once these are loaded.
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
        """Loads and forks until the starter and all forks are gone; returns the request in a fork, else None."""
        while self.starter_lives or self.forks:
            for key, _ in self.selector.select(0 if self.libraries else None):
                if self.selector.get_map().get(key.fd) is not key:
                    continue  # the file of a fork that has just ended; a new one may have its number
                if (request := key.data()) is not None:
                    return request
            if self.libraries:
                self.load(self.libraries.pop(0))
        return None

    def load(self, library: str) -> None:
        """Imports a library; if that fails, the process that needs it will fail itself."""
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
        """Accepts a client and forks; returns the client's request in the fork, else None."""
        try:
            client, _ = self.listener.accept()
        except OSError:  # too many open files: later clients get no fork
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
        except (
            OSError,
            ValueError,
        ):  # the client died during its request, or there is no memory for a fork
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
        with contextlib.suppress(OSError):  # a client that is gone is noticed in hand_on
            client.sendall(TAKEN)
        self.forks[client] = pid
        self.selector.register(client, selectors.EVENT_READ, lambda: self.hand_on(client, request.apart))
        ended = os.pidfd_open(pid)
        self.selector.register(ended, selectors.EVENT_READ, lambda: self.bury(client, ended))
        return None

    def hand_on(self, client: socket.socket, apart: bool) -> None:
        """Hands a client's signal on to its fork; if the client was killed, kills the fork."""
        received = b""
        with contextlib.suppress(OSError):
            received = client.recv(1)
        if received == CTRL_C and not apart and signal.SIGINT in signal.sigpending():
            return  # this process has it too: it went to the whole group, so the fork has it
        os.kill(self.forks[client], received[0] if received else signal.SIGKILL)
        if not received:
            self.selector.unregister(client)

    def bury(self, client: socket.socket, ended: int) -> None:
        """Sends the exit status of a fork that has ended to its client."""
        self.selector.unregister(ended)
        os.close(ended)
        if client.fileno() in self.selector.get_map():
            self.selector.unregister(client)
        status = os.waitstatus_to_exitcode(os.waitpid(self.forks.pop(client), 0)[1])
        with contextlib.suppress(OSError):  # the client is gone
            client.sendall(status.to_bytes(4, "big", signed=True))
        client.close()

    def end(self) -> None:
        """Ends all forks when the starter is gone; this process ends with the last of them."""
        self.selector.unregister(STARTER)
        self.starter_lives = False
        self.libraries.clear()
        for pid in self.forks.values():
            os.kill(pid, signal.SIGTERM)


def read_request(client: socket.socket, streams: list[int]) -> Request:
    """Reads a client's request.

    Args:
        streams: the client's standard streams are added, so that the caller can close them after an error, too.

    Raises:
        OSError, ValueError: the client died, or stopped, before its request was complete.
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
    """Fills MLflow's map of modules to packages, for which each process would read all files of all packages."""
    requirements = sys.modules.get("mlflow.utils.requirements_utils")
    if requirements and requirements._MODULES_TO_PACKAGES is None:
        requirements.warn_dependency_requirement_mismatches(["mlflow"])


def main(executable: str, *libraries: str) -> None:
    """Serves the socket that is standard output until standard input ends.

    Args:
        executable: ``sys.executable`` of the forks.
        libraries: modules to load.
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
    for name in [name for name in sys.modules if name.split(".")[0] == "moemoe"]:  # a fork may import it from elsewhere
        sys.modules.pop(name, None)
    del sys.path[0]
    request = ForkServer(listener, list(libraries), prepare).serve()
    if request is None:
        shutil.rmtree(Path(executable).parent, ignore_errors=True)  # the starter could not, if it was killed
        return
    live(request, executable, before)


if __name__ == "__main__":
    main(*sys.argv[1:])
