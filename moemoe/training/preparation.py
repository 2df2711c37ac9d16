"""What training computes from the shards before its first step, with its progress: a bar, and events for a card.

Token ids and image features are made once for all epochs and runs. For a million images that is hours before the first
step.
"""

import time
from collections.abc import Iterator, Sequence

from tqdm import tqdm

from moemoe.training.events import EventLog
from moemoe.training.job import TrainingJob

#: What takes less says nothing; seconds.
EVERY = 10.0


class Preparation:
    """Each rank's part of the shards; rank 0 reports its own progress, which stands for all.

    Args:
        every: seconds between two events.
    """

    def __init__(self, job: TrainingJob, rank: int, world_size: int, every: float = EVERY):
        self.rank, self.world_size, self.every = rank, world_size, every
        self.events = EventLog(job.preparation_path) if rank == 0 else None

    def own(self, what: str, shards: Sequence[int]) -> Iterator[int]:
        """This rank's of ``shards``, of which ``what`` is made one after the other."""
        own = shards[self.rank :: self.world_size]
        began = told = time.monotonic()
        bar = tqdm(own, desc=what, unit="shard", disable=None if self.rank == 0 else True)
        for done, shard in enumerate(bar, start=1):
            yield shard
            now = time.monotonic()
            if self.events is not None and now - told >= self.every:
                told, left = now, (now - began) / done * (len(own) - done)
                self.events.append("preparation", total_step=0, what=what, done=done, of=len(own), seconds_left=left)
