"""The text encoders (section 4.1): T5 for the context and for the question, unshared; equation 3.

Shapes: B contexts, K context tokens, U questions, J question tokens, I images, P patches, D d_model, L positions.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from transformers.models.t5.modeling_t5 import T5Stack

from moemoe.model.config import NgramConfig
from moemoe.model.mixture_of_experts import RouterStats
from moemoe.model.ngrams import HashedNgrams
from moemoe.model.t5_layers import (
    feed_forward,
    position_bias,
    run_layer,
    self_attention,
    self_attention_of_each,
    valid_indices,
)

#: Where a batch's longest text has so many tokens, training on a CPU encodes its texts one by one. Answering does not:
#: without gradients torch has a quicker kernel, and its batches are of texts of like lengths.
LONG_TEXT = 64


class TextEncoder(nn.Module):
    """Equation 1: a T5 encoder, some of its feed-forward layers possibly experts; states on padding are 0."""

    def __init__(self, stack: T5Stack, ngrams: NgramConfig | None = None):
        super().__init__()
        self.stack = stack
        self.ngrams = HashedNgrams(ngrams, stack.config.d_model) if ngrams is not None and ngrams.orders else None
        self.recompute = False

    def forward(self, ids_BK: Tensor, mask_BK: Tensor) -> tuple[Tensor, list[RouterStats]]:
        """States [B, K, D] of token ids int64 [B, K], and the routers' loads.

        ``mask_BK`` is true on real tokens; padding follows them.
        """
        return self.encode_embeddings(self.embed(ids_BK), mask_BK)

    def embed(self, ids_BK: Tensor) -> Tensor:
        """Embeddings [B, K, D] of the tokens, with those of the n-grams that end there."""
        x_BKD = self.stack.embed_tokens(ids_BK)
        return x_BKD if self.ngrams is None else x_BKD + self.ngrams(ids_BK)

    def encode_embeddings(self, x_BKD: Tensor, mask_BK: Tensor) -> tuple[Tensor, list[RouterStats]]:
        """The same from embeddings [B, K, D]."""
        x_BKD = self.stack.dropout(x_BKD)
        if torch.is_grad_enabled() and x_BKD.device.type == "cpu" and mask_BK.shape[1] >= LONG_TEXT:
            return self._one_by_one(x_BKD, mask_BK)
        mask_BHKK = position_bias(self.stack, mask_BK[:, None].expand(-1, mask_BK.shape[1], -1), 0, x_BKD)
        real = valid_indices(mask_BK)

        def layer(block: nn.Module, x_BKD: Tensor) -> tuple[Tensor, RouterStats | None]:
            return feed_forward(block.layer[-1], self_attention(block.layer[0], x_BKD, mask_BHKK), real)

        states_BKD, loads = self._run(layer, x_BKD)
        return states_BKD * mask_BK.unsqueeze(-1), loads

    def _one_by_one(self, x_BKD: Tensor, mask_BK: Tensor) -> tuple[Tensor, list[RouterStats]]:
        """The same, one text at a time: nothing is computed for padding, and attention stays in the CPU's cache."""
        lengths, K = mask_BK.sum(1).tolist(), mask_BK.shape[1]
        bias_HKK = position_bias(self.stack, mask_BK.new_ones(1, K, K), 0, x_BKD)[0]
        bias = [bias_HKK[:, :length, :length] for length in lengths]
        real_X = mask_BK.flatten().nonzero()[:, 0]

        def layer(block: nn.Module, x_XD: Tensor) -> tuple[Tensor, RouterStats | None]:
            return feed_forward(block.layer[-1], self_attention_of_each(block.layer[0], x_XD, lengths, bias), None)

        x_ND = x_BKD.flatten(0, 1)
        states_XD, loads = self._run(layer, x_ND[real_X])
        return torch.zeros_like(x_ND).index_copy(0, real_X, states_XD).view_as(x_BKD), loads

    def _run(
        self, layer: Callable[..., tuple[Tensor, RouterStats | None]], x: Tensor
    ) -> tuple[Tensor, list[RouterStats]]:
        """All layers and the last norm."""
        loads = []
        for block in self.stack.block:
            x, load = run_layer(self.recompute, layer, block, x)
            loads += [] if load is None else [load]
        return self.stack.dropout(self.stack.final_layer_norm(x)), loads


def repeat_patches(patches_IPD: Tensor, length: int) -> Tensor:
    """Equation 3: I_j = patch[j mod P] for j < ``length``, [I, length, D], also where P does not divide it."""
    if patches_IPD.shape[1] == length:
        return patches_IPD
    index = torch.arange(length, device=patches_IPD.device) % patches_IPD.shape[1]
    return patches_IPD[:, index]
