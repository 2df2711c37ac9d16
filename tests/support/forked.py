"""Runs work in a forked process that dies in the middle of it, without importing anything again."""

import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.support.fault_hook.sitecustomize import Fate


def killed_at(change: int, work: Callable[[], object], folder: Path) -> bool:
    """Whether ``work`` was killed before its n-th change under ``folder / "store"``; else it has ended well."""
    faults = folder / "faults"
    for name in ("plan", "journal"):
        (faults / name).mkdir(parents=True, exist_ok=True)
    (faults / "plan" / "writer").write_text(f"kill result {change}\n")
    return _forked(work, lambda: sys.addaudithook(Fate(str(faults), "writer").watch)) == -signal.SIGKILL


def killed_in_a_file(byte: int, work: Callable[[], object]) -> bool:
    """Whether ``work`` was killed by the kernel while a file grew beyond so many bytes; else it has ended well."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # Python would make an error of it
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (byte, byte))

    return _forked(work, limit) == -signal.SIGXFSZ


def _forked(work: Callable[[], object], begin: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            begin()
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status <= 0, "the work failed by itself"
    return status
