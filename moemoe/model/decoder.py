"""T5's decoder over weighted sources, with experts in some of its feed-forward layers.

The weights are those of transformers' ``T5Stack``, by its names; only the order of computation is ours: sources are
projected once per product (``source_attention``), and cross-attention, feed-forward layers and routers see real tokens
alone.

Shapes: N examples, T decoder tokens, X real ones of them, D d_model, H heads, d head width.
"""

import torch
from torch import Tensor, nn
from transformers.models.t5.modeling_t5 import T5Stack

from moemoe.model.mixture_of_experts import RouterStats
from moemoe.model.source_attention import SourceMemory
from moemoe.model.t5_layers import feed_forward, heads, position_bias, run_layer, self_attention


class Decoder(nn.Module):
    """A T5 decoder stack driven layer by layer."""

    def __init__(self, stack: T5Stack):
        super().__init__()
        self.stack = stack
        self.recompute = False

    def project_sources(self, sources: list[Tensor]) -> tuple[list[list[Tensor]], list[list[Tensor]]]:
        """Keys [B, H, d, P] and values [B, H, P, d] per layer and source, as views of the projections' output.

        P are a source's own positions; an image's are repeated (equation 3) only when they are read.
        """
        keys, values = [], []
        for block in self.stack.block:
            attention = block.layer[1].EncDecAttention
            keys.append([heads(attention.k(x), attention).transpose(2, 3) for x in sources])
            values.append([heads(attention.v(x), attention) for x in sources])
        return keys, values

    def forward(self, x_NTD: Tensor, real_NT: Tensor, memory: SourceMemory) -> tuple[Tensor, list[RouterStats]]:
        """Final states [N, T, D] and the routers' loads, one per expert layer.

        ``real_NT`` marks the real tokens; they may be padded on the left (a question shorter than another) and on the
        right (an answer shorter than another).
        """
        place = torch.arange(real_NT.shape[1], device=x_NTD.device)
        visible_NTT = (place[None, :] <= place[:, None]) & real_NT[:, None, :]
        mask_NHTT = position_bias(self.stack, visible_NTT, 0, x_NTD)
        real_X = real_NT.flatten().nonzero()[:, 0]
        tokens = memory.place(real_X // real_NT.shape[1])

        def layer(index: int, block: nn.Module, x_NTD: Tensor) -> tuple[Tensor, RouterStats | None]:
            own, cross, last = block.layer
            x_ND = self_attention(own, x_NTD, mask_NHTT).flatten(0, 1)
            x_XD, attention = x_ND[real_X], cross.EncDecAttention
            query_XHd = attention.q(cross.layer_norm(x_XD)).unflatten(-1, (-1, attention.key_value_proj_dim))
            rate = attention.dropout if self.training else 0.0
            x_XD = x_XD + cross.dropout(attention.o(tokens.attend(query_XHd, index, rate)))
            x_XD, load = feed_forward(last, x_XD, None)
            return x_ND.index_copy(0, real_X, x_XD).view_as(x_NTD), load

        x_NTD = self.stack.dropout(x_NTD)
        loads = []
        for index, block in enumerate(self.stack.block):
            x_NTD, load = run_layer(self.recompute, layer, index, block, x_NTD)
            loads += [] if load is None else [load]
        return self.stack.dropout(self.stack.final_layer_norm(x_NTD)), loads
