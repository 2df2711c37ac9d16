"""Turns a fork of the server (``fork_server``) into the process that its client requested, until its exit."""

import atexit
import gc
import importlib
import io
import os
import resource
import runpy
import signal
import site
import sys
import threading
import traceback
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from python_client import HANDED_ON

#: Python's own exit status if its output could not be written.
UNWRITTEN = 120
#: What libraries put into ``__main__`` as they are loaded and look up there later, as Metaflow does its tuples.
PUT_INTO_MAIN: dict[str, Any] = {}


@dataclass(frozen=True)
class Request:
    """A client's request: the process that a fork is to become.

    Args:
        arguments: the command line without the interpreter.
        apart: whether the client is in another process group than the run, whose signals do not reach it.
        limits: of resources, each (kind, soft, hard), as in ``resource``.
        ignored: the signals to ignore; others that a client hands on have their default action.
        streams: file descriptors of standard input, output and error.
    """

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    apart: bool
    limits: list[tuple[int, int, int]]
    ignored: list[int]
    streams: list[int]


def become(request: Request, executable: str, blocked: set[int]) -> None:
    """Runs the requested process in this fork.

    Args:
        executable: ``sys.executable``.
        blocked: the signals that the process blocks.
    """
    if request.apart:
        os.setsid()
    for signal_number in HANDED_ON:
        default = signal.default_int_handler if signal_number == signal.SIGINT else signal.SIG_DFL
        signal.signal(signal_number, signal.SIG_IGN if signal_number in request.ignored else default)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
        os.close(stream)
    for kind, *soft_and_hard in request.limits:
        resource.setrlimit(kind, soft_and_hard)
    servers_own, servers_settings = _python_path(), _metaflow_settings()
    os.environ.clear()
    os.environ.update(request.environment)
    os.chdir(request.folder)
    if _metaflow_settings() != servers_settings:
        _unload_metaflow()
    sys.executable, sys.orig_argv = executable, [executable, *request.arguments]
    sys.path[:] = [*_python_path(), *(path for path in sys.path if path not in servers_own)]
    importlib.invalidate_caches()  # a folder may have come into being since
    _open_streams(unbuffered=request.arguments[0] == "-u" or bool(os.environ.get("PYTHONUNBUFFERED")))
    _set_up_libraries()
    sys.modules.pop("sitecustomize", None)
    site.execsitecustomize()  # as a Python does as it starts
    _run(list(request.arguments), request.folder)


def _python_path() -> list[str]:
    given = os.environ.get("PYTHONPATH")
    return list(dict.fromkeys(os.path.abspath(path) for path in given.split(os.pathsep))) if given else []


def _metaflow_settings() -> dict[str, str]:
    """Whatever Metaflow reads at its import; METAFLOW_RUN_ID, which differs by task, is read later."""
    read = {name: value for name, value in os.environ.items() if name.startswith("METAFLOW_")}
    read.pop("METAFLOW_RUN_ID", None)
    folder = os.readlink("/proc/self/cwd")
    return {**read, **{name: os.environ.get(name, "") for name in ("HOME", "PYTHONPATH")}, "folder": folder}


def _unload_metaflow() -> None:
    """Removes Metaflow's modules, so that the next import reads the present settings."""
    for name in [name for name in sys.modules if name.partition(".")[0] in ("metaflow", "metaflow_extensions")]:
        del sys.modules[name]
    sys.meta_path[:] = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("metaflow.")]
    PUT_INTO_MAIN.clear()


def _open_streams(unbuffered: bool) -> None:
    """Opens the standard streams in the server's encodings; a client with other encodings gets no fork."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        mode, buffering = ("wb", 0 if unbuffered else -1) if number else ("rb", -1)
        stream = io.TextIOWrapper(
            open(number, mode, buffering, closefd=False),  # noqa: SIM115
            getattr(sys, name).encoding, getattr(sys, name).errors, line_buffering=True, write_through=unbuffered,
        )  # fmt: skip
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def _set_up_libraries() -> None:
    """Repeats for this process what libraries set up at import."""
    gc.enable()
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else all forks draw the same
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if threads.isdecimal() and int(threads) > 0 and (torch := sys.modules.get("torch")):
        torch.set_num_threads(int(threads))


def _run(arguments: list[str], folder: str) -> None:
    """Does what ``python`` would with these arguments; the client allows -u, -m, -c and a script."""
    while arguments[0] == "-u":
        del arguments[0]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__.update(PUT_INTO_MAIN, __builtins__=__builtins__)
    if arguments[0] == "-m":
        sys.path.insert(0, folder)
        sys.argv = arguments[1:]
        runpy._run_module_as_main(arguments[1])  # type: ignore[attr-defined]  # what `python -m` itself calls
    elif arguments[0] == "-c":
        sys.path.insert(0, "")
        sys.argv = ["-c", *arguments[2:]]
        exec(compile(arguments[1], "<string>", "exec", dont_inherit=True), main.__dict__)
    else:
        script = os.path.abspath(arguments[0])
        sys.path.insert(0, os.path.dirname(os.path.realpath(script)))
        sys.argv = arguments
        main.__dict__["__file__"] = script
        exec(compile(Path(script).read_bytes(), script, "exec", dont_inherit=True), main.__dict__)


def live(request: Request, executable: str, blocked: set[int]) -> NoReturn:
    """Runs the requested process and exits as the interpreter would, but without unloading all modules."""
    status = 0
    try:
        become(request, executable, blocked)
    except SystemExit as exit:
        status = exit.code if isinstance(exit.code, int) else int(exit.code is not None)
        if not isinstance(exit.code, int | None):
            print(exit.code, file=sys.stderr)
    except BaseException as error:
        status = -signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1
        frames = error.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        error.__traceback__ = frames
        sys.excepthook(type(error), error, frames)
        del error, frames
    _wait_for_threads()
    atexit._run_exitfuncs()
    sys.modules["__main__"].__dict__.clear()  # closes its files, which writes what they hold
    if not all([_is_written(sys.stdout), _is_written(sys.stderr)]) and status >= 0:
        status = UNWRITTEN
    if status == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status & 0xFF)


def _wait_for_threads() -> None:
    """Waits for threads as the interpreter does: an error is printed and does not change the exit status."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]
    except BaseException as error:
        print(f"Exception ignored in: {threading!r}", file=sys.stderr)
        frames = error.__traceback__
        traceback.print_exception(type(error), error, frames and frames.tb_next)


def _is_written(stream: Any) -> bool:
    """Flushes a stream, if it is open; returns whether that worked."""
    try:
        if stream is not None and not getattr(stream, "closed", False):
            stream.flush()
    except Exception:
        return False
    return True
