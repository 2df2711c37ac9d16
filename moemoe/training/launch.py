"""Starts torchrun for a job and watches its events."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moemoe.errors import ConfigError, MoEMoEError
from moemoe.training.events import read_events
from moemoe.training.run import Job


def default_processes() -> int:
    """The number of GPUs, or 1 where there is none."""
    import torch

    return torch.cuda.device_count() or 1


def check_processes(processes: int) -> None:
    """Raises ConfigError where there are fewer GPUs, or without a GPU fewer cores, than ``processes``."""
    import torch

    gpus, cores = torch.cuda.device_count(), os.cpu_count() or 1
    limit, what = (gpus, "GPUs") if gpus else (cores, "cores (there is no GPU)")
    if not 1 <= processes <= limit:
        raise ConfigError(f"nproc is {processes}; this machine has {limit} {what}, allowed is 1 to {limit}")


def train(
    job: Job, processes: int, on_events: Callable[[list[dict[str, Any]]], None], poll_seconds: float = 1.0
) -> None:
    """Trains ``job`` in ``processes`` processes; ``on_events`` gets new events about once per ``poll_seconds``.

    Raises:
        MoEMoEError: training failed; the message is the processes' own where they gave one.
    """
    scratch = Path(job.scratch)
    scratch.mkdir(parents=True, exist_ok=True)
    (scratch / "job.json").write_text(json.dumps(asdict(job)))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    command += ["-m", "moemoe.training.run", str(scratch / "job.json")]
    threads = max(1, (os.cpu_count() or 1) // processes)
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    log = scratch / "train.log"
    seen = 0
    with open(log, "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            while True:
                try:
                    status = process.wait(poll_seconds)
                except subprocess.TimeoutExpired:
                    status = None
                if new := read_events(job.events_path, seen):
                    seen += len(new)
                    on_events(new)
                if status is not None:
                    break
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    if status != 0:
        raise MoEMoEError(_reason(log.read_text(errors="replace"), status))


def _reason(log: str, status: int) -> str:
    """A process's own last words: our one-line error, else what it printed before torchrun's report began."""
    lines = log.splitlines()
    own = [line.split("moemoe: ", 1)[1] for line in lines if line.startswith("moemoe: ")]
    if own:
        return own[0]
    report = next((i for i, line in enumerate(lines) if "torch/distributed/elastic" in line), len(lines))
    return "\n".join([f"training failed with exit code {status}:", *lines[:report][-25:]])
