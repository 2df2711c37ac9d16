"""What each phase trains (table 4), and its learning rate (appendix D).

dense: the model before it has experts. Then, with experts in place, one of: experts (experts and routers alone),
full (everything), backbone (everything but experts and routers). An encoder that is frozen stays so in all of them.
"""

from torch import nn

from moemoe.model.mixture_of_experts import MixtureOfExperts
from moemoe.recipes.settings import Training

DECAY = 0.2
DECAY_AT = (0.6, 0.9)  # appendix D: the 6th and the 9th of 10 epochs


def set_trainable(model: nn.Module, phase: str) -> list[nn.Parameter]:
    """Freezes what ``phase`` does not train and returns what it does, in a fixed order."""
    layers = [module for module in model.modules() if isinstance(module, MixtureOfExperts)]
    experts = {id(parameter) for layer in layers for parameter in layer.parameters()}
    frozen = {id(parameter) for module in model.modules() for parameter in getattr(module, "frozen_parameters", list)()}
    for parameter in model.parameters():
        parameter.grad = None  # the phase before left one, which would count when gradients are clipped by their norm
        trained = phase != ("backbone" if id(parameter) in experts else "experts")
        parameter.requires_grad_(trained and id(parameter) not in frozen)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def learning_rate(training: Training, step: int, steps: int) -> float:
    """Adam's rate at ``step`` of a phase of ``steps``; see ``Training``."""
    warmup = min(1.0, (step + 1) / training.warmup_steps) if training.warmup_steps else 1.0
    most = training.full_rate_steps
    share = min(1.0, (most / steps) ** 0.5) if most is not None else 1.0
    return training.learning_rate * warmup * share * DECAY ** sum(step >= at * steps for at in DECAY_AT)
