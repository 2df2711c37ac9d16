"""The decoder for inference: it reads further tokens after cached ones, and computes only what answers need.

Equal to ``Decoder`` except for rounding. Only real tokens are computed (padding appears in self-attention only). The
part before the first cross-attention depends only on the question and is computed once per question; the last layer
computes only the last of a question's tokens, as nothing reads the others.

Shapes: N examples, M of them whose answers have not ended, U distinct beginnings, T tokens to read, K tokens read so
far with them, X real tokens among those to read, D d_model, H heads, d head width.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from moemoe.model.decoder import Decoder
from moemoe.model.folded_memory import FoldedMemory, PlacedTokens
from moemoe.model.t5_layers import feed_forward, heads, position_bias


class CachedDecoder:
    """Self-attention keys and values of the tokens that some examples have read.

    ``real_MK`` is false for padding and for tokens that are to be forgotten.

    Args:
        decoder: the decoder whose layers are used.
        memory: the sources of all N examples.
    """

    def __init__(self, decoder: Decoder, memory: FoldedMemory):
        self._stack, self._memory = decoder.stack, memory
        self._cache: list[tuple[Tensor, Tensor]] = []  # keys and values [M, K, H * d] of each layer
        self.real_MK = self._place_MK = self._example_M = torch.empty(0)

    def begin(self, x_UTD: Tensor, real_UT: Tensor, row_of_N: Tensor) -> Tensor:
        """Reads every example's first tokens, padded on the left; the last one's final state, [N, D].

        Args:
            x_UTD, real_UT: the distinct beginnings.
            row_of_N: each example's row in them.
        """
        device, T = x_UTD.device, real_UT.shape[1]
        real_NT = real_UT[row_of_N]
        place_NT = torch.arange(T, device=device).expand(len(row_of_N), T)
        self.real_MK, self._place_MK = real_NT, place_NT
        self._example_M = torch.arange(len(row_of_N), device=device)
        visible_UTT = real_UT[:, None, :] & torch.ones(T, T, dtype=torch.bool, device=device).tril()
        mask = position_bias(self._stack, visible_UTT, 0, x_UTD, place_NT[:1])

        tokens, all_tokens, one_each = _Tokens(real_UT), _Tokens(real_NT), _Tokens(real_NT[:, -1:])
        index_UT = (real_UT.flatten().cumsum(0) - 1).view_as(real_UT)  # each token's among the distinct ones
        token_of_X = all_tokens.flat(index_UT[row_of_N].unsqueeze(-1))[:, 0]
        last_N = real_NT.sum(1).cumsum(0) - 1
        placed, placed_last = self._memory.place(all_tokens.row_X), self._memory.place(self._example_M)
        x = tokens.flat(x_UTD)
        for index, block in enumerate(self._stack.block):
            own, cross, feed = block.layer
            key, value, normed = self._keys_and_values(own, x, tokens)
            last = index == len(self._stack.block) - 1
            if last and index > 0:
                x, normed, mask, tokens = x[last_N], normed[last_N], mask[:, :, -1:], one_each
            x = self._attend_to_self(own, x, normed, tokens, key, value, mask)
            query = self._query(cross, x)
            if index == 0:
                key, value, x, query = key[row_of_N], value[row_of_N], x[token_of_X], query[token_of_X]
                mask, tokens = mask[row_of_N] if len(mask) > 1 else mask, all_tokens
                if last:
                    x, query = x[last_N], query[last_N]
            self._cache.append((key, value))
            x = self._attend_to_sources(cross, x, query, placed_last if last else placed, index)
            x, _ = feed_forward(feed, x, None)
        return self._stack.final_layer_norm(x)

    def read(self, x_MTD: Tensor, real_MT: Tensor, place_MT: Tensor, visible_MTK: Tensor | None = None) -> Tensor:
        """Reads more tokens; the final states of the real ones, row by row, [X, D].

        Args:
            x_MTD, real_MT: the tokens, padded anywhere.
            place_MT: their positions.
            visible_MTK: what each token attends to; None: every real token up to its position.
        """
        T = real_MT.shape[1]
        self.real_MK = torch.cat([self.real_MK, real_MT], dim=1)
        self._place_MK = torch.cat([self._place_MK, place_MT], dim=1)
        if visible_MTK is None:
            visible_MTK = self.real_MK[:, None, :] & (self._place_MK[:, None, :] <= place_MT[:, :, None])
        start = self.real_MK.shape[1] - T
        mask = position_bias(self._stack, visible_MTK, start, x_MTD, self._place_MK)
        tokens = _Tokens(real_MT)
        placed = self._memory.place(self._example_M[tokens.row_X])
        x = tokens.flat(x_MTD)
        for index, block in enumerate(self._stack.block):
            own, cross, feed = block.layer
            key, value, normed = self._keys_and_values(own, x, tokens)
            key, value = (torch.cat(pair, dim=1) for pair in zip(self._cache[index], (key, value), strict=True))
            self._cache[index] = key, value
            x = self._attend_to_self(own, x, normed, tokens, key, value, mask)
            x = self._attend_to_sources(cross, x, self._query(cross, x), placed, index)
            x, _ = feed_forward(feed, x, None)
        return self._stack.final_layer_norm(x)

    def keep(self, kept: Tensor) -> None:
        """Keeps only some of the examples."""
        self.real_MK, self._place_MK, self._example_M = (
            x[kept] for x in (self.real_MK, self._place_MK, self._example_M)
        )
        self._cache = [(key[kept], value[kept]) for key, value in self._cache]

    def _keys_and_values(self, own: nn.Module, x_XD: Tensor, tokens: "_Tokens") -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values [M, T, H * d], and the normalized x."""
        normed, attention = own.layer_norm(x_XD), own.SelfAttention
        return tokens.padded(attention.k(normed)), tokens.padded(attention.v(normed)), normed

    def _attend_to_self(
        self,
        own: nn.Module,
        x_XD: Tensor,
        normed_XD: Tensor,
        tokens: "_Tokens",
        key: Tensor,
        value: Tensor,
        mask: Tensor,
    ) -> Tensor:
        attention = own.SelfAttention
        query, key, value = (heads(x, attention) for x in (tokens.padded(attention.q(normed_XD)), key, value))
        out = F.scaled_dot_product_attention(query, key, value, mask, scale=1.0)
        return x_XD + attention.o(tokens.flat(out.transpose(1, 2).flatten(2)))

    def _query(self, cross: nn.Module, x_XD: Tensor) -> Tensor:
        attention = cross.EncDecAttention
        return attention.q(cross.layer_norm(x_XD)).unflatten(-1, (-1, attention.key_value_proj_dim))

    def _attend_to_sources(
        self, cross: nn.Module, x_XD: Tensor, query_XHd: Tensor, placed: PlacedTokens, index: int
    ) -> Tensor:
        return x_XD + cross.EncDecAttention.o(placed.attend(query_XHd, index))


class _Tokens:
    """Which of the M x T positions hold a token."""

    def __init__(self, real_MT: Tensor):
        self.shape = real_MT.shape
        self.index_X = real_MT.flatten().nonzero()[:, 0]
        self.row_X = self.index_X // real_MT.shape[1]
        self._all = len(self.index_X) == real_MT.numel()

    def padded(self, x_XD: Tensor) -> Tensor:
        """[M, T, D], 0 where there is no token."""
        if not self._all:
            x_XD = x_XD.new_zeros(self.shape.numel(), x_XD.shape[1]).index_copy(0, self.index_X, x_XD)
        return x_XD.unflatten(0, self.shape)

    def flat(self, x_MTD: Tensor) -> Tensor:
        """[X, D]."""
        x_XD = x_MTD.flatten(0, 1)
        return x_XD if self._all else x_XD[self.index_X]
