"""One minute of real training: batches by the loader, experts in the decoder, checkpoints, all as a run has it."""

import statistics
from collections.abc import Iterator
from typing import Any

from tests.benchmarks.gpu.box import Box
from tests.benchmarks.gpu.trainings import ENDLESS, recipe_of, train

SECONDS = {"cuda": 60.0, "cpu": None}
EPOCHS = {"cuda": ENDLESS, "cpu": 1}


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """Losses and examples per second of size small with experts."""
    recipe = recipe_of(box, "small", "full", EPOCHS[box.device])
    yield {"size": recipe.size, "batch_products": recipe.training.batch_size, "shards": box.shards or "synthetic"}
    found = train(box, recipe, box.scratch / "training", SECONDS[box.device])
    losses = found.losses
    tenth = max(1, len(losses) // 10)
    first, last = statistics.mean(losses[:tenth]), statistics.mean(losses[-tenth:])
    validation = [e["validation_cross_entropy"] for e in found.events if "validation_cross_entropy" in e]
    yield {
        "seconds": round(found.seconds, 1),
        "steps": found.events[-1]["total_step"],
        "loss_first": round(first, 4),
        "loss_last": round(last, 4),
        "loss_falls": last < first,
        "validation_cross_entropy": [round(value, 4) for value in validation],
        "examples_per_second": found.examples_per_second,
    }
