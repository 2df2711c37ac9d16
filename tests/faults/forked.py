"""A piece of work in a forked process that dies at one of its changes on disk; nothing is imported again."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.faults.hook.sitecustomize import Fate


def killed_at(change: int, work: Callable[[], object], folder: Path) -> bool:
    """Whether ``work``, whose results lie under ``folder / "root"``, was killed there; else it has ended well."""
    faults = folder / "faults"
    for name in ("plan", "journal"):
        (faults / name).mkdir(parents=True, exist_ok=True)
    (faults / "plan" / "writer").write_text(f"kill result {change}\n")
    child = os.fork()
    if child == 0:
        try:
            sys.addaudithook(Fate(str(faults), "writer").watch)
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -9), status
    return status == -9
