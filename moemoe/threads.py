"""How many threads share an operation on a CPU, and how they wait for each other.

Threads that share every operation of a small model wait for each other more than they compute. How they wait is
OpenMP's: by itself it lets them spin for a while, which is quickest where nobody else wants the cores. Beside other
work the thread that is waited for may not run meanwhile, and training stands still. Threads that sleep go on there;
where nothing else runs, waking them takes a third of the time of a model of size small, and half of that of size tiny.
"""

from collections.abc import Iterator
from contextlib import contextmanager

#: Environment of a process in which torch is to be loaded; what a person has set goes before it.
SLEEPING_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


@contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """Within it, at most so many share an operation of this thread, and of those that begin meanwhile; None: no limit.

    The number is part of what makes the same bits again.
    """
    import torch  # who starts processes needs none

    before = torch.get_num_threads()
    torch.set_num_threads(before if threads is None else min(before, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)
