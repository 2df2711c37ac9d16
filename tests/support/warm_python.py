"""One process with the libraries loaded for all tests of a pytest process, or of all its workers (``conftest``).

See ``flows/warm_python.py``.

What a test starts by ``warm_python()`` is a fork of it, and what that starts by ``sys.executable`` as well. What is to
be killed with all that it started takes a Python, and so a run a process with libraries, of its own.
"""

import contextlib
import functools
import os
import sys
from collections.abc import Iterator
from unittest import mock

#: The environment variable that says what ``warm_python`` gives, where the workers share it.
SHARED = "MOEMOE_TESTS_PYTHON"


@functools.cache
def warm_python() -> str:
    """What to start in place of ``sys.executable``; its process ends with this one."""
    if SHARED in os.environ:
        return os.environ[SHARED]
    import warm_python as of_flows  # where small trainings are benchmarked, flows are on no path

    return _kept.enter_context(of_flows.warm_python(of_flows.LIBRARIES))


@contextlib.contextmanager
def warm() -> Iterator[None]:
    """Within, what is started by ``sys.executable`` is."""
    with mock.patch.object(sys, "executable", warm_python()):
        yield


_kept = contextlib.ExitStack()  # closed by nobody: the end of this process is enough
