"""Assigns products to batches, depending only on (seed, epoch), not on the number of ranks and workers.

Shards are shuffled, then the rows within each window of ``WINDOW`` shards. So a catalog of up to that many shards
(131,000 products) is shuffled as a whole. A larger one is read one window at a time: it need not fit on the machine's
disk, and only one window's order is in memory.
"""

from collections.abc import Sequence

import numpy as np

from moemoe.errors import ConfigError

WINDOW = 64


class EpochOrder:
    """The order of one epoch.

    Args:
        rows: the rows to be ordered, ascending.
        starts: the first row of each shard.
        seed, epoch: determine the order.
        window: number of shards whose rows are shuffled together.
    """

    def __init__(
        self, rows: np.ndarray, starts: Sequence[int] | np.ndarray, seed: int, epoch: int, window: int = WINDOW
    ):
        self._rows, self._key = rows, [seed, epoch]
        self._bounds = np.append(np.searchsorted(rows, starts), len(rows))
        shards = np.random.default_rng(self._key).permutation(len(starts))
        self.windows = [shards[i : i + window] for i in range(0, len(shards), window)]
        sizes = [int((self._bounds[shards + 1] - self._bounds[shards]).sum()) for shards in self.windows]
        self._ends = np.cumsum(sizes)
        self._at: tuple[int, np.ndarray] = (-1, rows[:0])

    def __len__(self) -> int:
        return len(self._rows)

    def between(self, start: int, stop: int) -> np.ndarray:
        """The rows at positions ``start`` to ``stop`` of the order."""
        found = []
        stop = min(stop, len(self))
        while start < stop:
            window = self.window_of(start)
            begin = int(self._ends[window - 1]) if window else 0
            found.append(self._shuffled(window)[start - begin : stop - begin])
            start += len(found[-1])
        return np.concatenate(found) if found else self._rows[:0]

    def window_of(self, place: int) -> int:
        """The window that holds a position of the order."""
        return int(np.searchsorted(self._ends, place, side="right"))

    def _shuffled(self, window: int) -> np.ndarray:
        if self._at[0] != window:
            parts = [self._rows[self._bounds[s] : self._bounds[s + 1]] for s in sorted(self.windows[window])]
            rows = np.concatenate(parts)
            self._at = (window, rows[np.random.default_rng([*self._key, window]).permutation(len(rows))])
        return self._at[1]


def epoch_order(rows: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """All ``rows`` in the order of an epoch, as one window; for few rows."""
    return rows[np.random.default_rng([seed, epoch]).permutation(len(rows))]


def steps_per_epoch(products: int, batch_size: int) -> int:
    """Number of global batches in an epoch; leftover products are skipped, different ones each epoch.

    Raises:
        ConfigError: there are fewer products than one batch needs.
    """
    if products < batch_size:
        raise ConfigError(
            f"{products} training products do not fill one batch; allowed is a batch size of at most {products}"
        )
    return products // batch_size


def share_of_rank(batch: np.ndarray, rank: int, world_size: int) -> np.ndarray:
    """The rows of a global batch that ``rank`` processes."""
    share = len(batch) // world_size
    return batch[rank * share : (rank + 1) * share]


def check_batch_size(batch_size: int, parts: int) -> None:
    """Raises ConfigError if a batch cannot be divided evenly into ``parts``: of each process, its micro-batches."""
    if batch_size % parts:
        below, above = batch_size - batch_size % parts, batch_size + parts - batch_size % parts
        near = f"{below} or {above}" if below else str(above)
        raise ConfigError(
            f"a batch of {batch_size} products cannot be divided evenly into {parts} parts (processes x accumulation); "
            f"try {near}"
        )
