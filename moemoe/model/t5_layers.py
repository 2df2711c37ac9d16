"""T5's sublayers, driven one by one over the weights of transformers' ``T5Stack``, by its names.

Encoders and decoder share them. Feed-forward layers and routers see only real tokens: padding costs nothing there
and never counts in a router's load.

Shapes: X rows, T tokens, K tokens attended to, D d_model, H heads, d head width.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5Stack

from moemoe.model.config import ExpertConfig, TextConfig
from moemoe.model.mixture_of_experts import MixtureOfExperts, RouterStats


def t5_stack(text: TextConfig, layers: int, is_decoder: bool, embedding: nn.Embedding) -> T5Stack:
    """One T5 stack of ``layers`` layers over ``embedding``, initialised as transformers does.

    Every stack gets its own config: T5Stack changes the one it is given.
    """
    config = T5Config(
        vocab_size=text.vocab_size,
        d_model=text.d_model,
        d_kv=text.d_kv,
        d_ff=text.d_ff,
        num_layers=layers,
        num_heads=text.num_heads,
        feed_forward_proj=text.feed_forward_proj,
        dropout_rate=text.dropout_rate,
        is_decoder=is_decoder,
        is_encoder_decoder=False,
        use_cache=False,
    )
    stack = T5Stack(config)
    stack.set_input_embeddings(embedding)
    return stack


def add_experts(stack: T5Stack, layers: list[int], experts: ExpertConfig) -> None:
    """Turns the feed-forward of ``layers`` into experts."""
    for index in layers:
        feed_forward = stack.block[index].layer[-1]
        feed_forward.DenseReluDense = MixtureOfExperts.in_place_of(feed_forward.DenseReluDense, experts)


def self_attention(layer: nn.Module, x_XTD: Tensor, mask_XHTT: Tensor) -> Tensor:
    """``x`` plus T5's self-attention; ``mask_XHTT``: the position bias, and the lowest number where not to look."""
    attention = layer.SelfAttention
    normed = layer.layer_norm(x_XTD)
    query, key, value = (heads(linear(normed), attention) for linear in (attention.q, attention.k, attention.v))
    rate = attention.dropout if layer.training else 0.0
    out = F.scaled_dot_product_attention(query, key, value, mask_XHTT, dropout_p=rate, scale=1.0)
    return x_XTD + layer.dropout(attention.o(out.transpose(1, 2).flatten(2)))


def self_attention_of_each(layer: nn.Module, x_XD: Tensor, lengths: Sequence[int], bias: Sequence[Tensor]) -> Tensor:
    """The same for concatenated texts, each attending only to itself.

    Args:
        x_XD: the tokens of all texts.
        lengths: each text's; together X.
        bias: each text's position bias [H, T, T].
    """
    attention = layer.SelfAttention
    normed = layer.layer_norm(x_XD)
    rate = attention.dropout if layer.training else 0.0
    all_heads = (
        f(normed).unflatten(-1, (-1, attention.key_value_proj_dim)) for f in (attention.q, attention.k, attention.v)
    )
    out = []
    for query, key, value, bias_HTT in zip(
        *(x.transpose(0, 1).split(lengths, 1) for x in all_heads), bias, strict=True
    ):
        weight_HTT = F.dropout(torch.baddbmm(bias_HTT, query, key.transpose(1, 2)).softmax(-1), rate, rate > 0)
        out.append((weight_HTT @ value).transpose(0, 1).flatten(1))
    return x_XD + layer.dropout(attention.o(torch.cat(out)))


def heads(x_XTD: Tensor, attention: nn.Module) -> Tensor:
    """[X, T, H * d] as [X, H, T, d]."""
    return x_XTD.unflatten(-1, (-1, attention.key_value_proj_dim)).transpose(1, 2)


def feed_forward(layer: nn.Module, x_XTD: Tensor, real: Tensor | None) -> tuple[Tensor, RouterStats | None]:
    """``x`` plus T5's feed-forward or its experts, at the flat indices ``real`` (None: everywhere)."""
    flat = x_XTD.reshape(-1, x_XTD.shape[-1])
    tokens = flat if real is None else flat[real]
    out = layer.DenseReluDense(layer.layer_norm(tokens))
    out, load = out if isinstance(out, tuple) else (out, None)
    tokens = tokens + layer.dropout(out).to(tokens.dtype)
    flat = tokens if real is None else flat.index_copy(0, real, tokens)
    return flat.view_as(x_XTD), load


def position_bias(stack: T5Stack, visible: Tensor, start: int, like: Tensor, place_XK: Tensor | None = None) -> Tensor:
    """T5's relative position bias [X or 1, H, T, K] of the ``visible`` [X, T, K] places, the lowest number elsewhere.

    The T rows stand at positions ``start`` and on; where tokens stand in no line but in a tree, ``place_XK`` is each
    one's position, and the T rows are those of index ``start`` and on.
    """
    T, K = visible.shape[1:]
    attention = stack.block[0].layer[0].SelfAttention
    if place_XK is None:
        bias_XHTK = attention.compute_bias(T, K, like.device, past_seen_tokens=start).to(like.dtype)
    else:
        bucket_XTK = attention._relative_position_bucket(
            place_XK[:, None, :] - place_XK[:, start:, None],
            bidirectional=not attention.is_decoder,
            num_buckets=attention.relative_attention_num_buckets,
            max_distance=attention.relative_attention_max_distance,
        )
        bias_XHTK = attention.relative_attention_bias(bucket_XTK).permute(0, 3, 1, 2).to(like.dtype)
    if bool(visible.all()):
        return bias_XHTK
    return bias_XHTK.masked_fill(~visible[:, None], torch.finfo(like.dtype).min)


def valid_indices(mask_XT: Tensor) -> Tensor | None:
    """Flat indices of the true positions; None if all are true."""
    flat = mask_XT.reshape(-1)
    return None if bool(flat.all()) else flat.nonzero()[:, 0]


def run_layer(recompute: bool, layer: Callable[..., Any], *inputs: Any) -> Any:
    """Calls ``layer``; if ``recompute``, its activations are computed again in the backward pass, not kept."""
    if recompute and torch.is_grad_enabled():
        return checkpoint(layer, *inputs, use_reentrant=False)
    return layer(*inputs)
