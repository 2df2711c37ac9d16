"""One training job, as the launcher hands it to the processes that torchrun starts."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from moemoe.errors import ConfigError
from moemoe.run_folder import RunFolder
from moemoe.storage import read_bytes

#: Argument of ``moemoe.training.run``: its standard input is a pipe from the launcher, which ends when that does.
UNTIL_LAUNCHER_ENDS = "--until-launcher-ends"


@dataclass(frozen=True)
class TrainingJob:
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
        tolerances: attribute -> how far a right answer may lie from the label (``moemoe.correctness``); None, and of
            those that are not named, for names.
    """

    manifest_uri: str
    run_uri: str
    scratch: str
    recipe: dict[str, Any]
    seed: int
    checkpoint_seconds: float = 60
    warm_start: str = ""
    hidden: dict[str, Any] = field(default_factory=dict)
    tolerances: dict[str, float | None] = field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> "TrainingJob":
        """From a JSON file with these fields.

        Raises:
            ConfigError: there is no such file, or it holds no job.
        """
        try:
            return cls(**json.loads(Path(path).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"{path} does not hold a training job ({error}); moemoe train --job-only writes one"
            ) from error

    @property
    def folder(self) -> RunFolder:
        """What ``run_uri`` holds."""
        return RunFolder(self.run_uri)

    @property
    def trained_on(self) -> dict[str, Any]:
        """What a model of this job was trained on: the manifest by its hash, and what was hidden."""
        return {"manifest": hashlib.sha256(read_bytes(self.manifest_uri)).hexdigest(), "hidden": self.hidden}

    @property
    def events_path(self) -> Path:
        """Where the events are appended while training runs."""
        return Path(self.scratch) / "events.jsonl"

    @property
    def preparation_path(self) -> Path:
        """Events of the preparation before the first step; they are not published."""
        return Path(self.scratch) / "preparation.jsonl"

    @property
    def watched_paths(self) -> list[Path]:
        """The files of events; for a committee, those of its members."""
        jobs = [self.of_member(own["name"], own) for own in self.recipe.get("members", ())] or [self]
        return [path for job in jobs for path in (job.preparation_path, job.events_path)]

    def of_member(self, name: str, recipe: dict[str, Any]) -> "TrainingJob":
        """The job of a committee's member ``name``."""
        scratch = Path(self.scratch) / "members" / name
        return replace(self, run_uri=self.folder.member(name).uri, scratch=str(scratch), recipe=recipe)
