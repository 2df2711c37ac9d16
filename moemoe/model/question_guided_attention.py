"""Question-guided attention (section 4.2): the question weighs the sources, position by position.

Shapes: U distinct questions, J question tokens, L source positions (at most k), S sources, N examples, D d_model.
"""

import torch
from torch import Tensor, nn


class QuestionGuidedAttention(nn.Module):
    """Equation 4: q_a = FC(Q), one weight per position and source. No softmax.

    The weight of FC starts at 0 and its bias at 1/S, so training starts as "without question guidance".

    Args:
        d_model: width D of the question's states.
        sources: their number S; 2 in the paper (image, context).
    """

    def __init__(self, d_model: int, sources: int = 2):
        super().__init__()
        self.fc = nn.Linear(d_model, sources)
        nn.init.zeros_(self.fc.weight)
        nn.init.constant_(self.fc.bias, 1.0 / sources)

    def forward(self, question_UJD: Tensor, mask_UJ: Tensor, length: int) -> Tensor:
        """Source weights for the first ``length`` positions, float [U, L, S]; column 0 is alpha, 1 is beta."""
        return extend_question(self.fc(question_UJD), self.fc(mean_state(question_UJD, mask_UJ)), mask_UJ, length)


def mean_state(states_UJD: Tensor, mask_UJ: Tensor) -> Tensor:
    """The mean over the question's real tokens, [U, D]."""
    mask = mask_UJ.unsqueeze(-1).to(states_UJD.dtype)
    return (states_UJD * mask).sum(1) / mask.sum(1).clamp(min=1)


def extend_question(values_UJX: Tensor, mean_UX: Tensor, mask_UJ: Tensor, length: int) -> Tensor:
    """Per-token values continued to ``length`` positions by the value of the mean state, [U, L, X].

    The paper pads Q to k tokens, whose states depend on the padding; the mean of the real ones does not.
    """
    U, J, X = values_UJX.shape
    own = torch.where(mask_UJ.unsqueeze(-1).bool(), values_UJX, mean_UX.unsqueeze(1))
    if length <= J:
        return own[:, :length]
    return torch.cat([own, mean_UX.unsqueeze(1).expand(U, length - J, X)], dim=1)


def combine_sources(weights_NLS: Tensor, sources_NLD: list[Tensor]) -> Tensor:
    """Equation 5: e = sum over sources of weight * source, [N, L, D].

    The decoder never forms e: it mixes attention scores instead (see ``decoder``). This is the paper's own
    order of computation, kept for the tests that prove both equal.
    """
    return sum(
        (weight.unsqueeze(-1) * source for weight, source in zip(weights_NLS.unbind(-1), sources_NLD, strict=True)),
        start=torch.zeros((), device=weights_NLS.device),
    )


def source_shares(weights_NLS: Tensor, norms_NLS: Tensor, attended_NL: Tensor) -> Tensor:
    """Each source's share of e: the mean over attended positions of |w_s x_s| / sum_t |w_t x_t|, [N, S].

    ``norms_NLS`` are the sources' |x|; rows of the result sum to 1 (0 where nothing is attended).
    """
    parts = norms_NLS * weights_NLS.abs()
    shares = parts / parts.sum(-1, keepdim=True).clamp(min=1e-12)
    shares = (shares * attended_NL.unsqueeze(-1)).sum(1)
    return shares / shares.sum(-1, keepdim=True).clamp(min=1e-12)
