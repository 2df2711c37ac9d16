"""Trains a recipe on shards that are there, without the pipeline.

    python -m moemoe.training SHARDS --model moemoe --size tiny --output FOLDER
    python -m moemoe.training SHARDS --model qga --set 'load_balancing_weight=0.5' --output FOLDER --job-only JOB.json

SHARDS is a manifest (manifest.json, or the folder that it lies in) as a run of the pipeline writes it, here or on
s3://. The trained model lies in FOLDER/model; the same command again goes on from the last checkpoint. --job-only
writes the job for torchrun on another machine and trains nothing.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moemoe.errors import ConfigError, MoEMoEError
from moemoe.recipes import known_recipes, known_sizes, load_recipe
from moemoe.shards.manifest import Manifest
from moemoe.shards.sampler import check_batch_size
from moemoe.storage import absolute, join
from moemoe.training.job import Job
from moemoe.training.launch import check_processes, default_processes, train

MANIFEST = "manifest.json"


def make_job(arguments: argparse.Namespace, processes: int) -> Job:
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
    scratch = arguments.scratch or join(tempfile.gettempdir(), "moemoe-training")
    return Job(manifest, output, scratch, recipe.to_dict(), arguments.seed)


def _say(events: list[dict[str, Any]]) -> None:
    """A line for each epoch's validation loss."""
    for event in events:
        if "validation_cross_entropy" in event:
            loss = f"validation cross entropy {event['validation_cross_entropy']:.3f}"
            print(f"{event['phase']} phase, step {event['total_step']}: {loss}", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m moemoe.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", metavar="SHARDS", help="manifest.json of the shards, or its folder")
    parser.add_argument("--output", required=True, help="folder or s3:// for checkpoint, events and model")
    parser.add_argument("--model", default="moemoe", help=f"a recipe: {', '.join(known_recipes())}")
    parser.add_argument("--size", default="tiny", help=f"{', '.join(known_sizes())}")
    parser.add_argument("--weights", help="scratch, or a T5 checkpoint by name or folder; default: the size's")
    parser.add_argument("--set", default="", help="more changes, e.g. 'experts.number=16, training.epochs=2'")
    parser.add_argument("--epochs", type=int, help="per phase; default: the size's")
    parser.add_argument("--batch-size", type=int, help="in products, over all processes; default: the size's")
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and noise")
    parser.add_argument("--processes", type=int, help="default: one per GPU, else 1")
    parser.add_argument("--scratch", help="local folder for what comes from S3; default: under the system's own")
    parser.add_argument("--job-only", metavar="JOB.json", help="write the job to this file; train nothing")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    chosen = _parser().parse_args(arguments)
    try:
        processes = chosen.processes or default_processes()
        if not chosen.job_only:
            check_processes(processes)
        job = make_job(chosen, processes)
        if chosen.job_only:
            Path(chosen.job_only).write_text(json.dumps(dataclasses.asdict(job), indent=2) + "\n")
            print(
                f"python -m torch.distributed.run --standalone --nproc-per-node {processes} "
                f"-m moemoe.training.run {chosen.job_only}"
            )
            return
        train(job, processes, _say)
    except (MoEMoEError, OSError) as error:
        sys.exit(f"moemoe: {error}")
    print(f"model  {job.folder.model.uri}")


if __name__ == "__main__":
    main()
