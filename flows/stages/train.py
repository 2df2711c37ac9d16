"""train: trains a recipe on the shards under torchrun."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from moemoe.training.job import TrainingJob
from moemoe.training.launch import train
from stages.options import Options
from stages.workspace import Workspace


def train_model(
    space: Workspace,
    manifest_uri: str,
    recipe: Mapping[str, Any],
    options: Options,
    processes: int,
    warm_start: bool,
    on_events: Callable[[list[dict[str, Any]]], None],
) -> float:
    """Trains every phase of the recipe, from the last checkpoint if there is one; returns the minutes it took.

    Makes no MLflow calls: the server may be down as long as training takes. ``evaluate`` logs the events.
    """
    began = time.monotonic()
    train(training_job(space, manifest_uri, recipe, options, warm_start), processes, on_events)
    return (time.monotonic() - began) / 60


def training_job(
    space: Workspace, manifest_uri: str, recipe: Mapping[str, Any], options: Options, warm_start: bool
) -> TrainingJob:
    """The job of a run.

    Args:
        recipe: ``Recipe.to_dict``.
        warm_start: whether to start from the weights that lie in the run folder.
    """
    folder = space.folder
    return TrainingJob(
        manifest_uri,
        folder.uri,
        space.scratch,
        dict(recipe),
        options.seed,
        warm_start=folder.warm_start.uri if warm_start else "",
        hidden=asdict(options.hidden(space.contract)),
        tolerances={name: attribute.tolerance for name, attribute in space.contract.attributes.items()},
    )


def write_job(job: TrainingJob) -> str:
    """Writes the job for torchrun into its scratch folder; returns the file's path."""
    path = Path(job.scratch) / "job.json"
    path.write_text(json.dumps(asdict(job)))
    return str(path)
