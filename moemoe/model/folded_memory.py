"""The decoder's sources laid out for inference: one matrix product for the scores of all sources, one for their values.

The weights of equation 4 differ along a question's own tokens and are constant after them (``extend_question``). There
sum_s w_s (q . k_s) = [w_1 q, w_2 q, 1] . [k_1; k_2; mask]: the weights move from the scores, of which there are many,
into the query, and a row of the keys holds the mask. The first J positions are computed as ``source_attention``
computes all of them. Equal to it except for rounding; no gradient flows.

Shapes: N examples, B products, X tokens, G most tokens of one product, L source positions, J of
them with weights of their own, S sources, H heads, d head width, D = S * d.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from moemoe.model.source_attention import SourceMemory, token_slots

#: Scores of what is not attended to: far below all others, and still a number in sums.
MASKED = -1e30
#: On a CPU the scores of this many places are computed at once: 1 MiB stays in its cache.
SCORES_AT_ONCE = 2**18


@dataclass
class FoldedMemory:
    """What the decoder attends to.

    ``keys`` [B, H, D + 1, L] and ``values`` [B, H, L - J, D] hold, per decoder layer, all sources side by side;
    ``first_keys`` [B, H, d, S * J] and ``first_values`` [B, H, S * J, d] those of the first J positions;
    ``first_mask_BJ`` is 0, or MASKED. ``constant_NS`` and ``first_NZ`` (Z = S * J) are each example's weights,
    ``product_N`` its product, in ascending order.
    """

    keys: list[Tensor]
    values: list[Tensor]
    first_keys: list[Tensor]
    first_values: list[Tensor]
    first_mask_BJ: Tensor
    constant_NS: Tensor
    first_NZ: Tensor
    product_N: Tensor

    @classmethod
    def of(cls, memory: SourceMemory) -> "FoldedMemory":
        """The same sources; J is read off the weights."""
        weights_SNL, B = memory.weights_NLS.permute(2, 0, 1), len(memory.attended_BL)
        S, _, L = weights_SNL.shape
        changes_L = (weights_SNL != weights_SNL[:, :, -1:]).any(1).any(0)
        J = int(changes_L.nonzero()[-1]) + 1 if bool(changes_L.any()) else 0
        mask_BL = torch.zeros_like(memory.attended_BL, dtype=weights_SNL.dtype)
        mask_BL.masked_fill_(~memory.attended_BL, MASKED)
        keys, values, first_keys, first_values = [], [], [], []
        for own_keys, own_values in zip(memory.keys, memory.values, strict=True):
            H, d = own_keys[0].shape[1:3]
            key = own_keys[0].new_empty(B, H, L, S * d + 1)  # a position's numbers beside each other, as projected
            value = own_values[0].new_empty(B, H, L, S * d)
            for s in range(S):
                own = slice(s * d, (s + 1) * d)
                for start in range(0, L, own_keys[s].shape[3]):  # a source repeats up to L (equation 3)
                    P = min(own_keys[s].shape[3], L - start)
                    key[:, :, start : start + P, own] = own_keys[s][..., :P].transpose(2, 3)
                    value[:, :, start : start + P, own] = own_values[s][:, :, :P]
            key[..., -1] = mask_BL[:, None, :]
            key = key.transpose(2, 3)
            keys.append(key)
            values.append(value[:, :, J:])
            first_keys.append(key[:, :, :-1, :J].unflatten(2, (S, d)).transpose(2, 3).flatten(3))
            first_values.append(value[:, :, :J].unflatten(3, (S, d)).transpose(2, 3).flatten(2, 3))
        constant_NS, first_NZ = weights_SNL[:, :, -1].T, weights_SNL[:, :, :J].permute(1, 0, 2).flatten(1)
        first_mask_BJ = mask_BL[:, :J]
        return cls(keys, values, first_keys, first_values, first_mask_BJ, constant_NS, first_NZ, memory.product_N)

    def place(self, example_X: Tensor) -> "PlacedTokens":
        """Tokens of the examples ``example_X`` (in ascending order), ready to attend."""
        slot_X, width = token_slots(self.product_N[example_X], len(self.first_mask_BJ))
        placed = PlacedTokens(self, slot_X, width)
        placed.constant_B1GS = placed.grid(self.constant_NS[example_X])[:, None]
        placed.first_B1GZ = placed.grid(self.first_NZ[example_X])[:, None]
        return placed


class PlacedTokens:
    """Tokens on the grid of products and their G tokens: row product * G + rank, ``slot_X``."""

    constant_B1GS: Tensor
    first_B1GZ: Tensor

    def __init__(self, memory: FoldedMemory, slot_X: Tensor, width: int):
        self._memory, self._slot_X, self._width = memory, slot_X, width

    def grid(self, x_XY: Tensor) -> Tensor:
        """The tokens in their rows, [B, G, Y]; empty ones are 0."""
        B = len(self._memory.first_mask_BJ)
        if len(x_XY) < B * self._width:
            x_XY = x_XY.new_zeros(B * self._width, x_XY.shape[1]).index_copy(0, self._slot_X, x_XY)
        return x_XY.unflatten(0, (B, self._width))

    def attend(self, query_XHd: Tensor, layer: int) -> Tensor:
        """Attention of the tokens to their products' weighted sources, [X, H * d]."""
        B, G, (H, d) = len(self.constant_B1GS), self._width, query_XHd.shape[1:]
        query_BHGd = self.grid(query_XHd.flatten(1)).unflatten(-1, (H, d)).transpose(1, 2)
        at_once = B if query_XHd.is_cuda else max(1, SCORES_AT_ONCE // (H * G * self._memory.keys[layer].shape[3]))
        out = [self._attend(query_BHGd[i : i + at_once], layer, slice(i, i + at_once)) for i in range(0, B, at_once)]
        out_XD = torch.cat(out).transpose(1, 2).reshape(B * G, H * d)
        return out_XD if len(out_XD) == len(query_XHd) else out_XD[self._slot_X]

    def _attend(self, query_BHGd: Tensor, layer: int, products: slice) -> Tensor:
        """The same for some products, [B, H, G, d]."""
        memory, d, dtype = self._memory, query_BHGd.shape[3], query_BHGd.dtype
        S, J = memory.constant_NS.shape[1], memory.first_mask_BJ.shape[1]
        constant_B1GS, first_B1GZ = self.constant_B1GS[products].to(dtype), self.first_B1GZ[products].to(dtype)

        weighted = [query_BHGd * constant_B1GS[..., s : s + 1] for s in range(S)]
        query_BHGD = torch.cat([*weighted, torch.ones_like(query_BHGd[..., :1])], dim=-1)
        scores_BHGL = query_BHGD @ memory.keys[layer][products]
        first_BHGZ = (query_BHGd @ memory.first_keys[layer][products]) * first_B1GZ
        first_BHGJ = first_BHGZ.unflatten(-1, (S, J)).sum(-2)
        scores_BHGL[..., :J] = first_BHGJ + memory.first_mask_BJ[products, None, None, :].to(dtype)
        attention_BHGL = scores_BHGL.float().softmax(-1).to(dtype)

        own_BHGSd = (attention_BHGL[..., J:] @ memory.values[layer][products]).unflatten(-1, (S, d))
        first_BHGZ = attention_BHGL[..., :J].repeat(1, 1, 1, S) * first_B1GZ
        return (own_BHGSd * constant_B1GS[..., None]).sum(-2) + first_BHGZ @ memory.first_values[layer][products]
