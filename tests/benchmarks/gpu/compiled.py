"""Forward and backward with ``torch.compile`` and without, and how long compiling takes: the encoders, then the model.

On a CPU graphs are captured but no code is made of them, of the context encoder alone: the rest takes minutes.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from moemoe.model.moemoe import MoEMoE
from moemoe.model.outputs import Losses
from tests.benchmarks.full_batch import make_batch, with_answers
from tests.benchmarks.gpu.box import Box
from tests.benchmarks.gpu.utilisation import QUESTIONS, config_of

BACKEND = {"cuda": "inductor", "cpu": "eager"}
COMPILED = {"cuda": ("context_encoder", "image_encoder", "model"), "cpu": ("context_encoder",)}
PRODUCTS = {"cuda": 32, "cpu": 2}
WARM_UP = 3


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """Of each part of size small, dense: milliseconds both ways; seconds of the first three steps when compiled."""
    torch.manual_seed(0)
    model = MoEMoE.create(config_of(box, "qga", "small")).to(box.device).train()
    batch = with_answers(make_batch(model.config, PRODUCTS[box.device], QUESTIONS)).to(torch.device(box.device))
    images, texts = batch.sources
    calls: dict[str, tuple[nn.Module | None, Callable[[Any], Tensor]]] = {
        "context_encoder": (model.context_encoder, lambda module: module(texts.data, texts.mask)[0].float().sum()),
        "image_encoder": (model.image_encoder, lambda module: module(images.data).float().sum()),
        "model": (model, lambda module: _loss(module(batch))),
    }
    yield {"backend": BACKEND[box.device], "batch_products": PRODUCTS[box.device]}
    for name in COMPILED[box.device]:
        module, call = calls[name]
        off = box.median(lambda call=call, module=module: _step(box, model, call, module), 2 if box.small else 20)
        yield {name: {"off_ms": round(1000 * off, 2)}}
        compiled = torch.compile(module, backend=BACKEND[box.device])
        start = time.perf_counter()
        for _ in range(WARM_UP):
            _step(box, model, call, compiled)
        box.wait()
        warm_up = time.perf_counter() - start
        on = box.median(lambda call=call, module=compiled: _step(box, model, call, module), 2 if box.small else 20)
        figures = {"off_ms": off, "on_ms": on}
        yield {
            name: {
                **{key: round(1000 * seconds, 2) for key, seconds in figures.items()},
                "speedup": round(off / on, 2),
                "warm_up_seconds": round(warm_up, 1),
            }
        }


def _step(box: Box, model: MoEMoE, call: Callable[[Any], Tensor], module: Any) -> None:
    model.zero_grad()
    with box.precision():
        loss = call(module)
    loss.backward()


def _loss(losses: Losses) -> Tensor:
    return losses.cross_entropy + losses.question_context + losses.question_image
