"""The joint objective (equation 10; equation 8 is the same), for any number of processes and parts of a batch.

Every sum is divided by its global count, so that ranks with unequal numbers of tokens train the same model. DDP
averages gradients over ranks, hence the factor ``world_size``. The load-balancing loss alone is a product of two
means over the tokens, so it is that of each part of an accumulated batch, averaged over the parts. The paper has one
for each expert layer and does not say how they are joined: here it is their mean, so that the weight of table 5 means
the same for any number of expert layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from moemoe.batches.batch import Batch
from moemoe.model.mixture_of_experts import load_balancing_loss
from moemoe.model.outputs import Losses


@dataclass
class Terms:
    """Equation 10's terms, over all ranks.

    ``expert_tokens`` counts, for each expert layer, the tokens whose top-ranked expert is each of its experts.
    """

    cross_entropy: float = 0.0
    question_context: float = 0.0
    question_image: float = 0.0
    load_balancing: float = 0.0
    expert_tokens: list[list[float]] = field(default_factory=list)

    def __add__(self, other: "Terms") -> "Terms":
        layers = zip(self.expert_tokens, other.expert_tokens, strict=True) if self.expert_tokens else ()
        return Terms(
            self.cross_entropy + other.cross_entropy,
            self.question_context + other.question_context,
            self.question_image + other.question_image,
            self.load_balancing + other.load_balancing,
            [[a + b for a, b in zip(*layer, strict=True)] for layer in layers] or other.expert_tokens,
        )

    def loss(self, load_balancing_weight: float) -> float:
        """Equation 10."""
        return (
            self.cross_entropy
            + self.question_context
            + self.question_image
            + load_balancing_weight * self.load_balancing
        )


@dataclass
class Counts:
    """The divisors of a whole batch's sums: scored tokens, examples, (example, image) pairs."""

    tokens: float
    examples: float
    images: float


def global_counts(parts: Sequence[Batch], world_size: int) -> Counts:
    """Counts over all ranks of a batch that this rank computes in ``parts``."""
    own = torch.stack([part.counts() for part in parts]).sum(0).double()
    if world_size > 1:
        dist.all_reduce(own)
    return Counts(*own.tolist())


def joint_objective(
    losses: Losses, counts: Counts, load_balancing_weight: float, world_size: int, parts: int
) -> tuple[Tensor, Terms]:
    """What to call ``backward`` on for one of ``parts`` parts of a batch, and the part's terms for the log."""
    sums = [losses.cross_entropy, losses.question_context, losses.question_image]
    packed = [torch.stack([s.detach().double() for s in sums])]
    for load in losses.loads:
        packed += [load.top1_count_E.double(), load.gate_sum_E.detach().double(), load.tokens.double()[None]]
    total = torch.cat(packed)
    if world_size > 1:
        dist.all_reduce(total)
    divisors = (counts.tokens, counts.examples, max(counts.images, 1.0))
    loss = sum((s / d for s, d in zip(sums, divisors, strict=True)), start=losses.cross_entropy.new_zeros(()))
    cross_entropy, context, image = ((total[i] / d).item() for i, d in enumerate(divisors))
    terms = Terms(cross_entropy, context, image)

    place, layers = 3, len(losses.loads) * parts
    for load in losses.loads:
        E = load.top1_count_E.numel()
        top1_count_E, gate_sum_E = total[place : place + E].float(), total[place + E : place + 2 * E].float()
        all_tokens = total[place + 2 * E].float()
        place += 2 * E + 1
        terms.load_balancing += load_balancing_loss(top1_count_E, gate_sum_E, all_tokens).item() / layers
        terms.expert_tokens.append(top1_count_E.tolist())
        own = load_balancing_loss(top1_count_E, load.gate_sum_E, all_tokens)
        loss = loss + load_balancing_weight * own / layers
    return loss * world_size, terms
