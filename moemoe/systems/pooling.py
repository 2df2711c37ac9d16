"""Pools several systems' distributions over an attribute's values: a logarithmic opinion pool (Genest and Zidek 1986).

    p(v) = prod_m p_m(v)^w_m / sum_u prod_m p_m(u)^w_m

The weights depend on the attribute, and on whether a product has a long text, a short one (such as a title), or none.

Weights with a sum above 1 sharpen the pool, those with a sum below 1 flatten it, which also corrects overconfident
members. They are fitted on validation by maximum likelihood. Normal priors on their logarithms draw an attribute's
weights towards those of all attributes, and those of each amount of text towards the attribute's: an attribute with few
validation products gets the common weights. As the weights are few (members x attributes x 3), the thresholds chosen on
the same validation products are only slightly optimistic, far less than for a model that was trained on them.

Shapes: M members, N products, C values of an attribute, A attributes, K amounts of text: none, short, long.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

#: The share of the uniform distribution mixed into members' probabilities, so that no member can rule out a value.
FLOOR = 1e-6
#: Standard deviations of the logarithms: of an attribute's weights around the common ones, of the common ones around
#: 1/M, and of an attribute's weights at one amount of text around its general ones.
SPREAD = 0.5
#: The same for the common weights at one amount of text.
SPREAD_OF_AMOUNT = 1.0
#: K
AMOUNTS = 3


def pool(log_probability_MNC: Tensor, weight_NM: Tensor) -> Tensor:
    """The pooled log-probabilities [N, C]."""
    return torch.einsum("mnc,nm->nc", log_probability_MNC, weight_NM).log_softmax(-1)


def amount_of_text(characters_N: np.ndarray, short_text: float) -> np.ndarray:
    """The amount of text, int64 [N]: 0 for none, 1 for fewer than ``short_text`` characters, else 2."""
    characters_N = np.asarray(characters_N)
    return (characters_N > 0).astype(np.int64) + (characters_N >= max(short_text, 1))


def weights_at(weights: Sequence[Sequence[float]], short_text: float, characters_N: np.ndarray) -> np.ndarray:
    """An attribute's weights for texts of the given lengths, float64 [N, M].

    Args:
        weights: the attribute's weights, [K, M].
        short_text: see ``amount_of_text``.
    """
    return np.array(weights, dtype=np.float64)[amount_of_text(characters_N, short_text)]


def log_probabilities(probability_MNC: np.ndarray) -> Tensor:
    """Members' log-probabilities above FLOOR, float64 [M, N, C]; ``probability_MNC`` need not sum to 1 over C."""
    probability = torch.from_numpy(np.asarray(probability_MNC, dtype=np.float64)) + FLOOR
    return (probability / probability.sum(-1, keepdim=True)).log()


def fit_weights(
    probability: Mapping[str, np.ndarray],
    gold: Mapping[str, np.ndarray],
    characters: Mapping[str, np.ndarray],
    short_text: float,
    members: int,
) -> dict[str, list[list[float]]]:
    """Fits each attribute's weights [K, M].

    Args:
        probability: attribute -> members' probabilities for validation products, [M, N, C]; N may be 0.
        gold: attribute -> bool [N, C], the right values, at least one per product.
        characters: attribute -> the length of each product's text, [N].
        short_text: see ``amount_of_text``.
    """
    names = list(probability)
    logs = {name: log_probabilities(probability[name]) for name in names}
    right = {name: torch.from_numpy(gold[name]) for name in names}
    amount = {name: torch.from_numpy(amount_of_text(characters[name], short_text)) for name in names}
    prior = -float(np.log(members))
    common_M = torch.full((members,), prior, dtype=torch.float64, requires_grad=True)
    own_AM = torch.zeros(len(names), members, dtype=torch.float64, requires_grad=True)
    of_amount_KM = torch.zeros(AMOUNTS, members, dtype=torch.float64, requires_grad=True)
    own_AKM = torch.zeros(len(names), AMOUNTS, members, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [common_M, own_AM, of_amount_KM, own_AKM], max_iter=500, line_search_fn="strong_wolfe"
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        total = (((common_M - prior) ** 2).sum() + (own_AM**2).sum() + (own_AKM**2).sum()) / (2 * SPREAD**2)
        total = total + (of_amount_KM**2).sum() / (2 * SPREAD_OF_AMOUNT**2)
        for index, name in enumerate(names):
            if len(right[name]):
                log_weight_KM = common_M + own_AM[index] + of_amount_KM + own_AKM[index]
                pooled_NC = pool(logs[name], log_weight_KM.exp()[amount[name]])
                total = total - pooled_NC.masked_fill(~right[name], -torch.inf).logsumexp(-1).sum()
        total.backward()
        return total

    optimizer.step(loss)
    weights_AKM = (common_M + own_AM[:, None] + of_amount_KM + own_AKM).exp().detach()
    return {name: weights_AKM[index].tolist() for index, name in enumerate(names)}


def pooled(probability_MNC: np.ndarray, weight_NM: np.ndarray) -> np.ndarray:
    """The pooled probabilities, float64 [N, C]."""
    return pool(log_probabilities(probability_MNC), torch.from_numpy(weight_NM)).exp().numpy()


def pooled_with_nothing(probability_MNC: np.ndarray, weight_NM: np.ndarray, taught_M: np.ndarray) -> np.ndarray:
    """Like ``pooled``, if the last of the values is the empty answer.

    Only members that were trained to give empty answers (``taught_M``, bool) have a probability for it: their mean is
    its probability, and the other values are pooled.
    """
    others_MNC, nothing_N = probability_MNC[..., :-1], probability_MNC[taught_M][..., -1].mean(0)
    return np.column_stack([pooled(others_MNC, weight_NM) * (1 - nothing_N)[:, None], nothing_N])
