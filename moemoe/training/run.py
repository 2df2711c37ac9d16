"""What torchrun starts, one process per GPU (gloo on CPU): trains or fits a recipe's system and writes it.

python -m moemoe.training.torchrun --standalone --nproc-per-node N -m moemoe.training.run JOB.json

``moemoe train SHARDS --model NAME ... --job-only JOB.json`` writes the job; without --job-only it also
starts torchrun.
"""

import json
import os
import sys
from contextlib import nullcontext

import torch
import torch.distributed as dist

from moemoe.errors import ConfigError, MoEMoEError
from moemoe.recipes import Recipe
from moemoe.storage import no_space_left
from moemoe.training.committee import train_committee
from moemoe.training.fitter import fit
from moemoe.training.job import UNTIL_LAUNCHER_ENDS, TrainingJob
from moemoe.training.stopping import end_with_launcher
from moemoe.training.trainer import Trainer


def main(path: str, *options: str) -> int:
    """Runs the job; 0 when trained, 2 after an error that the user can fix (one line on stderr)."""
    if UNTIL_LAUNCHER_ENDS in options:
        end_with_launcher()
    try:
        job = TrainingJob.load(path)
    except ConfigError as error:
        print(f"moemoe: {error}", file=sys.stderr, flush=True)
        return 2
    recipe = Recipe.from_dict(job.recipe)
    world_size, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    if world_size > 1:
        dist.init_process_group("nccl" if cuda else "gloo")
    precision = torch.autocast("cuda", dtype=torch.bfloat16) if cuda else nullcontext()

    def make(job: TrainingJob, recipe: Recipe) -> None:
        if recipe.members:
            train_committee(job, recipe, make, device, rank)
        elif not recipe.fitted:
            Trainer(job, recipe, device, rank, world_size, precision).train()
        elif rank == 0:  # one process does it, the others have nothing to do
            fit(job, recipe, device)
        if rank == 0:
            job.folder.trained_on.write_text(json.dumps(job.trained_on))

    try:
        make(job, recipe)
    except Exception as error:
        said = error if isinstance(error, MoEMoEError) else no_space_left(error)
        if said is None:
            raise
        print(f"moemoe: {said}", file=sys.stderr, flush=True)
        return 2
    finally:
        if world_size > 1:
            dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 2 or {"-h", "--help"} & set(sys.argv):
        print(__doc__)
        sys.exit(0 if len(sys.argv) > 1 else 2)
    sys.exit(main(*sys.argv[1:]))
