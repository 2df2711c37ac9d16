"""Cross-attention to e = sum_s w_s x_s without ever forming e.

T5's cross-attention projections have no bias, so K(sum_s w_s x_s) = sum_s w_s K(x_s), and the same for V. The
weights w depend on the question alone, the states x on the product alone: each source is projected once per product
and what is mixed per question are attention scores, not keys. A source of P < L positions repeats (equation 3): its
scores are computed for P and used L / P times.

Products differ in length and in how many tokens attend to them, so on a CPU each is computed alone: nothing is
computed for padding, and its scores stay in the CPU's cache. On a GPU one matrix product computes all of them.

Shapes: N examples, B products, X decoder tokens (of one product where there is no B), G most tokens of one product, L
source positions, P those of one source (R times over they reach L), S sources, H heads, d head width.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

#: Tokens times positions of a product from which on a CPU lets each product attend alone.
MANY_SCORES = 4096


@dataclass
class SourceMemory:
    """What the decoder attends to.

    ``keys`` and ``values`` hold, per decoder layer and source, [B, H, d, P] and [B, H, P, d]; ``weights_NLS`` are each
    example's source weights; ``attended_BL`` is true where a position is attended to; ``product_N`` is each example's
    product, in ascending order.
    """

    keys: list[list[Tensor]]
    values: list[list[Tensor]]
    weights_NLS: Tensor
    attended_BL: Tensor
    product_N: Tensor

    def place(self, example_X: Tensor) -> "SourceTokens":
        """Tokens of the examples ``example_X`` (in ascending order), ready to attend."""
        return SourceTokens(self, example_X)


class SourceTokens:
    """Decoder tokens with the sources that they attend to."""

    def __init__(self, memory: SourceMemory, example_X: Tensor):
        self._memory, attended_BL = memory, memory.attended_BL
        product_X = memory.product_N[example_X]
        weights_SXL = memory.weights_NLS.permute(2, 0, 1).index_select(1, example_X)
        self._slot_X, self._width = token_slots(product_X, len(attended_BL))
        self._alone = example_X.device.type == "cpu" and self._width * attended_BL.shape[1] >= MANY_SCORES
        if self._alone:
            self._counts = torch.bincount(product_X, minlength=len(attended_BL)).tolist()
            self._products = [
                _weights_and_mask(weights_SXL[:, None], attended_L)
                for weights_SXL, attended_L in zip(weights_SXL.split(self._counts, dim=1), attended_BL, strict=True)
            ]
        else:
            self._weights_SB1GL = torch.stack([self._grid(own_XL)[:, None] for own_XL in weights_SXL])

    def attend(self, query_XHd: Tensor, layer: int, dropout: float = 0.0) -> Tensor:
        """Attention of the tokens to their products' weighted sources, [X, H * d]."""
        keys, values = self._memory.keys[layer], self._memory.values[layer]
        if self._alone:
            return self._one_by_one(query_XHd, keys, values, dropout)
        hidden_B11L = ~self._memory.attended_BL[:, None, None]
        query_BHGd = self._grid(query_XHd).transpose(1, 2)
        out_BHGd = _attend(query_BHGd, keys, values, self._weights_SB1GL, hidden_B11L, dropout)
        return out_BHGd.transpose(1, 2).flatten(0, 1)[self._slot_X].flatten(1)

    def _one_by_one(self, query_XHd: Tensor, keys: list[Tensor], values: list[Tensor], dropout: float) -> Tensor:
        out = []
        sources = (zip(*(own.unbind() for own in each), strict=True) for each in (keys, values))
        for query, (weights, hidden_L), own_keys, own_values in zip(
            query_XHd.split(self._counts), self._products, *sources, strict=True
        ):
            if len(query):
                length = weights.shape[-1]
                key, value = [k[..., :length] for k in own_keys], [v[:, :length] for v in own_values]
                out_HXd = _attend(query.transpose(0, 1), key, value, weights, hidden_L, dropout)
                out.append(out_HXd.transpose(0, 1).flatten(1))
        return torch.cat(out)

    def _grid(self, x_XY: Tensor) -> Tensor:
        """Tokens in the rows of their products, [B, G, ...]; empty ones are 0."""
        B = len(self._memory.attended_BL)
        rows = x_XY.new_zeros(B * self._width, *x_XY.shape[1:]).index_copy(0, self._slot_X, x_XY)
        return rows.unflatten(0, (B, self._width))


def token_slots(product_X: Tensor, products: int) -> tuple[Tensor, int]:
    """The row product * G + rank of each token, and G; ``product_X`` must be in ascending order."""
    counts = torch.bincount(product_X, minlength=products)
    starts = counts.cumsum(0) - counts
    rank_X = torch.arange(product_X.numel(), device=product_X.device) - starts[product_X]
    width = int(counts.max())
    return product_X * width + rank_X, width


def _weights_and_mask(weights_S1XL: Tensor, attended_L: Tensor) -> tuple[Tensor, Tensor | None]:
    """Both up to the last position that is attended to (all where none is); no mask where all before it are."""
    places = attended_L.nonzero()
    length = int(places[-1]) + 1 if len(places) else len(attended_L)
    return weights_S1XL[..., :length], ~attended_L[:length] if len(places) < length else None


def _attend(
    query: Tensor, keys: list[Tensor], values: list[Tensor], weights: Tensor, hidden: Tensor | None, dropout: float
) -> Tensor:
    """Attention [..., H, G, d] of ``query`` to weighted sources.

    ``weights`` [S, ..., 1, G, L]; ``hidden`` [..., L] is true where nothing is attended to.
    """
    scores: Tensor | None = None
    weights = weights.to(query.dtype)
    for weight, key in zip(weights, keys, strict=True):
        own = _times_repeated(weight, query @ key)
        scores = own if scores is None else scores + own
    assert scores is not None
    if hidden is not None:
        scores = scores.masked_fill_(hidden, torch.finfo(scores.dtype).min)
    attention = F.dropout(scores.float().softmax(-1).to(query.dtype), dropout, training=dropout > 0)
    out: Tensor | None = None
    for weight, value in zip(weights, values, strict=True):
        own = _folded(attention * weight, value.shape[-2]) @ value
        out = own if out is None else out + own
    assert out is not None
    return out


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
