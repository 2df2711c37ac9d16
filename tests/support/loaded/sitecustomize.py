"""Every step of a flow with this folder on PYTHONPATH notes, as it ends, the packages that it asked for.

Not those that it has: its process is a fork of one that has the libraries loaded. MOEMOE_LOADED names the folder that
gets a file for each step.
"""

import atexit
import builtins
import os
import sys
from typing import Any


def note_imports(path: str) -> None:
    """Names every package that is imported from now on, a line each, in a file that is written at the end."""
    names: set[str] = set()
    import_it = builtins.__import__

    def noted(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level == 0:
            names.add(name.partition(".")[0])
        return import_it(name, globals, locals, fromlist, level)

    def write() -> None:
        with open(path, "w") as file:
            file.writelines(f"{name}\n" for name in sorted(names))

    builtins.__import__ = noted
    atexit.register(write)


if "step" in sys.orig_argv and "--task-id" in sys.orig_argv and "MOEMOE_LOADED" in os.environ:
    note_imports(os.path.join(os.environ["MOEMOE_LOADED"], sys.orig_argv[sys.orig_argv.index("step") + 1]))
