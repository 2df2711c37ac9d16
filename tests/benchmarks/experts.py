"""The mixture-of-experts layer: forward and backward against a dense layer of the same active parameters and peers.

``python -m tests.benchmarks.experts [--repeats 5] [--json]``. Peers: a dense feed-forward layer of width k * d_ff (the
floor), a loop over ``unbind``-ed expert weights, transformers' Switch layer (top 1 of experts of width k * d_ff, so the
same active parameters; capacity for every token, so none is dropped). Contenders take turns in one process; medians.
"""

import argparse
import copy
import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import SwitchTransformersConfig, T5Config
from transformers.models.switch_transformers.modeling_switch_transformers import SwitchTransformersSparseMLP
from transformers.models.t5.modeling_t5 import T5DenseActDense

from moemoe.model.config import ExpertConfig
from moemoe.model.mixture_of_experts import MixtureOfExperts

D_MODEL, D_FF, K = 512, 1024, 2  # size small
EXPERTS = (4, 8, 16, 32, 64)
TOKENS = (256, 8192)


def dense_layer(d_ff: int) -> T5DenseActDense:
    return T5DenseActDense(T5Config(d_model=D_MODEL, d_ff=d_ff, dropout_rate=0.0, feed_forward_proj="relu"))


class Loop(nn.Module):
    """Our layer, its experts one after the other."""

    def __init__(self, layer: MixtureOfExperts):
        super().__init__()
        self.layer = layer

    def forward(self, x_TD: Tensor) -> Tensor:
        layer = self.layer
        gate_TK, expert_TK, _ = layer.router(x_TD)
        out = torch.zeros_like(x_TD)
        for e, (wi, wo) in enumerate(zip(layer.wi_EDF.unbind(), layer.wo_EFD.unbind(), strict=True)):
            token, slot = (expert_TK == e).nonzero(as_tuple=True)
            rows = layer.activation(x_TD[token] @ wi) @ wo
            out = out.index_add(0, token, rows * gate_TK[token, slot, None])
        return out


def switch_layer(experts: int, tokens: int) -> SwitchTransformersSparseMLP:
    config = SwitchTransformersConfig(
        d_model=D_MODEL, d_ff=K * D_FF, num_experts=experts, expert_capacity=tokens, dropout_rate=0.0,
        router_jitter_noise=0.0,
    )  # fmt: skip
    return SwitchTransformersSparseMLP(config)


def skew(weight_ED: Tensor) -> None:
    """Makes a router prefer low-numbered experts; inputs have a constant 1 in their first place."""
    with torch.no_grad():
        weight_ED[:, 0] = -0.5 * torch.arange(weight_ED.shape[0], dtype=weight_ED.dtype, device=weight_ED.device)


def contenders(
    experts: int, tokens: int, skewed: bool, device: str
) -> dict[str, tuple[Callable[[Tensor], Tensor], nn.Module]]:
    torch.manual_seed(0)
    ours = MixtureOfExperts.in_place_of(dense_layer(D_FF), ExpertConfig(experts, K, noise=False, init="random"))
    switch = switch_layer(experts, tokens)
    nn.init.normal_(switch.router.classifier.weight, 0, 0.02)
    if skewed:
        skew(ours.router.weight_ED)
        skew(switch.router.classifier.weight)
    loop = Loop(copy.deepcopy(ours))
    x = torch.randn(64, D_MODEL)
    assert torch.allclose(loop(x), ours(x)[0], atol=1e-3)
    layers = {"dense": dense_layer(K * D_FF), "ours": ours, "loop": loop, "switch": switch}
    for layer in layers.values():
        layer.to(device=device, dtype=torch.bfloat16 if device == "cuda" else torch.float32).train()
    calls = {**layers, "ours": lambda x: layers["ours"](x)[0], "switch": lambda x: layers["switch"](x[None])[0]}
    return {name: (calls[name], layers[name]) for name in layers}


def step(layer: Callable[[Tensor], Tensor], module: nn.Module, x: Tensor, target: Tensor) -> float:
    """Seconds of one forward and backward pass, gradients starting from None; on a CPU those that it computed."""
    clock = time.perf_counter if x.is_cuda else time.process_time
    module.zero_grad()
    x = x.detach().requires_grad_()
    if x.is_cuda:
        torch.cuda.synchronize()
    start = clock()
    F.mse_loss(layer(x), target).backward()
    if x.is_cuda:
        torch.cuda.synchronize()
    return clock() - start


def measure(experts: int, tokens: int, skewed: bool, repeats: int, device: str) -> dict[str, float]:
    """Median milliseconds of each contender, which take turns."""
    layers = contenders(experts, tokens, skewed, device)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    x = torch.randn(tokens, D_MODEL)
    x[:, 0] = 1.0
    x, target = x.to(device, dtype), torch.randn(tokens, D_MODEL).to(device, dtype)
    seconds: dict[str, list[float]] = {name: [] for name in layers}
    for turn in range(repeats + 1):
        for name, (call, module) in layers.items():
            taken = step(call, module, x, target)
            if turn:  # the first is a warm-up
                seconds[name].append(taken)
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    """Prints the figures, as one JSON object on the last line with ``--json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    figures: dict = {"time_vs_dense": {}, "switch_vs_ours": {}, "loop_vs_ours": {}, "details": {}}
    figures |= {"d_model": D_MODEL, "d_ff": D_FF, "k": K, "device": device, "threads": torch.get_num_threads()}
    for tokens in TOKENS:
        for routing in ("balanced", "skewed"):
            for experts in EXPERTS:
                ms = measure(experts, tokens, routing == "skewed", arguments.repeats, device)
                ratios = {
                    "time_vs_dense": ms["ours"] / ms["dense"],
                    "switch_vs_ours": ms["switch"] / ms["ours"],
                    "loop_vs_ours": ms["loop"] / ms["ours"],
                }
                ratios = {name: round(ratio, 2) for name, ratio in ratios.items()}
                label = f"{tokens} tokens, {routing}, {experts} experts"
                print(label, {name: round(value, 1) for name, value in ms.items()}, ratios, flush=True)
                figures["details"][label] = {"milliseconds": {n: round(v, 1) for n, v in ms.items()}, **ratios}
                if (tokens, routing) == (max(TOKENS), "balanced"):
                    for name, ratio in ratios.items():
                        figures[name][str(experts)] = ratio
    if arguments.json:
        print(json.dumps(figures))


if __name__ == "__main__":
    main()
