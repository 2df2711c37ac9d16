"""The training step of size small and of the paper's size: tokens per second, model FLOP utilisation, largest batch.

A step is forward, backward and Adam, in bf16 autocast, on full contexts with an image and 15 questions a product, and
weights from scratch. Model FLOPs are those of the matrix products, attention and convolutions that one step computes,
as ``torch.utils.flop_counter`` counts them (2 for a multiplication and its addition; nothing is computed twice), and
2 T D F for a grouped product of T rows. Utilisation is model FLOPs per second over what the card's maker gives as its
peak of dense bf16 products, or over the measured peak of one large product where the card is not in the table.
"""

import gc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from moemoe.batches.batch import Batch
from moemoe.model.config import ModelConfig, TextConfig
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import load_recipe
from tests.benchmarks.full_batch import make_batch, with_answers
from tests.benchmarks.gpu.box import Box
from tests.support.small_model import tiny_config

QUESTIONS = 15
#: Peaks of dense bf16 products in TFLOP/s, from the makers' data sheets; the first name that a card's has in it.
PEAKS = {
    "H100 PCIe": 756.0, "H100 NVL": 835.0, "H100": 989.0, "H200": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0,
}  # fmt: skip
LARGEST = {"cuda": 2048, "cpu": 1}
#: Sides of the product whose speed is measured.
SIDE = {"cuda": 8192, "cpu": 256}
T5_BASE = TextConfig(
    d_model=768, d_kv=64, d_ff=3072, num_heads=12, context_layers=12, question_layers=12, decoder_layers=12,
    vocab_size=32128,
)  # fmt: skip


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """The peak, then every size, dense (``qga``) and with experts (``moemoe``), batch after batch."""
    measured = measured_peak(box)
    name = torch.cuda.get_device_name() if box.device == "cuda" else box.device
    known = next((peak for key, peak in PEAKS.items() if key in name), None)
    yield {"peak_tflops": {"data_sheet": known, "measured": round(measured, 2)}}
    for size in ("small", "paper"):
        for recipe in ("qga", "moemoe"):
            found: dict[str, Any] = {}
            for step in steps(box, config_of(box, recipe, size), known or measured):
                if step["tokens_per_second"] > found.get("tokens_per_second", 0):
                    found |= step
                found |= {"largest_batch_products": step["products"], "largest_batch_gib": step["peak_memory_gib"]}
                yield {f"{size}, {'experts' if recipe == 'moemoe' else 'dense'}": dict(found)}


def measured_peak(box: Box) -> float:
    """TFLOP/s of one large bf16 product."""
    side = SIDE[box.device]
    a, b = (torch.randn(side, side, device=box.device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * side**3 / box.median(lambda: a @ b, repeats=10) / 1e12


def config_of(box: Box, recipe: str, size: str) -> ModelConfig:
    """The size's model from scratch, without dropout; on a CPU one of a few thousand parameters."""
    config = ModelConfig.from_dict(load_recipe(recipe, size).model)
    if box.small:
        tiny = tiny_config(experts=config.experts)
        return replace(tiny, text=replace(tiny.text, vocab_size=1000))
    text = replace(T5_BASE if config.text.pretrained else config.text, dropout_rate=0.0)
    return replace(config, text=text, image=replace(config.image, pretrained=False))


def steps(box: Box, config: ModelConfig, peak: float) -> Iterator[dict[str, Any]]:
    """Figures of one batch after the other, each twice as large as the one before, until memory runs out."""
    torch.manual_seed(0)
    model = MoEMoE.create(config).to(box.device).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    products = 1
    while products <= LARGEST[box.device]:
        box.free()
        figures = _step_or_none(box, model, optimizer, products, peak)
        if figures is None:
            return
        yield figures
        products *= 2


def _step_or_none(
    box: Box, model: MoEMoE, optimizer: torch.optim.Optimizer, products: int, peak: float
) -> dict[str, Any] | None:
    """None where memory runs out; what the step held is let go."""
    try:
        return _step(box, model, optimizer, products, peak)
    except RuntimeError as error:  # its traceback holds the step's tensors until here
        if not isinstance(error, torch.OutOfMemoryError) and "ALLOC_FAILED" not in str(error):  # cuBLAS asks for itself
            raise
    optimizer.zero_grad()
    gc.collect()
    return None


def _step(box: Box, model: MoEMoE, optimizer: torch.optim.Optimizer, products: int, peak: float) -> dict[str, Any]:
    config = model.config
    batch = with_answers(make_batch(config, products, QUESTIONS)).to(torch.device(box.device))

    def step() -> None:
        train_step(box, model, optimizer, batch)

    flops = model_flops(step)
    seconds = box.median(step, repeats=1 if box.small else 5, warm_up=0 if box.small else 2)
    tokens = products * config.context_length + int(batch.decoder_mask.sum())
    tflops = flops / seconds / 1e12
    return {
        "products": products,
        "tokens_per_second": round(tokens / seconds),
        "products_per_second": round(products / seconds, 1),
        "step_ms": round(1000 * seconds, 2),
        "model_tflops_per_second": round(tflops, 3),
        "model_flop_utilisation": round(tflops / peak, 4),
        "peak_memory_gib": box.peak_gib(),
    }


def train_step(box: Box, model: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    """Forward, backward, Adam."""
    optimizer.zero_grad()
    with box.precision():
        losses = model(batch)
    (losses.cross_entropy + losses.question_context + losses.question_image).backward()
    optimizer.step()


def model_flops(step: Any) -> float:
    """What one ``step`` computes."""
    with FlopCounterMode(display=False, custom_mapping={torch.ops.aten._grouped_mm: grouped_flops}) as counter:
        step()
    return counter.get_total_flops()


def grouped_flops(a: torch.Size, b: torch.Size, *_: Any, out_shape: Any = None, **__: Any) -> int:
    """2 T D F: each of T rows [D] meets the matrix [D, F] of its expert; a weight's gradient sums over the T."""
    return 2 * a[-2] * a[-1] * b[-1]
