"""What all parts share: the device, its precision and clock, the shards."""

import gc
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from moemoe.shards.dataset import ShardedDataset
from tests.benchmarks.gpu.products import write_products

#: The synthetic catalog, if no shards are given: products, pixels a side of their images, attributes.
CATALOG = {"cuda": (6144, 256, 15), "cpu": (240, 32, 4)}


@dataclass(frozen=True)
class Box:
    """The machine to measure.

    Args:
        device: ``cuda``, or ``cpu``: small sizes, to try the parts where there is no GPU.
        scratch: a local folder that is removed in the end.
        shards: a manifest, or None for synthetic products.
    """

    device: str
    scratch: Path
    shards: str | None = None

    @property
    def small(self) -> bool:
        """Whether sizes are those of a trial."""
        return self.device == "cpu"

    def manifest(self) -> str:
        """The shards' manifest; synthetic ones are written by whoever asks first."""
        if self.shards is not None:
            return self.shards
        kept = self.scratch / "manifest.txt"
        if not kept.is_file():
            kept.write_text(write_products(self.scratch / "products", *CATALOG[self.device]))
        return kept.read_text()

    def dataset(self) -> ShardedDataset:
        """The shards' products."""
        return ShardedDataset(self.manifest(), self.scratch / "cache")

    def precision(self, low: bool = True) -> AbstractContextManager:
        """As training has it on a GPU: bf16 where it is safe; float32 if not ``low``."""
        return torch.autocast(self.device, dtype=torch.bfloat16) if low else nullcontext()

    def wait(self) -> None:
        """Until the GPU has done what it was given."""
        if self.device == "cuda":
            torch.cuda.synchronize()

    def seconds(self, run: Callable[[], object]) -> float:
        """Wall seconds of ``run``, the GPU's work included."""
        self.wait()
        start = time.perf_counter()
        run()
        self.wait()
        return time.perf_counter() - start

    def median(self, run: Callable[[], object], repeats: int = 5, warm_up: int = 2) -> float:
        """The median of ``repeats`` such readings, after some that do not count."""
        for _ in range(warm_up):
            run()
        return statistics.median(self.seconds(run) for _ in range(repeats))

    def free(self) -> None:
        """Gives memory back that nothing refers to, and begins to watch the peak anew."""
        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def peak_gib(self) -> float | None:
        """The most memory that tensors took since ``free``; None on a CPU."""
        return round(torch.cuda.max_memory_allocated() / 2**30, 2) if self.device == "cuda" else None


def environment(device: str) -> dict[str, str | int]:
    """What the figures are of."""
    import importlib.metadata
    import platform

    names = ("torch", "transformers", "timm", "pyarrow", "numpy")
    found: dict[str, str | int] = {name: importlib.metadata.version(name) for name in names}
    found |= {"python": platform.python_version(), "device": device, "threads": torch.get_num_threads()}
    if device == "cuda":
        card = torch.cuda.get_device_properties(0)
        found |= {
            "card": card.name,
            "memory_gib": round(card.total_memory / 2**30),
            "cuda": str(torch.version.cuda),
            "processors": card.multi_processor_count,
        }
    return found
