"""The sparse mixture of experts (section 4.4, appendix F): router, experts, load-balancing loss.

Shapes: T tokens (padding left out), D d_model, F d_ff, E experts, K chosen experts per token, R = T * K rows of tokens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moemoe.model.config import ExpertConfig

#: On a CPU at most so many experts, with more rows each than this on the average, are computed one after the other:
#: what one reads and writes stays in the cache. Else a grouped product is quicker (``tests/benchmarks/experts.py``).
FEW_EXPERTS, MANY_ROWS = 16, 128


@dataclass
class RouterStats:
    """What one layer's router did with one batch, as sums that can be added over ranks.

    ``top1_count_E`` counts the tokens whose top-ranked expert is e; ``gate_sum_E`` sums their gate weights (zeros
    outside the top k) and carries the gradient; ``tokens`` is T.
    """

    top1_count_E: Tensor
    gate_sum_E: Tensor
    tokens: Tensor


def load_balancing_loss(top1_count_E: Tensor, gate_sum_E: Tensor, tokens: Tensor) -> Tensor:
    """Equation 9: n * sum_i f_i P_i with f = top1_count / T and P = gate_sum / T. 1 if perfectly balanced."""
    return top1_count_E.numel() * torch.sum((top1_count_E / tokens) * (gate_sum_E / tokens))


class Router(nn.Module):
    """w(x) = softmax(top_k(W x + noise)), in float32 or better, also under autocast.

    Noise (Shazeer et al. 2017): standard normal * (softplus(x W_noise) + 1e-2), in training only.
    """

    def __init__(self, d_model: int, experts: int, k: int, noise: bool):
        super().__init__()
        self.k = k
        self.weight_ED = nn.Parameter(torch.empty(experts, d_model).normal_(0, 0.02))
        self.noise_ED = nn.Parameter(torch.zeros(experts, d_model)) if noise else None

    def forward(self, x_TD: Tensor) -> tuple[Tensor, Tensor, RouterStats]:
        """Gate weights [T, K] (each row sums to 1), expert indices [T, K] in descending order, and the load."""
        with torch.autocast(x_TD.device.type, enabled=False):
            dtype = torch.promote_types(self.weight_ED.dtype, torch.float32)
            x_TD = x_TD.to(dtype)
            logits_TE = F.linear(x_TD, self.weight_ED.to(dtype))
            if self.training and self.noise_ED is not None:
                scale_TE = F.softplus(F.linear(x_TD, self.noise_ED.to(dtype))) + 1e-2
                logits_TE = logits_TE + torch.randn_like(logits_TE) * scale_TE
            top_TK, expert_TK = logits_TE.topk(self.k, dim=-1)
            gate_TK = top_TK.softmax(-1)
            experts = logits_TE.shape[-1]
            top1_count_E = torch.bincount(expert_TK[:, 0], minlength=experts).float()
            gate_sum_E = torch.zeros_like(logits_TE).scatter(1, expert_TK, gate_TK).sum(0)
            tokens = torch.tensor(float(x_TD.shape[0]), device=x_TD.device)
        return gate_TK, expert_TK, RouterStats(top1_count_E, gate_sum_E, tokens)


class _Permute(torch.autograd.Function):
    """``x[order]`` for a permutation; its gradient is a gather too, where torch's own would scatter."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, order: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(order, back)
        return x[order]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        _, back = ctx.saved_tensors
        return gradient[back], None, None


