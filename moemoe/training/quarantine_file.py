"""Images that did not decode in training: gathered from all ranks into the run's quarantine."""

import pyarrow as pa
import torch.distributed as dist

from moemoe.run_folder import RunFolder
from moemoe.schemas import QUARANTINE


def gather_quarantine(own: pa.Table, world_size: int) -> pa.Table:
    """The QUARANTINE rows of all ranks; every rank must call it."""
    if world_size == 1:
        return own
    everything: list = [None] * world_size
    dist.all_gather_object(everything, own.to_pylist())
    return pa.concat_tables([pa.Table.from_pylist(rows, QUARANTINE) for rows in everything])


class QuarantineFile:
    """``quarantine-train.parquet`` of a run; rows from an interrupted training are kept."""

    def __init__(self, folder: RunFolder):
        self._file = folder.training_quarantine
        self._kept: pa.Table | None = None

    def record(self, rows: pa.Table, rank: int) -> int:
        """Adds new rows, on rank 0; returns the number of all rows if any were new, else 0."""
        if rank != 0:
            return 0
        if self._kept is None:
            self._kept = self._file.read() if self._file.exists() else QUARANTINE.empty_table()
        merged = pa.concat_tables([self._kept, rows])
        merged = merged.group_by(merged.column_names, use_threads=False).aggregate([])
        if merged.num_rows <= self._kept.num_rows:
            return 0
        self._kept = merged
        self._file.write(merged)
        return merged.num_rows
