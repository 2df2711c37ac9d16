"""Which products make up which batch: a function of (seed, epoch) alone, the same for any number of ranks."""

import numpy as np

from moemoe.errors import ConfigError


def steps_per_epoch(products: int, batch_size: int) -> int:
    """Global batches of an epoch; the products left over sit this epoch out, another set each time.

    Raises:
        ConfigError: fewer products than one batch.
    """
    if products < batch_size:
        raise ConfigError(
            f"{products} training products do not fill one batch; allowed is a batch size up to {products}"
        )
    return products // batch_size


def global_batch(rows: np.ndarray, batch_size: int, seed: int, epoch: int, step: int) -> np.ndarray:
    """The ``step``-th global batch of ``epoch``, [batch_size] of ``rows``."""
    order = epoch_order(rows, seed, epoch)
    return order[step * batch_size : (step + 1) * batch_size]


def epoch_order(rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """All ``rows`` in the order of ``epoch``."""
    return rows[np.random.default_rng([seed, epoch]).permutation(len(rows))]


def share_of_rank(batch: np.ndarray, rank: int, world_size: int) -> np.ndarray:
    """The part of a global batch that ``rank`` works on."""
    share = len(batch) // world_size
    return batch[rank * share : (rank + 1) * share]


def check_batch_size(batch_size: int, world_size: int) -> None:
    """Raises ConfigError where the processes cannot share a batch evenly."""
    if batch_size % world_size:
        below, above = batch_size - batch_size % world_size, batch_size + world_size - batch_size % world_size
        near = f"{below} or {above}" if below else str(above)
        raise ConfigError(
            f"a batch of {batch_size} products cannot be shared evenly by {world_size} processes; try {near}"
        )
