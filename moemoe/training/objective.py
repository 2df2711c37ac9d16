"""The joint objective (equation 10), the same for any number of processes.

Every sum is divided by its global count, so that ranks with unequal numbers of tokens train the same model. DDP
averages gradients over ranks, hence the factor ``world_size``.
"""

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from moemoe.model.mixture_of_experts import load_balancing_loss
from moemoe.model.moemoe import Losses


@dataclass
class Objective:
    """What to call ``backward`` on, and the global values of equation 10's terms for the log."""

    backward: Tensor
    loss: float
    cross_entropy: float
    question_context: float
    question_image: float
    load_balancing: float
    examples: int


def joint_objective(losses: Losses, load_balancing_weight: float, world_size: int) -> Objective:
    """Cross-entropy + QCA + QIA + w * load balancing (the mean over expert layers), over all ranks."""
    sums = [losses.cross_entropy, losses.question_context, losses.question_image]
    counts = [losses.tokens, losses.examples, losses.examples_with_image]
    packed = [torch.stack([s.detach().double() for s in sums] + [c.double() for c in counts])]
    for load in losses.loads:
        packed += [load.first_E.double(), load.weight_E.detach().double(), load.tokens.double()[None]]
    total = torch.cat(packed)
    if world_size > 1:
        dist.all_reduce(total)
    tokens, examples, with_image = total[3:6].tolist()
    loss = losses.cross_entropy / tokens + losses.question_context / examples
    loss = loss + losses.question_image / max(with_image, 1.0)

    balance, place = 0.0, 6
    for load in losses.loads:
        E = load.first_E.numel()
        first_E, weight_E = total[place : place + E].float(), total[place + E : place + 2 * E].float()
        all_tokens = total[place + 2 * E].float()
        place += 2 * E + 1
        balance += load_balancing_loss(first_E, weight_E, all_tokens).item() / len(losses.loads)
        own = load_balancing_loss(first_E, load.weight_E, all_tokens)
        loss = loss + load_balancing_weight * own / len(losses.loads)

    cross_entropy, context, image = (total[0] / tokens).item(), (total[1] / examples).item(), 0.0
    if with_image:
        image = (total[2] / with_image).item()
    return Objective(
        backward=loss * world_size,
        loss=cross_entropy + context + image + load_balancing_weight * balance,
        cross_entropy=cross_entropy,
        question_context=context,
        question_image=image,
        load_balancing=balance,
        examples=int(examples),
    )
