"""The expert layer against a dense one of the same active parameters, forward and backward.

``trained``: as training has it, float32 weights under autocast, so that the weights of all experts are rounded in every
step; ``bf16``: weights that are bf16 already.
"""

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5DenseActDense

from moemoe.model.config import ExpertConfig
from moemoe.model.mixture_of_experts import MixtureOfExperts
from tests.benchmarks.gpu.box import Box

EXPERTS = {"cuda": (4, 8, 16, 32, 64), "cpu": (4, 8)}
K = 2
#: Width, hidden width and tokens of a batch: size small, the paper's, and what a trial takes.
SHAPES = {"cuda": {"small": (512, 1024, 8192), "paper": (768, 3072, 8192)}, "cpu": {"small": (32, 64, 64)}}


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """Milliseconds of both, and their ratio, by shape and number of experts."""
    ratios: dict[str, dict[str, float]] = {}
    milliseconds: dict[str, dict[str, list[float]]] = {}
    for size, (width, hidden, tokens) in SHAPES[box.device].items():
        for weights in ("trained", "bf16"):
            name = f"{size}, {weights}"
            dense_ms = _milliseconds(box, _dense(width, K * hidden), width, tokens, weights == "bf16")
            ratios[name], milliseconds[name] = {}, {"dense": [round(dense_ms, 3)]}
            for experts in EXPERTS[box.device]:
                config = ExpertConfig(experts, K, noise=False, init="random")
                layer = MixtureOfExperts.in_place_of(_dense(width, hidden), config)
                ms = _milliseconds(box, layer, width, tokens, weights == "bf16")
                ratios[name][str(experts)] = round(ms / dense_ms, 2)
                milliseconds[name][str(experts)] = [round(ms, 3)]
                yield {"k": K, "shapes": SHAPES[box.device], "time_vs_dense": ratios, "milliseconds": milliseconds}


def _dense(width: int, hidden: int) -> T5DenseActDense:
    return T5DenseActDense(T5Config(d_model=width, d_ff=hidden, dropout_rate=0.0, feed_forward_proj="relu"))


def _milliseconds(box: Box, layer: nn.Module, width: int, tokens: int, low: bool) -> float:
    torch.manual_seed(0)
    box.free()
    kind = torch.bfloat16 if low else torch.float32
    layer = layer.to(box.device, kind).train()
    x_TD = torch.randn(tokens, width).to(box.device, kind).requires_grad_()
    target_TD = torch.randn(tokens, width).to(box.device, torch.bfloat16)

    def step() -> None:
        layer.zero_grad()
        with nullcontext() if low else box.precision():
            out = layer(x_TD)
            out_TD = out[0] if isinstance(out, tuple) else out
        F.mse_loss(out_TD, target_TD.to(out_TD.dtype)).backward()

    return 1000 * box.median(step, repeats=1 if box.small else 20, warm_up=0 if box.small else 5)
