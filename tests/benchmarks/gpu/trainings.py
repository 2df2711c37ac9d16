"""Real trainings, by the trainer that the pipeline starts, in the part's own process."""

import os
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from moemoe.batches.batch import Batch
from moemoe.errors import MoEMoEError
from moemoe.recipes import Recipe, load_recipe
from moemoe.shards.loader import Loader
from moemoe.training.events import read_events
from moemoe.training.job import TrainingJob
from moemoe.training.trainer import Trainer
from tests.benchmarks.gpu.box import Box
from tests.support.small_training import small_recipe

#: Steps before the first that counts: kernels are chosen, memory is asked for.
WARM_UP = {"cuda": 10, "cpu": 1}
#: More epochs than a training that is ended by the clock can do.
ENDLESS = 10_000


def recipe_of(
    box: Box, size: str, phase: str = "dense", epochs: int = ENDLESS, batch_size: int | None = None
) -> Recipe:
    """The model in ``size`` from scratch, trained in one ``phase`` (``full``: with experts); on a CPU a smaller one."""
    if box.small:
        recipe = small_recipe()
        batch_size = batch_size and min(batch_size, 12)
        recipe.model["context_length"] = 96
        recipe.model["text"]["vocab_size"] = 600
    else:
        image = "image.pretrained=false, image.trained=all" if size == "tiny" else ""
        recipe = load_recipe("moemoe", size, settings=image)
    training = replace(recipe.training, epochs=epochs, warmup_steps=20)
    training = replace(training, batch_size=batch_size or training.batch_size)
    return replace(recipe, phases=(phase,), training=training)


@dataclass
class Training:
    """What a training did.

    Args:
        model: the folder of the trained model; absent where the clock ended it.
        events: as the trainer wrote them.
        seconds: from the first batch to the end.
        waited, computed: seconds of each step before and after it had its batch, without those of the warm-up.
        first_waited: seconds that the first batch of each epoch was waited for.
    """

    model: Path
    events: list[dict[str, Any]]
    seconds: float = 0.0
    waited: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)
    first_waited: list[float] = field(default_factory=list)

    @property
    def losses(self) -> list[float]:
        """Every tenth step's."""
        return [event["loss"] for event in self.events if event["event"] == "step"]

    @property
    def examples_per_second(self) -> float | None:
        """The median over its last three quarters; None of a training that is too short."""
        found = [event["examples_per_second"] for event in self.events if event["event"] == "step"]
        return round(statistics.median(found[len(found) // 4 :]), 1) if found else None


def train(box: Box, recipe: Recipe, folder: Path, seconds: float | None = None) -> Training:
    """Trains on the box's shards; after so many ``seconds`` of steps it is told to end, as a spot machine is."""
    job = TrainingJob(box.manifest(), str(folder / "run"), str(folder / "scratch"), recipe.to_dict(), 0, 3600.0)
    Path(job.scratch).mkdir(parents=True, exist_ok=True)
    precision = nullcontext() if box.device == "cpu" else box.precision()
    trainer = Trainer(job, recipe, torch.device(box.device), 0, 1, precision)
    watched = Watched(box, trainer.loader, seconds)
    trainer.loader = watched
    try:
        trainer.train()
    except MoEMoEError:
        if not watched.ended:
            raise
    finally:
        watched.end()
        trainer.notice.stop_listening()
    found = watched.found
    found.model, found.events = folder / "run" / "model", read_events(job.events_path)
    return found


class Watched:
    """A loader that knows how long it was waited for; the GPU has nothing to do while one waits.

    Args:
        seconds: after so many from the first batch on, the process gets SIGTERM; None: never.
    """

    def __init__(self, box: Box, loader: Loader[list[Batch]], seconds: float | None):
        self._box, self._loader = box, loader
        self.found = Training(Path(), [])
        self._timer = None if seconds is None else threading.Timer(seconds, self._stop)
        self._began: float | None = None
        self._steps = 0
        self.ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[list[Batch]]:
        if self._began is None:
            self._began = time.perf_counter()
            if self._timer is not None:
                self._timer.start()
        batches, first, end = iter(self._loader), True, object()
        while True:
            self._box.wait()
            start = time.perf_counter()
            batch = next(batches, end)
            if batch is end:
                return
            waited = time.perf_counter() - start
            yield batch
            self._box.wait()
            self._steps += 1
            if first:
                self.found.first_waited.append(waited)
            elif self._steps > WARM_UP[self._box.device]:
                self.found.waited.append(waited)
                self.found.computed.append(time.perf_counter() - start - waited)
            first = False

    def end(self) -> None:
        """Of the training."""
        if self._timer is not None:
            self._timer.cancel()
        if self._began is not None:
            self.found.seconds = time.perf_counter() - self._began

    def _stop(self) -> None:
        self.ended = True
        os.kill(os.getpid(), signal.SIGTERM)
