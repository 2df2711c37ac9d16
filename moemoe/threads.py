"""How many threads share an operation on a CPU, and how they wait for each other.

Threads that share the operations of a small model wait for each other more than they compute. By default OpenMP lets
waiting threads spin for a while, which is fastest on idle cores. On busy cores the thread that the others wait for may
not get to run meanwhile, and training stalls. Sleeping threads avoid that; but on idle cores waking them takes a third
of the training time of size small, and half of that of size tiny.
"""

from collections.abc import Iterator
from contextlib import contextmanager

#: Environment variables for a process that will load torch; the user's own settings take precedence.
SLEEPING_THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}


@contextmanager
def at_most(threads: int | None) -> Iterator[None]:
    """Limits the threads per operation of this thread, and of threads started in the block; None: no limit.

    Bitwise reproducibility needs the same number.
    """
    import torch  # lazy: the process that only starts others does not need it

    before = torch.get_num_threads()
    torch.set_num_threads(before if threads is None else min(before, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)