class _ToExperts(torch.autograd.Function):
    """Each token's row K times, sorted by expert: ``x[order // K]``."""

    @staticmethod
    def forward(ctx: Any, x_TD: Tensor, order: Tensor, back: Tensor, K: int) -> Tensor:
        ctx.save_for_backward(back)
        ctx.K = K
        return x_TD[order // K]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (back,) = ctx.saved_tensors
        return gradient[back].unflatten(0, (-1, ctx.K)).sum(1), None, None, None


class MixtureOfExperts(nn.Module):
    """T5's feed-forward layer as E experts with stacked weights, computed one by one or by one grouped matrix product.

    Args:
        d_model, d_ff: widths D and F.
        experts, k, noise: see ``Router``.
        activation: the dense layer's activation.
        gated: whether the layer is T5 v1.1's (act(x W_0) * x W_1) or T5 v1.0's act(x W).
        dropout: rate between the two products, as in the dense layer.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        experts: int,
        k: int,
        noise: bool,
        activation: nn.Module,
        gated: bool,
        dropout: float,
    ):
        super().__init__()
        self.router = Router(d_model, experts, k, noise)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)
        self.wi_EDF = nn.Parameter(torch.empty(experts, d_model, d_ff).normal_(0, d_model**-0.5))
        self.wi_1_EDF = nn.Parameter(torch.empty(experts, d_model, d_ff).normal_(0, d_model**-0.5)) if gated else None
        self.wo_EFD = nn.Parameter(torch.empty(experts, d_ff, d_model).normal_(0, d_ff**-0.5))

    @classmethod
    def in_place_of(cls, dense: nn.Module, experts: ExpertConfig) -> "MixtureOfExperts":
        """Experts of the shape of T5's ``dense`` feed-forward layer.

        Upcycled (Komatsuzaki et al. 2023), every expert is a copy of it; the gate's weights sum to 1, so the result
        equals ``dense`` for any router state. Otherwise the experts start at random, as T5 starts.
        """
        gated = hasattr(dense, "wi_1")
        wi = dense.wi_0 if gated else dense.wi
        d_ff, d_model = wi.weight.shape
        E = experts.num_experts
        layer = cls(d_model, d_ff, E, experts.top_k, experts.noise, dense.act, gated, dense.dropout.p)
        layer = layer.to(device=wi.weight.device, dtype=wi.weight.dtype)
        if experts.init == "upcycled":
            with torch.no_grad():
                layer.wi_EDF.copy_(wi.weight.T.expand(E, d_model, d_ff))
                layer.wo_EFD.copy_(dense.wo.weight.T.expand(E, d_ff, d_model))
                if layer.wi_1_EDF is not None:
                    layer.wi_1_EDF.copy_(dense.wi_1.weight.T.expand(E, d_model, d_ff))
        return layer

    def forward(self, x_TD: Tensor) -> tuple[Tensor, RouterStats]:
        """The experts' weighted sum for each token, [T, D], and the router's load."""
        gate_TK, expert_TK, load = self.router(x_TD)
        device = x_TD.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x_TD.dtype
        expert_R = expert_TK.reshape(-1)
        order_R = expert_R.argsort(stable=True)
        E = self.wi_EDF.shape[0]
        count_E = torch.bincount(expert_R, minlength=E)
        few_and_large = device == "cpu" and E <= FEW_EXPERTS and len(order_R) > MANY_ROWS * E
        experts = self._one_by_one if few_and_large else self._grouped
        return experts(x_TD.to(dtype), gate_TK.to(dtype), order_R, count_E), load

    def _one_by_one(self, x_TD: Tensor, gate_TK: Tensor, order_R: Tensor, count_E: Tensor) -> Tensor:
        """Each expert's tokens gathered, computed and added up. ``order_R`` sorts the rows by expert."""
        counts = count_E.tolist()
        token_R, gate_R1 = order_R // gate_TK.shape[1], gate_TK.reshape(-1, 1).index_select(0, order_R)
        wi_1 = self.wi_1_EDF.unbind() if self.wi_1_EDF is not None else [None] * len(counts)
        experts = zip(self.wi_EDF.unbind(), wi_1, self.wo_EFD.unbind(), strict=True)
        out_TD = torch.zeros_like(x_TD)
        for token, gate, weights in zip(token_R.split(counts), gate_R1.split(counts), experts, strict=True):
            if len(token):
                out_TD.index_add_(0, token, self._feed_forward(x_TD.index_select(0, token), torch.mm, *weights) * gate)
        return out_TD

    def _grouped(self, x_TD: Tensor, gate_TK: Tensor, order_R: Tensor, count_E: Tensor) -> Tensor:
        """The same by grouped products of all rows."""
        T, K = gate_TK.shape
        ends_E = count_E.cumsum(0).to(torch.int32)
        back_R = torch.empty_like(order_R)
        back_R[order_R] = torch.arange(T * K, device=order_R.device)

        def product(rows: Tensor, weight: Tensor) -> Tensor:
            return F.grouped_mm(rows, weight, offs=ends_E)

        rows = _ToExperts.apply(x_TD, order_R, back_R, K)
        rows = self._feed_forward(rows, product, self.wi_EDF, self.wi_1_EDF, self.wo_EFD)
        out_TKD = _Permute.apply(rows, back_R, order_R).view(T, K, -1)
        return torch.bmm(gate_TK.unsqueeze(1), out_TKD).squeeze(1)

    def _feed_forward(
        self, rows: Tensor, product: Callable[[Tensor, Tensor], Tensor], wi: Tensor, wi_1: Tensor | None, wo: Tensor
    ) -> Tensor:
        hidden = self.activation(product(rows, wi.to(rows.dtype)))
        if wi_1 is not None:
            hidden = hidden * product(rows, wi_1.to(rows.dtype))
        return product(self.dropout(hidden), wo.to(rows.dtype))
