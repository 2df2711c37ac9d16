"""Every step of a flow with this folder on PYTHONPATH notes, as it ends, the packages it has loaded.

MOEMOE_LOADED names the folder that gets a file for each step, MOEMOE_CHILDREN the Python of what a step starts; a step
itself has to be a plain one (MOEMOE_PLAIN_PYTHON).
"""

import atexit
import os
import sys


def note(path: str) -> None:
    """The names of all packages that this process has imported, a line each."""
    with open(path, "w") as file:
        file.writelines(f"{name}\n" for name in sorted(sys.modules) if "." not in name)


if "step" in sys.orig_argv and "--task-id" in sys.orig_argv and "MOEMOE_LOADED" in os.environ:
    sys.executable = os.environ.get("MOEMOE_CHILDREN", sys.executable)
    os.environ.pop("MOEMOE_PLAIN_PYTHON", None)
    atexit.register(note, os.path.join(os.environ["MOEMOE_LOADED"], sys.orig_argv[sys.orig_argv.index("step") + 1]))
