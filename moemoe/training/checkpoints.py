"""One file holds all of a training run's state: weights, optimizer, position. Written atomically, no pickle."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from moemoe.atomic_files import remove_leftovers
from moemoe.errors import ConfigError
from moemoe.run_folder import RunFolder
from moemoe.storage import exists, fetch, write_bytes
from moemoe.training.optimizers import Optimizers


@dataclass(frozen=True)
class TrainingPosition:
    """Where training stands: index of the phase, epoch in it, step in the epoch, steps over all phases."""

    phase: int = 0
    epoch: int = 0
    step: int = 0
    total_step: int = 0


def save_checkpoint(
    run_uri: str,
    place: TrainingPosition,
    loader: dict[str, int],
    recipe: dict[str, Any],
    model: nn.Module,
    optimizer: Optimizers,
    made_of: Mapping[str, Any] | None = None,
) -> None:
    """Replaces the checkpoint under ``run_uri``; the old one stays until the new one is complete.

    Args:
        made_of: what it is trained on (``TrainingJob.trained_on``): a training on other shards does not go on from it.
    """
    tensors = {f"model.{name}": value for name, value in _own_tensors(model).items()}
    state = {f"optimizer.{name}": value for name, value in optimizer.state().items()}
    tensors |= state
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {"place": json.dumps(asdict(place)), "recipe": json.dumps(recipe, sort_keys=True)}
    metadata |= {"loader": json.dumps(loader), "optimizer": str(len(state))}
    if made_of is not None:
        metadata["made_of"] = json.dumps(made_of, sort_keys=True)
    write_bytes(RunFolder(run_uri).checkpoint.uri, save(tensors, metadata))


class Checkpoint:
    """The checkpoint under ``run_uri``, opened but not yet applied.

    Args:
        made_of: as ``save_checkpoint`` had it; an earlier release did not note it.

    Raises:
        ConfigError: it was made by another recipe or of other shards, or is not a checkpoint of ours: a pickle is not
            opened.
    """

    def __init__(self, path: str, recipe: dict[str, Any], made_of: Mapping[str, Any] | None = None):
        self._path = path
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
        except SafetensorError as error:
            raise ConfigError(f"{path} is not a safetensors file ({error}); delete it and run again") from error
        if not {"recipe", "place", "loader"} <= metadata.keys():
            raise ConfigError(f"{path} is not a checkpoint of a training run; delete it and run again")
        if metadata["recipe"] != json.dumps(recipe, sort_keys=True):
            raise ConfigError(f"{path} is of another recipe; start a fresh run")
        if made_of is not None and metadata.get("made_of") not in (None, json.dumps(made_of, sort_keys=True)):
            raise ConfigError(f"{path} is of other shards; start a fresh run")
        self.place = TrainingPosition(**json.loads(metadata["place"]))
        self.loader: dict[str, int] = json.loads(metadata["loader"])
        self._state = metadata.get("optimizer")  # an earlier release did not note it

    @classmethod
    def find(
        cls, run_uri: str, recipe: dict[str, Any], scratch: str, made_of: Mapping[str, Any] | None = None
    ) -> "Checkpoint | None":
        """The checkpoint under ``run_uri`` or None; one that a killed process left half-written is removed."""
        remove_leftovers(run_uri)
        uri = RunFolder(run_uri).checkpoint.uri
        return cls(str(fetch(uri, scratch)), recipe, made_of) if exists(uri) else None

    def restore(self, model: nn.Module, optimizer: Optimizers) -> None:
        """Puts weights and optimizer state back; ``optimizer`` must be over the same parameters in the same order.

        Raises:
            ConfigError: a tensor is missing, one too many, or of another shape: what is missing would start afresh, and
                nothing say so.
        """
        own, state = _own_tensors(model), {}
        with safe_open(self._path, framework="pt") as file, torch.no_grad():
            saved = set(file.keys())
            moved = {name.rpartition(".")[0] for name in saved}  # parameters without a gradient so far have no state
            shapes = {f"optimizer.{name}": shape for name, shape in optimizer.shapes().items()}
            shapes = {name: shape for name, shape in shapes.items() if name.rpartition(".")[0] in moved}
            shapes |= {f"model.{name}": list(value.shape) for name, value in own.items()}
            for name in sorted(shapes.keys() | saved):
                if name not in shapes or name not in saved or file.get_slice(name).get_shape() != shapes[name]:
                    raise ConfigError(f"{self._path}: {name} is not that of the recipe; delete it and run again")
            for name in saved:
                kind, _, rest = name.partition(".")
                if kind == "model":
                    own[rest].copy_(file.get_tensor(name))
                else:
                    state[rest] = file.get_tensor(name)
        if self._state not in (None, str(len(state))):
            raise ConfigError(
                f"{self._path}: {len(state)} tensors of the optimizer, not {self._state}; delete it and run again"
            )
        optimizer.load_state(state)


def _own_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and persistent buffers, each tensor once under its first name (embeddings are shared)."""
    seen: set[int] = set()
    tensors = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if id(tensor) not in seen:
            seen.add(id(tensor))
            tensors[name] = tensor
    return tensors
