"""The training step of a size on a GPU: tokens/s, model FLOP utilisation, the largest batch that fits.

``python -m tests.benchmarks.utilisation [--sizes small,paper]``. Weights from scratch, bf16 autocast, Adam; 15
questions a product. Utilisation is against the peak of dense bf16 products that NVIDIA gives for the device.
"""

import argparse
import json
import statistics
import time
from dataclasses import replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from moemoe.model.config import ModelConfig, TextConfig
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import load_recipe
from tests.benchmarks.model import make_batch, with_answers

QUESTIONS = 15
PEAK_TFLOPS = {"H100": 989, "H200": 989, "A100": 312}
T5_BASE = TextConfig(
    d_model=768, d_kv=64, d_ff=3072, num_heads=12, context_layers=12, question_layers=12, decoder_layers=12,
    vocab_size=32128,
)  # fmt: skip


def config_of(size: str) -> ModelConfig:
    """The size's model, dense, from scratch."""
    values = load_recipe("qga", size).model
    config = ModelConfig.from_dict(values)
    text = replace(T5_BASE if config.text.pretrained else config.text, dropout_rate=0.0)
    return replace(config, text=text, image=replace(config.image, pretrained=False))


def utilisation(size: str, device: str = "cuda", largest: int = 1024) -> dict:
    """Doubles the batch until memory runs out; figures of the fastest batch."""
    config = config_of(size)
    found: dict = {}
    products = 1
    while products <= largest:
        try:
            figures = _step(config, products, device)
        except torch.cuda.OutOfMemoryError:
            break
        found["largest_batch_products"] = products
        if figures["tokens_per_second"] > found.get("tokens_per_second", 0):
            found |= {**figures, "batch_products": products}
        products *= 2
    return found


def _step(config: ModelConfig, products: int, device: str) -> dict:
    torch.manual_seed(0)
    model = MoEMoE.create(config).to(device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    batch = with_answers(make_batch(config, products, QUESTIONS)).to(torch.device(device))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16):
            losses = model(batch)
        (losses.cross_entropy + losses.question_context + losses.question_image).backward()
        optimizer.step()

    with FlopCounterMode(display=False) as counter:
        step()
    times = []
    for _ in range(5):
        _wait(device)
        start = time.perf_counter()
        step()
        _wait(device)
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times)
    tokens = products * config.context_length + batch.decoder_mask.sum().item()
    figures = {"tokens_per_second": round(tokens / seconds), "step_ms": round(1000 * seconds, 1)}
    figures["tflops_per_second"] = round(counter.get_total_flops() / seconds / 1e12, 2)
    if device == "cuda":
        name = torch.cuda.get_device_name()
        peak = next((value for key, value in PEAK_TFLOPS.items() if key in name), None)
        figures |= {"device": name, "model_flop_utilisation": peak and round(figures["tflops_per_second"] / peak, 3)}
    return figures


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="small,paper")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--largest", type=int, default=1024)
    arguments = parser.parse_args()
    sizes = arguments.sizes.split(",")
    print(json.dumps({size: utilisation(size, arguments.device, arguments.largest) for size in sizes}))


if __name__ == "__main__":
    main()
