"""The program that replaces Python if tasks are forks: it requests a fork from the server, and ends as the fork does.

``warm_python`` writes it to a folder of its own, with a call of ``main`` at the end. It runs without site-packages, so
it needs only the standard library. If a fork cannot reproduce the process exactly, this one becomes a plain Python.
"""

import contextlib
import json
import os
import resource
import signal
import socket
import sys
from typing import Any

#: Signals that a process may be sent from outside.
HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
PLAIN = "MOEMOE_PLAIN_PYTHON"
#: The interpreter. A fork finds it here, in a module that its server has imported; its ``sys.executable`` is a client.
INTERPRETER = sys.executable
#: Beginnings of the variables that Python, the loader, the C library or a library reads only once, at its start.
READ_ONCE = ("PYTHON", "LD_", "LC_", "LANG", "TZ", "MALLOC_", "HF_", "MPL", "MKL_", "OPENBLAS_")
#: Those among them that a fork applies itself.
MINDED = ("PYTHONPATH", "PYTHONUNBUFFERED")


def traits() -> list[Any]:
    """What a process inherits from its starter, but a fork from the server; comparable after JSON."""
    umask = os.umask(0o077)
    os.umask(umask)
    return [
        umask,
        os.nice(0),
        sorted(os.sched_getaffinity(0)),
        {name: value for name, value in os.environ.items() if name.startswith(READ_ONCE) and name not in MINDED},
    ]


def main(python: str, address: str, server_has: list[Any], group: int) -> None:
    """Becomes the process of the command line.

    Args:
        python: the interpreter.
        address: the server's socket.
        server_has: the server's ``traits``.
        group: the server's process group.
    """
    apart = os.getpgrp() != group
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # this program's traceback would not help
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, HANDED_ON)  # a signal waits until it can be handed on
    server = None
    if is_for_fork(sys.argv[1:]):
        with contextlib.suppress(OSError):
            if traits() == server_has and not any(map(is_inherited, os.listdir("/proc/self/fd"))):
                server = ask(address, apart)
    if server is None:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.execv(python, [python, *sys.argv[1:]])
    else:
        shadow(server, blocked)


def is_for_fork(arguments: list[str]) -> bool:
    """Whether a fork can run this command line with this process's streams."""
    if os.environ.get(PLAIN) or None in (sys.stdin, sys.stdout, sys.stderr):
        return False
    while arguments[:1] == ["-u"]:
        arguments = arguments[1:]
    if arguments[:1] in (["-m"], ["-c"]):
        return len(arguments) > 1
    return bool(arguments) and arguments[0].endswith(".py") and os.path.isfile(arguments[0])


def is_inherited(number: str) -> bool:
    """Whether this is an open file, besides the standard streams, that this process has inherited."""
    try:
        return int(number) > 2 and os.get_inheritable(int(number))
    except OSError:  # it has been closed since it was listed
        return False


def ask(address: str, apart: bool) -> socket.socket | None:
    """Requests a fork; returns the connection to the server, None if it made no fork. Raises OSError if it is gone."""
    kinds = {getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")}
    limits = [(kind, *resource.getrlimit(kind)) for kind in kinds]
    ignored = [number for number in HANDED_ON if signal.getsignal(number) == signal.SIG_IGN]
    request = json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), apart, limits, ignored]).encode()
    server = socket.socket(socket.AF_UNIX)
    server.connect(address)
    socket.send_fds(server, [len(request).to_bytes(8, "big")], [0, 1, 2])
    server.sendall(request)
    return server if server.recv(1) else None


def shadow(server: socket.socket, blocked: set[signal.Signals]) -> None:
    """Hands signals on to the fork and ends as it does; ``blocked``: the signals blocked at the start."""

    def hand_on(number: int, _: object) -> None:
        with contextlib.suppress(OSError):  # the fork has just ended
            server.sendall(bytes([number]))

    for number in HANDED_ON:  # also ignored ones: the fork may handle them later
        signal.signal(number, hand_on)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    said = b""
    with contextlib.suppress(OSError):
        said = server.recv(4)
    if not said:
        sys.exit(f"the process with the libraries was killed, and this task with it; {PLAIN}=1 does without it")
    status = int.from_bytes(said, "big", signed=True)
    if status < 0:
        if -status != signal.SIGKILL:
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    os._exit(status)
