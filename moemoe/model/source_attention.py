"""Cross-attention to e = sum_s w_s x_s without ever forming e.

T5's cross-attention projections have no bias, so K(sum_s w_s x_s) = sum_s w_s K(x_s), and the same for V. The
weights w depend on the question alone, the states x on the product alone: each source is projected once per product
and what is mixed per question are attention scores, not keys. All questions of a product share one product's keys
in one matrix product. A source of P < L positions repeats (equation 3): its scores are computed for P and read L / P
times over.

Shapes: N examples, B products, Q most questions of one product, T decoder tokens, L source positions, P those of one
source (R times over they reach L), S sources, H heads, d head width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class SourceMemory:
    """What the decoder attends to.

    ``keys`` and ``values`` hold, per decoder layer and source, [B, H, d, P] and [B, H, P, d]; ``weights_SBQL`` are the
    source weights per question; ``attended_BL`` is true where a position is attended to; ``slot_N`` places example n
    at row product * Q + rank among that product's examples.
    """

    keys: list[list[Tensor]]
    values: list[list[Tensor]]
    weights_SBQL: Tensor
    attended_BL: Tensor
    slot_N: Tensor


def example_slots(product_N: Tensor, products: int) -> tuple[Tensor, int]:
    """The slot of each example and Q; ``product_N`` must be in rising order."""
    counts = torch.bincount(product_N, minlength=products)
    starts = counts.cumsum(0) - counts
    rank_N = torch.arange(product_N.numel(), device=product_N.device) - starts[product_N]
    width = int(counts.max())
    return product_N * width + rank_N, width


def scatter_weights(weights_NLS: Tensor, slot_N: Tensor, products: int, width: int) -> Tensor:
    """Source weights on the grid of products and questions, [S, B, Q, L]; empty places are 0."""
    _, L, S = weights_NLS.shape
    grid = weights_NLS.new_zeros(products * width, L, S).index_copy(0, slot_N, weights_NLS)
    return grid.view(products, width, L, S).permute(3, 0, 1, 2)


def source_attention(query_NTHd: Tensor, layer: int, memory: SourceMemory, dropout: float = 0.0) -> Tensor:
    """Attention of every example's tokens to its product's weighted sources, [N, T, H * d]."""
    N, T, H, d = query_NTHd.shape
    S, B, Q, L = memory.weights_SBQL.shape
    grid = query_NTHd.new_zeros(B * Q, T, H, d).index_copy(0, memory.slot_N, query_NTHd)
    query_BHRd = grid.view(B, Q * T, H, d).transpose(1, 2)
    weights_SB1Q1L = memory.weights_SBQL.to(query_NTHd.dtype)[:, :, None, :, None, :]

    keys, values = memory.keys[layer], memory.values[layer]
    scores = torch.zeros((), device=query_NTHd.device)
    for s in range(S):
        own = (query_BHRd @ keys[s]).view(B, H, Q, T, -1)
        scores = scores + _times_repeated(weights_SB1Q1L[s], own)
    scores = scores.masked_fill_(~memory.attended_BL[:, None, None, None, :], torch.finfo(scores.dtype).min)
    attention = F.dropout(scores.float().softmax(-1).to(query_NTHd.dtype), dropout, training=dropout > 0)
    out = torch.zeros((), device=query_NTHd.device)
    for s in range(S):
        weighted = _folded(attention * weights_SB1Q1L[s], values[s].shape[2])
        out = out + weighted.view(B, H, Q * T, -1) @ values[s]
    return out.transpose(1, 2).reshape(B * Q, T, H * d)[memory.slot_N]


def _times_repeated(weights_L: Tensor, own_P: Tensor) -> Tensor:
    """``weights`` [..., L] times ``own`` [..., P] repeated to L."""
    L, P = weights_L.shape[-1], own_P.shape[-1]
    if P == L:
        return own_P * weights_L
    weights_RP = F.pad(weights_L, (0, -L % P)).unflatten(-1, (-1, P))
    return (own_P.unsqueeze(-2) * weights_RP).flatten(-2)[..., :L]


def _folded(weighted_L: Tensor, P: int) -> Tensor:
    """The sum [..., P] of what falls to each of P positions that are repeated to L."""
    L = weighted_L.shape[-1]
    return weighted_L if P == L else F.pad(weighted_L, (0, -L % P)).unflatten(-1, (-1, P)).sum(-2)
