"""A committee's training: its members one after the other on the same split, then their weights on validation.

A member is trained or fitted as it would be alone, under ``members/NAME`` of the run. One that an interrupted run has
finished is not made again; an unfinished one continues from its checkpoint.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from tqdm import tqdm

from moemoe.correctness import is_right
from moemoe.errors import ConfigError
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.hidden import Hidden
from moemoe.shards.sampler import epoch_order
from moemoe.storage import fetch
from moemoe.systems.committee import Committee, longest_text
from moemoe.systems.pooling import fit_weights
from moemoe.threads import at_most
from moemoe.training.events import read_events
from moemoe.training.items import (
    image_buffer,
    item_of,
    kept_features,
    slots_of,
    training_values,
    with_less_text,
)
from moemoe.training.job import TrainingJob
from moemoe.training.stopping import TerminationSignal

PRODUCTS_AT_ONCE = 64
#: Of a larger validation split so many products settle the weights.
MOST_PRODUCTS = 20_000


def train_committee(
    job: TrainingJob, recipe: Recipe, make: Callable[[TrainingJob, Recipe], None], device: torch.device, rank: int
) -> None:
    """Makes all members by ``make``, then the committee, and publishes it under the run.

    Raises:
        ConfigError: a member that an earlier run has left was trained on something else.
    """
    jobs = {member.name: job.of_member(member.name, member.to_dict()) for member in recipe.members}
    for member in recipe.members:
        own = jobs[member.name]
        record = own.folder.trained_on
        if not record.exists():
            make(own, member)
            TerminationSignal.stop_listening()
        elif json.loads(record.read_text()) != job.trained_on:
            raise ConfigError(f"{own.run_uri} holds a member that was trained on another split; start a fresh run")
    if rank == 0:
        _publish_what_members_left(job, jobs)
        folders = {name: fetch(own.folder.model.uri, own.scratch) for name, own in jobs.items()}
        _make_committee(job, recipe, folders, device)


def _make_committee(job: TrainingJob, recipe: Recipe, folders: dict[str, Path], device: torch.device) -> None:
    dataset = ShardedDataset(job.manifest_uri, job.scratch, Hidden.from_dict(job.hidden))
    values = training_values(dataset)
    equal = {name: [1 / len(folders)] * len(folders) for name in values}
    nothing = [member.name for member in recipe.members if member.training.negatives and not member.fitted]
    committee = Committee.of(folders, values, equal, nothing=nothing).to(device).eval()
    threads = [member.training.threads for member in recipe.members if not member.fitted]
    with at_most(max(filter(None, threads), default=None) if all(threads) else None):  # as its widest member trains
        weights, short_text = validation_weights(committee, dataset, job.seed, device, job.tolerances)
    folder = Path(job.scratch) / "model"
    Committee.save(replace(committee.config, weights=weights, short_text=short_text), folders, folder)
    job.folder.model.publish(folder)


def validation_weights(
    committee: Committee,
    dataset: ShardedDataset,
    seed: int,
    device: torch.device,
    tolerances: Mapping[str, float | None],
) -> tuple[dict[str, list[list[float]]], float]:
    """Each attribute's weights by what the members say of the validation split, and how long texts are short.

    Each product is shown whole, by its title alone, and by its image alone. See ``pooling.fit_weights``. A text that is
    nearer to titles than to whole texts is short.

    Args:
        tolerances: of measurements, see ``TrainingJob``.
    """
    rows = epoch_order(dataset.rows("validation"), seed, 0)[:MOST_PRODUCTS]
    said = _Said(committee, tolerances)
    lengths: list[tuple[int, int]] = []  # of the titles and whole texts of products that have more than a title
    images, collator = ImageReader("train"), committee.collator()
    features = kept_features(dataset, committee)
    for start in tqdm(range(0, len(rows), PRODUCTS_AT_ONCE), desc="committee", unit="batch"):
        items = []
        asked: list[list[str]] = []  # every question's right values
        chunk = rows[start : start + PRODUCTS_AT_ONCE].tolist()
        kept = (features.of(chunk) if features is not None else None) or repeat(None, len(chunk))
        for row, known_features in zip(chunk, kept, strict=True):
            slots = slots_of(image_buffer(committee.config, 1), 0)
            item = item_of(dataset, row, committee.config, seed, 0, images, slots, features=known_features)
            title = with_less_text(dataset, row, item, committee.config.sources, title=True)
            views = [item]
            if longest_text(title) < longest_text(item):
                views.append(title)
                lengths.append((longest_text(title), longest_text(item)))
            if any(one is not None and not isinstance(one, str) for one in item.sources):
                views.append(with_less_text(dataset, row, item, committee.config.sources, title=False))
            items += views
            asked += [values for _ in views for values in dataset.values(row).values()]
        said.add(collator(items).to(device), asked)
    short_text = float(np.exp(np.log1p(np.median(lengths, axis=0)).mean())) if lengths else 0.0
    return fit_weights(*said.all(), short_text, len(committee.members)), short_text


class _Said:
    """What the members say of each attribute's values, which of them are right, and how long the texts are."""

    def __init__(self, committee: Committee, tolerances: Mapping[str, float | None]) -> None:
        self._committee, self._tolerances = committee, tolerances
        values = committee.config.values
        members = len(committee.members)
        self._probability_MNC = {name: [np.empty((members, 0, len(own)))] for name, own in values.items()}
        self._right_NC = {name: [np.empty((0, len(own)), bool)] for name, own in values.items()}
        self._characters_N = {name: [np.empty(0)] for name in values}

    def add(self, batch: Any, asked: Sequence[Sequence[str]]) -> None:
        """A batch's answers; ``asked`` are every question's right values."""
        for name, places, probability_MNC, _ in self._committee.distributions(batch):
            values, tolerance = self._committee.config.values[name], self._tolerances.get(name)
            right_NC = np.array([[is_right(value, asked[place], tolerance) for value in values] for place in places])
            known = right_NC.any(1)  # the training split has the right value
            self._probability_MNC[name].append(probability_MNC[:, known, : len(values)])
            self._right_NC[name].append(right_NC[known])
            self._characters_N[name].append(batch.characters[places][known])

    def all(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
        """By attribute the probabilities [M, N, C], what is right [N, C], and the texts' characters [N]."""
        return (
            {name: np.concatenate(parts, axis=1) for name, parts in self._probability_MNC.items()},
            {name: np.concatenate(parts) for name, parts in self._right_NC.items()},
            {name: np.concatenate(parts) for name, parts in self._characters_N.items()},
        )


def _publish_what_members_left(job: TrainingJob, jobs: dict[str, TrainingJob]) -> None:
    """Their events, one after the other, and the images that did not decode, as a single training leaves them."""
    lines, done, undecoded = [], 0, []
    with_experts = None
    for name, own in jobs.items():
        steps = 0
        for event in read_events(fetch(own.folder.events.uri, own.scratch)):
            steps = max(steps, event["total_step"])
            if event.get("expert_tokens"):
                with_experts = with_experts or name
            if with_experts != name:  # one member's experts are shown, see inference.routing
                event.pop("expert_tokens", None)
            lines.append(json.dumps({**event, "member": name, "total_step": done + event["total_step"]}) + "\n")
        done += steps
        if own.folder.training_quarantine.exists():
            undecoded.append(own.folder.training_quarantine.read())
    job.folder.events.write_text("".join(lines))
    if undecoded:
        rows = pa.concat_tables(undecoded)
        rows = rows.group_by(rows.column_names, use_threads=False).aggregate([])
        job.folder.training_quarantine.write(rows)
