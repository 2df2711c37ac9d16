"""How training ends early: on SIGTERM, or because the process that started it is gone."""

import os
import signal
import threading

import torch
import torch.distributed as dist

from moemoe.errors import MoEMoEError


class TerminationSignal:
    """Whether this process received SIGTERM, as spot instances and Kubernetes send it before a machine goes away."""

    def __init__(self) -> None:
        self.given = False

    def listen(self) -> None:
        """From now on SIGTERM is noticed instead of ending the process; the step that runs can be finished."""
        signal.signal(signal.SIGTERM, self._take)

    @staticmethod
    def stop_listening() -> None:
        """From now on SIGTERM ends the process again: what follows has no checkpoint to write."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def sync_ranks(self, due: bool, rank: int, world_size: int, device: torch.device) -> tuple[bool, bool]:
        """Whether a checkpoint is due, by rank 0's clock, and whether any rank received SIGTERM: the same on all."""
        ending = self.given
        if world_size > 1:
            found = torch.tensor([float(due and rank == 0), float(ending)], device=device)
            dist.all_reduce(found, dist.ReduceOp.MAX)
            due, ending = bool(found[0]), bool(found[1])
        return due, ending

    def _take(self, *signal_and_frame: object) -> None:
        self.given = True


def stopped(total_step: int, run_uri: str) -> MoEMoEError:
    """The error of a training that received SIGTERM."""
    return MoEMoEError(
        f"training received SIGTERM and stopped after step {total_step}; nothing is lost: the checkpoint is "
        f"under {run_uri}, and a resume goes on from there"
    )


def end_with_launcher() -> None:
    """Ends this process when the other end of its standard input closes, however its holder died.

    torchrun gives each process a session of its own: a launcher that is killed would leave them training, beside those
    of the run that goes on in its place.
    """
    threading.Thread(target=_wait_and_end, name="launcher", daemon=True).start()


def _wait_and_end() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)
