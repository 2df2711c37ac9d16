"""Starts torchrun for a job and watches its events."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moemoe.errors import ConfigError, MoEMoEError, TerminatedError
from moemoe.threads import SLEEPING_THREADS
from moemoe.training.events import NewEvents
from moemoe.training.job import UNTIL_LAUNCHER_ENDS, TrainingJob

#: How often torchrun starts the processes again after one of them has died.
RESTARTS = 3


def default_processes() -> int:
    """The number of GPUs, or 1 if there is none."""
    import torch

    return torch.cuda.device_count() or 1


def check_processes(processes: int) -> None:
    """Raises ConfigError if there are fewer GPUs, or without a GPU fewer cores, than ``processes``."""
    import torch

    gpus, cores = torch.cuda.device_count(), os.cpu_count() or 1
    limit, what = (gpus, "GPUs") if gpus else (cores, "cores (there is no GPU)")
    if not 1 <= processes <= limit:
        raise ConfigError(f"nproc is {processes}; this machine has {limit} {what}, allowed is 1 to {limit}")


def train(
    job: TrainingJob,
    processes: int,
    on_events: Callable[[list[dict[str, Any]]], None],
    poll_seconds: float = 1.0,
    restarts: int = RESTARTS,
) -> None:
    """Trains ``job`` in ``processes`` processes; ``on_events`` gets new events about once per ``poll_seconds``.

    Where a process dies, torchrun starts all of them again from the last checkpoint, up to ``restarts`` times. A
    SIGTERM to this process is handed on: training writes a checkpoint and ends.

    Raises:
        TerminatedError: this process received SIGTERM.
        MoEMoEError: training failed; the message is the processes' own where they gave one.
    """
    scratch = Path(job.scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    events = [NewEvents(path) for path in job.watched_paths]
    with _torchrun(job, scratch, processes, restarts) as running, _on_sigterm(running.hand_on):
        while True:
            status = running.ended_within(poll_seconds)
            if new := [event for file in events for event in file.read()]:
                on_events(new)
            if status is not None:
                break
            if _own_words(running.said()):
                running.end()  # a user error recurs after a restart
    if status != 0:
        error = TerminatedError if running.has_sigterm else MoEMoEError
        raise error(_reason(running.said(), status))


class _Torchrun:
    """The launcher's process, what it and its own have said, and whether it was told to end."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process, self.log = process, log
        self.is_told = self.has_sigterm = False

    def ended_within(self, seconds: float) -> int | None:
        """Its exit status; None if it still runs."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def said(self) -> str:
        """What the processes have printed so far."""
        return self.log.read_text(errors="replace")

    def end(self) -> None:
        """Signals it to end, once: a second signal would keep torchrun from waiting for its processes."""
        if not self.is_told:
            self.is_told = True
            self.process.terminate()

    def hand_on(self, *_: object) -> None:
        """Hands on a SIGTERM of this process."""
        self.has_sigterm = True
        self.end()


@contextmanager
def _torchrun(job: TrainingJob, scratch: Path, processes: int, restarts: int) -> Iterator[_Torchrun]:
    """Starts the launcher; it is gone when this ends."""
    (scratch / "job.json").write_text(json.dumps(asdict(job)))
    command = [sys.executable, "-m", "moemoe.training.torchrun", "--standalone", f"--nproc-per-node={processes}"]
    command += [f"--log-dir={scratch / 'torchrun'}"]  # else torchrun leaves a folder behind among temporary files
    command += [f"--max-restarts={restarts}", "-m", "moemoe.training.run", str(scratch / "job.json")]
    command += [UNTIL_LAUNCHER_ENDS]
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = {"OMP_NUM_THREADS": str(threads), **SLEEPING_THREADS, **os.environ}
    log = scratch / "train.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
        try:
            yield _Torchrun(process, log)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            assert process.stdin is not None
            process.stdin.close()


@contextmanager
def _on_sigterm(action: Callable[..., None]) -> Iterator[None]:
    """SIGTERM to this process calls ``action``; Python lets only the main thread listen."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, action)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _own_words(log: str) -> list[str]:
    """The one-line errors of ``moemoe.training.run``, whole lines alone."""
    return [line.split("moemoe: ", 1)[1] for line in log.split("\n")[:-1] if line.startswith("moemoe: ")]


def _reason(log: str, status: int) -> str:
    """A process's own last words: our one-line error, else what it printed before torchrun's report began."""
    lines = log.splitlines()
    if own := _own_words(log):
        return own[0]
    report = next((i for i, line in enumerate(lines) if "torch/distributed/elastic" in line), len(lines))
    return "\n".join([f"training failed with exit code {status}:", *lines[:report][-25:]])
