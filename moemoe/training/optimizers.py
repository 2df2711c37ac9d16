"""The optimizers: Adam (appendix D), and Adagrad for the embeddings of hashed n-grams.

Most n-grams are rare. Adagrad (Duchi et al. 2011) gives each coordinate a rate that falls with its own gradients, and
does not move what got none, so a sparse gradient gives the same result as a dense one and costs what the batch's own
n-grams cost: Adam moves every row of the table in every step.
"""

from typing import Any

import torch
from torch import Tensor, nn

from moemoe.model.ngrams import HashedNgrams
from moemoe.recipes.settings import Training
from moemoe.training.phases import set_trainable

#: What an optimizer keeps of a parameter that it has moved, the number of its steps first.
_KEPT = {torch.optim.Adam: ("step", "exp_avg", "exp_avg_sq"), torch.optim.Adagrad: ("step", "sum")}


class Optimizers:
    """Adam and Adagrad as one optimizer to the training loop and to checkpoints.

    ``times`` of a group in ``param_groups`` multiplies the phase's learning rate.
    """

    def __init__(self, adam: torch.optim.Adam, adagrad: torch.optim.Adagrad | None = None):
        self.adam = adam
        self._all: list[torch.optim.Optimizer] = [adam] if adagrad is None else [adam, adagrad]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """Of both."""
        return [group for optimizer in self._all for group in optimizer.param_groups]

    def zero_grad(self) -> None:
        """Clears all gradients."""
        for optimizer in self._all:
            optimizer.zero_grad()

    def step(self, max_norm: float) -> None:
        """Moves the weights; what Adam takes is clipped by its norm. Adagrad divides by the gradients' own length."""
        torch.nn.utils.clip_grad_norm_([p for group in self.adam.param_groups for p in group["params"]], max_norm)
        for optimizer in self._all:
            optimizer.step()

    def state(self) -> dict[str, torch.Tensor]:
        """All tensors of the state, by name."""
        return {
            f"{place}.{index}.{name}": torch.as_tensor(value)
            for place, optimizer in enumerate(self._all)
            for index, state in optimizer.state_dict()["state"].items()
            for name, value in state.items()
        }

    def shapes(self) -> dict[str, list[int]]:
        """The shapes of ``state`` once all parameters have been moved."""
        return {
            f"{place}.{index}.{name}": [] if name == "step" else list(parameter.shape)
            for place, optimizer in enumerate(self._all)
            for index, parameter in enumerate(p for group in optimizer.param_groups for p in group["params"])
            for name in _KEPT[type(optimizer)]
        }

    def load_state(self, tensors: dict[str, torch.Tensor]) -> None:
        """The inverse, over the same parameters in the same order."""
        for place, optimizer in enumerate(self._all):
            whole = optimizer.state_dict()
            whole["state"] = {}
            for name, tensor in tensors.items():
                owner, index, key = name.split(".", 2)
                if int(owner) == place:
                    whole["state"].setdefault(int(index), {})[key] = tensor
            optimizer.load_state_dict(whole)


def make_optimizer(model: Any, phase: str, training: Training) -> Optimizers:
    """The optimizer over what ``phase`` trains of a ``TrainableSystem``; see ``Training`` for the rates."""
    trained, embeddings = set_trainable(model, phase), {id(table) for table in model.token_embeddings}
    ngrams = {id(table) for table in ngram_tables(model)}
    images = {id(p) for module in model.modules() for p in getattr(module, "pretrained_parameters", list)()}
    rest = [parameter for parameter in trained if id(parameter) not in ngrams]
    groups = [
        {"params": [p for p in rest if id(p) not in embeddings | images], "times": 1.0},
        {"params": [p for p in rest if id(p) in embeddings], "times": training.embedding_lr_scale},
        {"params": [p for p in rest if id(p) in images], "times": training.image_lr_scale},
    ]
    rate = training.learning_rate
    adam = torch.optim.Adam([group for group in groups if group["params"]], lr=rate, fused=True)
    tables = [{"params": [p for p in trained if id(p) in ngrams], "times": training.ngram_rate}]
    return Optimizers(adam, torch.optim.Adagrad(tables, lr=rate) if tables[0]["params"] else None)


def ngram_tables(model: nn.Module) -> list[Tensor]:
    """The embeddings of all n-grams."""
    return [module.table.weight for module in model.modules() if isinstance(module, HashedNgrams)]
