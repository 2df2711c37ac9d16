"""torchrun that starts fast in a process with many loaded modules, with a separate store for each start.

torchrun records each of its events with the name of the calling method, for which ``inspect.stack`` goes
through all loaded modules: with the pipeline's libraries 1.6 CPU seconds in all. This reads the name off the frame.

The processes of every restart share the store of torchrun's rendezvous, where they find the addresses of those that
died, and cannot connect (pytorch/pytorch#135712). Here the first process of each start opens a store of its own.

python -m moemoe.training.torchrun --standalone --nproc-per-node N -m moemoe.training.run JOB.json
"""

import os
import sys

from torch.distributed import run
from torch.distributed.elastic.rendezvous import dynamic_rendezvous


def method_name(depth: int = 2) -> str:
    """The function ``depth`` calls above this one, as ``dynamic_rendezvous.get_method_name`` gives it."""
    try:
        return sys._getframe(depth).f_code.co_name
    except ValueError:  # so many calls there are not
        return "no_method_name"


def main(arguments: list[str] | None = None) -> None:
    """torchrun with ``arguments``, those of the command line by default."""
    os.environ.setdefault("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    dynamic_rendezvous.get_method_name = method_name
    run.main(arguments)


if __name__ == "__main__":
    main()
