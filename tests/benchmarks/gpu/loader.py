"""The loader in front of the training step: the share of the time that the GPU waits for a batch.

Before a batch is asked for, the GPU has ended what it was given; so whatever the loader takes then is time in which the
GPU does nothing. The first batch of an epoch is not in the share: an epoch here has few steps.
"""

import statistics
from collections.abc import Iterator
from typing import Any

from moemoe.shards import decode
from tests.benchmarks.gpu.box import Box
from tests.benchmarks.gpu.trainings import recipe_of, train

SECONDS = {"cuda": 12.0, "cpu": 1.5}
#: Products in a batch: the recipe's, and four times as many.
BATCHES = (32, 128)


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """The share waited, and products per second, of size small: the faster the step, the sooner it waits."""
    yield {"jpeg_decoder": "Pillow" if decode.simplejpeg is None else "simplejpeg", "share_waited": {}}
    shares: dict[str, float | None] = {}
    for batch in BATCHES:
        recipe = recipe_of(box, "small", batch_size=batch)
        found = train(box, recipe, box.scratch / f"loader-{batch}", SECONDS[box.device])
        waited, computed = sum(found.waited), sum(found.computed)
        products = recipe.training.batch_size * len(found.waited)
        shares[str(batch)] = round(waited / (waited + computed), 4) if found.waited else None
        yield {
            "share_waited": dict(shares),
            f"batch_of_{batch}": {
                "products": recipe.training.batch_size,
                "steps": len(found.waited),
                "longest_wait_ms": round(1000 * max(found.waited), 2) if found.waited else None,
                "step_ms": round(1000 * statistics.median(found.computed), 2) if found.computed else None,
                "products_per_second": round(products / (waited + computed), 1) if found.waited else None,
                "first_batch_ms": [round(1000 * seconds, 1) for seconds in found.first_waited],
            },
        }
