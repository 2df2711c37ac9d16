"""Several systems' distributions over an attribute's values as one: a logarithmic opinion pool (Genest and Zidek 1986).

    p(v) = prod_m p_m(v)^w_m / sum_u prod_m p_m(u)^w_m,    w_m = w_ma exp(s_m z)

Who is to be trusted depends on how much is written of a product: z is -1 where there is no text, 0 where there are
TYPICAL characters, and between them grows with the logarithm. A member has one slope s_m; w_ma is an attribute's own.

Weights above or below a sum of 1 sharpen or flatten, so that a member that is too sure of itself is also made modest.
They are fitted on validation by maximum likelihood, an attribute's own drawn to the weights that all attributes have in
common by a normal prior on their logarithms: an attribute with few validation products takes the common ones.
They are few (members x attributes, and the slopes); the thresholds that the same validation products choose next are
a little optimistic for it, by far less than for a model that was trained on them.

Shapes: M members, N products, C values of an attribute, A attributes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

#: Members' probabilities are mixed with so much of the uniform distribution: a value that one thinks impossible is not.
FLOOR = 1e-6
#: Standard deviation of the logarithm of an attribute's weights about the common ones, of those about 1/M, of slopes.
SPREAD = 0.5
#: Characters of a text with description; each further one counts as much as the first where there are FEW.
TYPICAL, FEW = 500, 10


def pool(log_probability_MNC: Tensor, weight_NM: Tensor) -> Tensor:
    """The pooled log-probabilities [N, C]."""
    return torch.einsum("mnc,nm->nc", log_probability_MNC, weight_NM).log_softmax(-1)


def amount_of_text(characters_N: np.ndarray) -> np.ndarray:
    """z of so many characters, float64 [N]."""
    return np.log1p(np.asarray(characters_N, dtype=np.float64) / FEW) / np.log1p(TYPICAL / FEW) - 1


def weights_at(weights: Sequence[float], slopes: Sequence[float], characters_N: np.ndarray) -> np.ndarray:
    """An attribute's weights where texts have so many characters, float64 [N, M].

    Args:
        weights: the attribute's own, w_ma [M].
        slopes: s_m [M].
    """
    return np.array(weights) * np.exp(amount_of_text(characters_N)[:, None] * np.array(slopes))


def log_probabilities(probability_MNC: np.ndarray) -> Tensor:
    """Members' log-probabilities above FLOOR, float64 [M, N, C]; ``probability_MNC`` need not sum to 1 over C."""
    probability = torch.from_numpy(np.asarray(probability_MNC, dtype=np.float64)) + FLOOR
    return (probability / probability.sum(-1, keepdim=True)).log()


def fit_weights(
    probability: Mapping[str, np.ndarray],
    gold: Mapping[str, np.ndarray],
    characters: Mapping[str, np.ndarray],
    members: int,
) -> tuple[dict[str, list[float]], list[float]]:
    """Each attribute's weights [M], and the slopes [M].

    Args:
        probability: attribute -> members' probabilities of validation products, [M, N, C]; N may be 0.
        gold: attribute -> bool [N, C], the right values, at least one of each product.
        characters: attribute -> how much text each product shows, [N].
    """
    names = list(probability)
    logs = {name: log_probabilities(probability[name]) for name in names}
    right = {name: torch.from_numpy(gold[name]) for name in names}
    amount = {name: torch.from_numpy(amount_of_text(characters[name]))[:, None] for name in names}
    prior = -float(np.log(members))
    common_M = torch.full((members,), prior, dtype=torch.float64, requires_grad=True)
    own_AM = torch.zeros(len(names), members, dtype=torch.float64, requires_grad=True)
    slope_M = torch.zeros(members, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([common_M, own_AM, slope_M], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = ((common_M - prior) ** 2).sum() + (own_AM**2).sum() + (slope_M**2).sum()
        total = total / (2 * SPREAD**2)
        for index, name in enumerate(names):
            if len(right[name]):
                pooled_NC = pool(logs[name], (common_M + own_AM[index] + amount[name] * slope_M).exp())
                total = total - pooled_NC.masked_fill(~right[name], -torch.inf).logsumexp(-1).sum()
        total.backward()
        return total

    optimizer.step(loss)
    weights_AM = (common_M + own_AM).exp().detach()
    return {name: weights_AM[index].tolist() for index, name in enumerate(names)}, slope_M.detach().tolist()


def pooled(probability_MNC: np.ndarray, weight_NM: np.ndarray) -> np.ndarray:
    """The pooled probabilities, float64 [N, C]."""
    return pool(log_probabilities(probability_MNC), torch.from_numpy(weight_NM)).exp().numpy()


def pooled_with_nothing(probability_MNC: np.ndarray, weight_NM: np.ndarray, taught_M: np.ndarray) -> np.ndarray:
    """The same where the last of the values is that of having none.

    Only those members know of it that were taught (``taught_M``, bool): their mean says how likely it is, and the pool
    is over the other values.
    """
    others_MNC, nothing_N = probability_MNC[..., :-1], probability_MNC[taught_M][..., -1].mean(0)
    return np.column_stack([pooled(others_MNC, weight_NM) * (1 - nothing_N)[:, None], nothing_N])
