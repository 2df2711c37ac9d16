"""The batches of one rank, made ahead of the training loop by threads.

Nothing outlives the process: no worker processes, no shared memory. Decoding frees the GIL, so a worker is a thread.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import numpy as np

from moemoe.errors import ConfigError
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import decode_image as decode_image
from moemoe.shards.sampler import EpochOrder, check_batch_size, share_of_rank, steps_per_epoch

S = TypeVar("S")
T = TypeVar("T")

AHEAD = 4


class Loader(Generic[T]):
    """One rank's part of the global batches of a split, epoch after epoch; iterate it once per epoch.

    The global batches are a function of (seed, epoch) alone, every rank has equally many, and a loader with any number
    of ranks and workers goes on from the ``state_dict`` of another.

    Args:
        dataset: the shards.
        split: whose products.
        batch_size: global, in products.
        seed: of the order.
        make: (rows, epoch, pixels) -> batch, called in worker threads. ``pixels`` is uint8 [images, rows, size, size,
            3] to decode into; it may be used until the next batch is asked for, and is then written again. It is empty
            where there is no ``image_size``.
        rank, world_size: of this process.
        workers: threads.
        image_size: pixels a side.
        images: of a product.
        pinned: page-locked buffers, for copies to a GPU that do not wait.

    Raises:
        ConfigError: the ranks cannot share a batch evenly, or the split does not fill one.
    """

    def __init__(
        self,
        dataset: ShardedDataset,
        split: str,
        batch_size: int,
        seed: int,
        make: Callable[[np.ndarray, int, np.ndarray], T],
        rank: int = 0,
        world_size: int = 1,
        workers: int = 1,
        image_size: int = 0,
        images: int = 1,
        pinned: bool = False,
    ):
        check_batch_size(batch_size, world_size)
        self._dataset, self._make = dataset, make
        self._rows = dataset.rows(split)
        self.batch_size, self.seed = batch_size, seed
        self._rank, self._world_size, self._workers = rank, world_size, workers
        self._steps = steps_per_epoch(len(self._rows), batch_size)
        self.epoch = self.step = 0
        shape = (images, batch_size // world_size, image_size, image_size, 3)
        self._buffers = [_Buffer(shape, pinned) for _ in range(AHEAD + workers)]

    def __len__(self) -> int:
        """Global batches of an epoch."""
        return self._steps

    def __iter__(self) -> Iterator[T]:
        """The batches that are left of this epoch; after the last one the loader stands at the next epoch."""
        order = EpochOrder(self._rows, self._dataset.starts[:-1], self.seed, self.epoch)
        epoch, first = self.epoch, self.step
        count = len(self._buffers)

        def make(step_and_rows: tuple[int, np.ndarray]) -> T:
            step, rows = step_and_rows
            return self._make(rows, epoch, self._buffers[step % count].free())

        try:
            for step, batch in enumerate(prefetch(make, self._steps_left(order), self._workers, count - 1), first):
                self.step = step + 1
                yield batch
                self._buffers[step % count].release()
            self.epoch, self.step = epoch + 1, 0
        finally:
            self._dataset.stop_fetching()

    def global_batch(self, epoch: int, step: int) -> np.ndarray:
        """The rows of a batch over all ranks."""
        order = EpochOrder(self._rows, self._dataset.starts[:-1], self.seed, epoch)
        return order.between(step * self.batch_size, (step + 1) * self.batch_size)

    def state_dict(self) -> dict[str, int]:
        """Where the loader stands; a batch counts as done once it has been handed out."""
        return {
            "seed": self.seed, "batch_size": self.batch_size, "products": len(self._rows),
            "epoch": self.epoch, "step": self.step,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continues from there. Raises ConfigError if seed, batch size or products differ."""
        for name, own in self.state_dict().items():
            if name not in ("epoch", "step") and state.get(name) != own:
                raise ConfigError(
                    f"the checkpoint's data order has {name} {state.get(name)}, this run {own}; start a fresh run"
                )
        self.epoch, self.step = state["epoch"], state["step"]

    def _steps_left(self, order: EpochOrder) -> Iterator[tuple[int, np.ndarray]]:
        """This epoch's steps from here on with this rank's rows; a window's shards are fetched a window ahead."""
        begun = None
        for step in range(self.step, self._steps):
            start = step * self.batch_size
            window = order.window_of(start)
            if window != begun:
                for shards in order.windows[window + (begun is not None) : window + 2]:
                    self._dataset.fetch_ahead(shards)
                begun = window
            yield step, share_of_rank(order.between(start, start + self.batch_size), self._rank, self._world_size)


class _Buffer:
    """Pixels of one batch; where pinned, not written again before the GPU has read them."""

    def __init__(self, shape: tuple[int, ...], pinned: bool):
        self._read: Any = None
        self._pinned = pinned
        if pinned:
            import torch

            self._pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=True).numpy()
        else:
            self._pixels = np.empty(shape, np.uint8)

    def release(self) -> None:
        """Called when the next batch is asked for: whatever copies were begun until now must have ended first."""
        if self._pinned:
            import torch

            self._read = torch.cuda.Event()
            self._read.record()

    def free(self) -> np.ndarray:
        if self._read is not None:
            self._read.synchronize()
        return self._pixels


def prefetch(make: Callable[[S], T], batches: Iterable[S], workers: int = 1, ahead: int = AHEAD) -> Iterator[T]:
    """``make(batch)`` for each batch in order, up to ``ahead`` of them computed in advance by ``workers`` threads."""
    with ThreadPoolExecutor(workers, thread_name_prefix="loader") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(make, batch))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
