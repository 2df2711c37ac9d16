"""Trains a recipe on existing shards, without the pipeline.

    moemoe train SHARDS --model moemoe --size tiny --output FOLDER
    moemoe train SHARDS --model qga --set 'load_balancing_weight=0.5' --output FOLDER --job-only JOB.json

SHARDS is a manifest (manifest.json, or the folder that it lies in) as a run of the pipeline writes it, here or on
s3://. The trained model lies in FOLDER/model; the same command again continues from the last checkpoint. --job-only
writes the job for torchrun on another machine and trains nothing.
"""

import argparse
import dataclasses
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from moemoe.cli import main
from moemoe.errors import ConfigError
from moemoe.recipes import check_names, load_recipe
from moemoe.shards.manifest import Manifest
from moemoe.shards.sampler import check_batch_size
from moemoe.storage import absolute, check_writable, join
from moemoe.training.job import TrainingJob
from moemoe.training.launch import check_processes, default_processes, train

MANIFEST = "manifest.json"


def make_job(arguments: argparse.Namespace, processes: int) -> TrainingJob:
    """The job that the command line asks for, checked: recipe, shards, batch size.

    Raises:
        ConfigError: a name or a number that is not allowed.
        StorageError: no manifest is there.
    """
    recipe = load_recipe(
        arguments.model, arguments.size, arguments.weights, None, arguments.epochs, arguments.batch_size, arguments.set
    )
    check_batch_size(recipe.training.batch_size, processes * recipe.training.accumulation)
    recipe.check()
    if not 0 <= arguments.seed < 2**31:
        raise ConfigError(f"--seed is {arguments.seed}; allowed is 0 to {2**31 - 1}")
    shards = absolute(arguments.shards)
    manifest = shards if shards.endswith(".json") else join(shards, MANIFEST)
    Manifest.read(manifest)
    output = absolute(arguments.output)
    own = hashlib.sha256(output.encode()).hexdigest()[:16]  # a folder for each training: its job and events lie there
    scratch = arguments.scratch or join(tempfile.gettempdir(), "moemoe-training", own)
    return TrainingJob(manifest, output, scratch, recipe.to_dict(), arguments.seed)


def _say(events: list[dict[str, Any]]) -> None:
    """A line for each epoch's validation loss."""
    for event in events:
        if "validation_cross_entropy" in event:
            loss = f"validation cross entropy {event['validation_cross_entropy']:.3f}"
            print(f"{event['phase']} phase, step {event['total_step']}: {loss}", flush=True)


def command(chosen: argparse.Namespace) -> None:
    """Does ``moemoe train``."""
    check_names(chosen.model, chosen.size)
    processes = chosen.processes or default_processes()
    if not chosen.job_only:
        check_processes(processes)
    job = make_job(chosen, processes)
    if chosen.job_only:
        Path(chosen.job_only).write_text(json.dumps(dataclasses.asdict(job), indent=2) + "\n")
        print(
            f"python -m moemoe.training.torchrun --standalone --nproc-per-node {processes} "
            f"-m moemoe.training.run {chosen.job_only}"
        )
        return
    check_writable(job.run_uri)
    train(job, processes, _say)
    print(f"model  {job.folder.model.uri}")


if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
