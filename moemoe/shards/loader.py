"""The batches of one rank, prepared by threads ahead of the training loop.

Nothing outlives the process: no worker processes, no shared memory. Decoding releases the GIL, so threads suffice.
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

    The global batches depend only on (seed, epoch), and all ranks have the same number of them. A loader can resume
    from the ``state_dict`` of another, with any number of ranks and workers.

    Args:
        dataset: the shards.
        split: the split whose products are loaded.
        batch_size: global, in products.
        seed: determines the order.
        make: (rows, epoch, pixels) -> batch, called in worker threads. ``pixels`` is uint8 [images, rows, size, size,
            3] to decode into; it is valid until the next batch is requested and then overwritten. It is empty without
            ``image_size``.
        rank, world_size: of this process.
        workers: number of threads.
        image_size: pixels per side.
        images: number of images per product.
        pinned: whether buffers are page-locked, for asynchronous copies to a GPU.

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
        """Number of global batches in an epoch."""
        return self._steps

    def __iter__(self) -> Iterator[T]:
        """The remaining batches of this epoch; after the last one the loader is at the start of the next epoch."""
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
        """The loader's position; a batch counts as done once it has been yielded."""
        return {
            "seed": self.seed, "batch_size": self.batch_size, "products": len(self._rows),
            "epoch": self.epoch, "step": self.step,
        }  # fmt: skip

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Resumes from ``state``. Raises ConfigError if seed, batch size or products differ."""
        for name, own in self.state_dict().items():
            if name not in ("epoch", "step") and state.get(name) != own:
                raise ConfigError(
                    f"the checkpoint's loader has {name} {state.get(name)}, this run has {own}; start a fresh run"
                )
        self.epoch, self.step = state["epoch"], state["step"]

    def _steps_left(self, order: EpochOrder) -> Iterator[tuple[int, np.ndarray]]:
        """The remaining steps of this epoch with this rank's rows; shards are fetched one window ahead."""
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
    """Pixels of one batch; if pinned, they are overwritten only after the GPU has read them."""

    def __init__(self, shape: tuple[int, ...], pinned: bool):
        self._read: Any = None
        self._pinned = pinned
        if pinned:
            import torch

            self._pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=True).numpy()
        else:
            self._pixels = np.empty(shape, np.uint8)

    def release(self) -> None:
        """Called when the next batch is requested: records the copies that must end before the buffer is reused."""
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
