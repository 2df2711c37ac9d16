"""T5's decoder over weighted sources, with experts in some of its feed-forward layers.

The weights are those of transformers' ``T5Stack``, by its names; only the order of computation is ours: sources are
projected once per product (``source_attention``), and feed-forward layers and routers see real tokens alone.

Shapes: N examples, T decoder tokens, D d_model, H heads, d head width; ``start`` tokens lie in the cache already.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.models.t5.modeling_t5 import T5Stack

from moemoe.model.config import ExpertConfig
from moemoe.model.encoders import repeat_patches
from moemoe.model.mixture_of_experts import MixtureOfExperts, RouterLoad
from moemoe.model.source_attention import SourceMemory, source_attention


@dataclass
class Cache:
    """Self-attention keys and values of all layers, [layers, N, H, T_max, d], filled from the left."""

    keys: Tensor
    values: Tensor


class Decoder(nn.Module):
    """A T5 decoder stack driven layer by layer."""

    def __init__(self, stack: T5Stack):
        super().__init__()
        self.stack = stack

    @property
    def layers(self) -> int:
        """The number of layers."""
        return len(self.stack.block)

    def add_experts(self, experts: ExpertConfig) -> None:
        """Turns the chosen layers' dense feed-forward into upcycled experts."""
        for index in experts.decoder_layers(self.layers):
            feed_forward = self.stack.block[index].layer[2]
            dense = feed_forward.DenseReluDense
            feed_forward.DenseReluDense = MixtureOfExperts.upcycled(dense, experts.number, experts.k, experts.noise)

    def project_sources(self, sources: list[Tensor], length: int) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Keys and values per layer and source, each [B, H, length, d].

        A source [B, P, D] with P < length is repeated (equation 3) after it is projected, not before.
        """

        def heads(linear: nn.Linear, x_BPD: Tensor, d: int) -> Tensor:
            return repeat_patches(linear(x_BPD), length).unflatten(-1, (-1, d)).transpose(1, 2)

        keys, values = [], []
        for block in self.stack.block:
            attention = block.layer[1].EncDecAttention
            keys.append([heads(attention.k, x, attention.key_value_proj_dim) for x in sources])
            values.append([heads(attention.v, x, attention.key_value_proj_dim) for x in sources])
        return keys, values

    def new_cache(self, examples: int, length: int, like: Tensor) -> Cache:
        """An empty cache for ``length`` tokens, in the dtype and on the device of ``like``."""
        attention = self.stack.block[0].layer[0].SelfAttention
        shape = (self.layers, examples, attention.n_heads, length, attention.key_value_proj_dim)
        return Cache(like.new_zeros(shape), like.new_zeros(shape))

    def forward(
        self, x_NTD: Tensor, real_NK: Tensor, memory: SourceMemory, cache: Cache | None = None, start: int = 0
    ) -> tuple[Tensor, list[RouterLoad]]:
        """Final states [N, T, D] and the routers' loads, one per expert layer.

        ``real_NK`` marks the real tokens among all ``start + T`` so far; they may be padded on the left (a question
        shorter than another) and on the right (an answer shorter than another).
        """
        T, K = x_NTD.shape[1], real_NK.shape[1]
        bias_1HTK = self.stack.block[0].layer[0].SelfAttention.compute_bias(T, K, x_NTD.device, past_seen_tokens=start)
        place = torch.arange(K, device=x_NTD.device)
        visible_NTK = (place[None, :] <= place[start:, None]) & real_NK[:, None, :]
        mask_NHTK = bias_1HTK.to(x_NTD.dtype).masked_fill(~visible_NTK[:, None], torch.finfo(x_NTD.dtype).min)
        real = real_NK[:, start:].reshape(-1).nonzero()[:, 0]

        x_NTD = self.stack.dropout(x_NTD)
        loads: list[RouterLoad] = []
        for index, block in enumerate(self.stack.block):
            own, cross, feed_forward = block.layer
            x_NTD = x_NTD + own.dropout(self._attend_self(index, own, x_NTD, mask_NHTK, cache, start))
            attention = cross.EncDecAttention
            query = attention.q(cross.layer_norm(x_NTD)).unflatten(-1, (-1, attention.key_value_proj_dim))
            rate = attention.dropout if self.training else 0.0
            x_NTD = x_NTD + cross.dropout(attention.o(source_attention(query, index, memory, rate)))

            flat = x_NTD.reshape(-1, x_NTD.shape[-1])
            tokens = flat[real]
            out = feed_forward.DenseReluDense(feed_forward.layer_norm(tokens))
            if isinstance(out, tuple):
                out, load = out
                loads.append(load)
            flat = flat.index_copy(0, real, tokens + feed_forward.dropout(out).to(tokens.dtype))
            x_NTD = flat.view_as(x_NTD)
        return self.stack.dropout(self.stack.final_layer_norm(x_NTD)), loads

    def _attend_self(
        self, index: int, layer: nn.Module, x_NTD: Tensor, mask_NHTK: Tensor, cache: Cache | None, start: int
    ) -> Tensor:
        attention = layer.SelfAttention
        normed = layer.layer_norm(x_NTD)
        query, key, value = (
            linear(normed).unflatten(-1, (-1, attention.key_value_proj_dim)).transpose(1, 2)
            for linear in (attention.q, attention.k, attention.v)
        )
        if cache is not None:
            end = start + x_NTD.shape[1]
            cache.keys[index, :, :, start:end] = key
            cache.values[index, :, :, start:end] = value
            key, value = cache.keys[index, :, :, :end], cache.values[index, :, :, :end]
        out = F.scaled_dot_product_attention(
            query, key, value, mask_NHTK, dropout_p=attention.dropout if self.training else 0.0, scale=1.0
        )
        return attention.o(out.transpose(1, 2).flatten(2))
