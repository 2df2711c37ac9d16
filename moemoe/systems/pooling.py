"""Several systems' distributions over an attribute's values as one: a logarithmic opinion pool (Genest and Zidek 1986).

    p(v) = prod_m p_m(v)^w_m / sum_u prod_m p_m(u)^w_m

Weights above or below a sum of 1 sharpen or flatten, so that a member that is too sure of itself is also made modest.
They are an attribute's own, fitted on validation by maximum likelihood, and drawn to the weights that all attributes
have in common by a normal prior on their logarithms: an attribute with few validation products takes the common ones.
They are few (members x attributes); the thresholds that the same validation products choose next are a little
optimistic for it, by far less than for a model that was trained on them.

Shapes: M members, N products, C values of an attribute, A attributes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

#: Members' probabilities are mixed with so much of the uniform distribution: a value that one thinks impossible is not.
FLOOR = 1e-6
#: Standard deviation of the logarithm of an attribute's weights about the common ones, and of those about 1/M.
SPREAD = 0.5


def pool(log_probability_MNC: Tensor, weight_M: Tensor) -> Tensor:
    """The pooled log-probabilities [N, C]."""
    return torch.einsum("mnc,m->nc", log_probability_MNC, weight_M).log_softmax(-1)


def log_probabilities(probability_MNC: np.ndarray) -> Tensor:
    """Members' log-probabilities above FLOOR, float64 [M, N, C]; ``probability_MNC`` need not sum to 1 over C."""
    probability = torch.from_numpy(np.asarray(probability_MNC, dtype=np.float64)) + FLOOR
    return (probability / probability.sum(-1, keepdim=True)).log()


def fit_weights(
    probability: Mapping[str, np.ndarray], gold: Mapping[str, np.ndarray], members: int
) -> dict[str, list[float]]:
    """Each attribute's weights [M].

    Args:
        probability: attribute -> members' probabilities of validation products, [M, N, C]; N may be 0.
        gold: attribute -> bool [N, C], the right values, at least one of each product.
    """
    names = list(probability)
    logs = {name: log_probabilities(probability[name]) for name in names}
    right = {name: torch.from_numpy(gold[name]) for name in names}
    prior = -float(np.log(members))
    common_M = torch.full((members,), prior, dtype=torch.float64, requires_grad=True)
    own_AM = torch.zeros(len(names), members, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([common_M, own_AM], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = ((common_M - prior) ** 2).sum() + (own_AM**2).sum()
        total = total / (2 * SPREAD**2)
        for index, name in enumerate(names):
            if len(right[name]):
                pooled_NC = pool(logs[name], (common_M + own_AM[index]).exp())
                total = total - pooled_NC.masked_fill(~right[name], -torch.inf).logsumexp(-1).sum()
        total.backward()
        return total

    optimizer.step(loss)
    weights_AM = (common_M + own_AM).exp().detach()
    return {name: weights_AM[index].tolist() for index, name in enumerate(names)}


def pooled(probability_MNC: np.ndarray, weights: Sequence[float]) -> np.ndarray:
    """The pooled probabilities, float64 [N, C]."""
    weight_M = torch.tensor(list(weights), dtype=torch.float64)
    return pool(log_probabilities(probability_MNC), weight_M).exp().numpy()


def pooled_with_nothing(probability_MNC: np.ndarray, weights: Sequence[float], taught_M: np.ndarray) -> np.ndarray:
    """The same where the last of the values is that of having none.

    Only those members know of it that were taught (``taught_M``, bool): their mean says how likely it is, and the pool
    is over the other values.
    """
    others_MNC, nothing_N = probability_MNC[..., :-1], probability_MNC[taught_M][..., -1].mean(0)
    return np.column_stack([pooled(others_MNC, weights) * (1 - nothing_N)[:, None], nothing_N])
