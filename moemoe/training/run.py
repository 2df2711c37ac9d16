"""What torchrun starts, one process per GPU (gloo on CPU): trains or fits a recipe's system and writes it.

python -m torch.distributed.run --standalone --nproc-per-node N -m moemoe.training.run JOB.json

``python -m moemoe.training SHARDS --model NAME ... --job-only JOB.json`` writes the job; without --job-only it also
starts torchrun.
"""

import json
import os
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from moemoe.errors import ConfigError, MoEMoEError
from moemoe.recipes import Recipe
from moemoe.run_folder import RunFolder
from moemoe.storage import no_space_left


@dataclass(frozen=True)
class Job:
    """One training job, as the launcher hands it over in a JSON file.

    Args:
        manifest_uri: the shards.
        run_uri: where checkpoint, events and model go, under the root.
        scratch: a local folder.
        recipe: ``Recipe.to_dict()``.
        seed: of weights, order, targets, dropout and noise.
        checkpoint_seconds: time between checkpoints within an epoch; every epoch ends with one.
        warm_start: a trained model's folder under the root: its weights and tokenizer are the start of the recipe's
            last phase, which alone is trained.
        hidden: ``moemoe.shards.hidden.Hidden`` as a dictionary: what the model must not see.
    """

    manifest_uri: str
    run_uri: str
    scratch: str
    recipe: dict[str, Any]
    seed: int
    checkpoint_seconds: float = 60
    warm_start: str = ""
    hidden: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> "Job":
        """From a JSON file with these fields.

        Raises:
            ConfigError: there is no such file, or it holds no job.
        """
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path} holds no training job ({error}); python -m moemoe.training writes one"
            ) from error

    @property
    def folder(self) -> RunFolder:
        """What ``run_uri`` holds."""
        return RunFolder(self.run_uri)

    @property
    def events_path(self) -> Path:
        """Where the events are appended while training runs."""
        return Path(self.scratch) / "events.jsonl"

    @property
    def events_paths(self) -> list[Path]:
        """The same; of a committee, where its members' are."""
        members = [self.of_member(own["name"], own).events_path for own in self.recipe.get("members", ())]
        return members or [self.events_path]

    def of_member(self, name: str, recipe: dict[str, Any]) -> "Job":
        """The job of a committee's member ``name``."""
        scratch = Path(self.scratch) / "members" / name
        return replace(self, run_uri=self.folder.member(name).uri, scratch=str(scratch), recipe=recipe)


def main(path: str, *options: str) -> int:
    """Runs the job; 0 when trained, 2 after an error that a person can mend (one line on stderr)."""
    from moemoe.training.committee import train_committee
    from moemoe.training.fitter import fit
    from moemoe.training.stopping import UNTIL_LAUNCHER_ENDS, end_with_launcher
    from moemoe.training.trainer import Trainer

    if UNTIL_LAUNCHER_ENDS in options:
        end_with_launcher()
    try:
        job = Job.load(path)
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

    def make(job: Job, recipe: Recipe) -> None:
        if recipe.members:
            train_committee(job, recipe, make, device, rank)
        elif not recipe.fitted:
            Trainer(job, recipe, device, rank, world_size, precision).train()
        elif rank == 0:  # one process does it, the others have nothing to do
            fit(job, recipe)

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
