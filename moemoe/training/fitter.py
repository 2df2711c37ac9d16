"""One pass over the training split for systems that are fitted, not trained; it leaves the files of a training run."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from moemoe.batches.collate import ModelInput
from moemoe.recipes import Recipe
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader
from moemoe.shards.hidden import Hidden
from moemoe.shards.image_features import ImageFeatures
from moemoe.systems import load_system
from moemoe.training.events import EventLog
from moemoe.training.items import (
    compute_image_features,
    image_buffer,
    item_of,
    slots_of,
    training_values,
    with_less_text,
)
from moemoe.training.job import TrainingJob
from moemoe.training.preparation import Preparation

EVENT_PRODUCTS = 1000
#: A system is fitted to so many products at most.
MOST_PRODUCTS = 200_000


def fit(job: TrainingJob, recipe: Recipe, device: torch.device) -> None:
    """Fits the recipe's system and publishes it under the run. A step is a product; there is no loss.

    Args:
        device: where the features of images are computed.
    """
    dataset = ShardedDataset(job.manifest_uri, job.scratch, Hidden.from_dict(job.hidden))
    config = recipe.config.with_catalog(0, training_values(dataset))
    events = EventLog(job.events_path)
    system_class = load_system(recipe.system)
    features = None
    if hasattr(system_class, "create"):
        features = compute_image_features(dataset, system_class.create(config).to(device), Preparation(job, 0, 1))
    system = system_class.fit(config, _items(job, dataset, config, features, events), job.seed)
    folder = Path(job.scratch) / "model"
    system.save_pretrained(folder)
    job.folder.events.publish(job.events_path)
    job.folder.model.publish(folder)


def _chosen(rows: np.ndarray, seed: int) -> np.ndarray:
    """All training products, or MOST_PRODUCTS of them by seed: a fitted system holds its products in memory."""
    if len(rows) <= MOST_PRODUCTS:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, MOST_PRODUCTS, replace=False))


def _items(
    job: TrainingJob, dataset: ShardedDataset, config: Any, features: ImageFeatures | None, events: EventLog
) -> Iterator[ModelInput]:
    rows = _chosen(dataset.rows("train"), job.seed)
    started, examples = time.monotonic(), 0
    images = ImageReader("train")
    for done, row in enumerate(tqdm(rows, desc="fit", unit="product"), start=1):
        slots = slots_of(image_buffer(config, 1), 0)
        known = features[int(row)] if features is not None else None
        item = item_of(dataset, row, config, job.seed, 0, images, slots, features=known)
        examples += len(item.questions)
        if done % EVENT_PRODUCTS == 0 or done == len(rows):
            seconds = time.monotonic() - started
            events.append(
                "step",
                phase="fit",
                epoch=0,
                total_step=done,
                steps=len(rows),
                examples_per_second=examples / seconds,
                seconds_left=seconds / done * (len(rows) - done),
            )
        yield item
        if getattr(config, "titles", False):
            short = with_less_text(dataset, row, item, config.sources, title=True)
            if list(short.sources) != list(item.sources):
                yield short
    events.append("epoch", phase="fit", epoch=0, total_step=len(rows))
    if images.quarantine.num_rows:
        job.folder.training_quarantine.write(images.quarantine)
        events.append("quarantined", total_step=len(rows), images=images.quarantine.num_rows)
