"""The GPU computes what the CPU computes: losses, gradients and answers of one trained model."""

import copy
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from moemoe.batches.batch import Batch
from moemoe.inference.predictor import Predictor, product_question
from moemoe.model.outputs import Answer
from moemoe.shards.dataset import ShardedDataset
from moemoe.training.objective import global_counts, joint_objective
from tests.benchmarks.gpu.box import Box
from tests.benchmarks.gpu.trainings import recipe_of, train

#: What may differ: loss and gradients relative to the CPU's, answers as a share of them, confidences by themselves.
TOLERANCES = {
    "fp32": {"loss": 1e-4, "gradients": 1e-2, "answers": 0.002, "confidence": 1e-3},
    "bf16": {"loss": 2e-2, "gradients": 0.2, "answers": 0.02, "confidence": 0.1},
}
EPOCHS = {"cuda": 8, "cpu": 1}
PRODUCTS = {"cuda": 192, "cpu": 12}


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """Trains a small model with experts on the CPU, then computes the same batch with it everywhere."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    on_cpu = Box("cpu", box.scratch / "parity")
    trained = train(on_cpu, recipe_of(on_cpu, "small", "full", EPOCHS[box.device]), on_cpu.scratch)
    yield {"tolerances": TOLERANCES, "losses": [round(loss, 4) for loss in trained.losses]}
    predictor, training, asked = _batches(on_cpu.dataset(), trained.model, PRODUCTS[box.device])
    expected = _computed(box, predictor, training, asked, "cpu", low=False)
    for name, tolerances in TOLERANCES.items():
        found = _differences(expected, _computed(box, predictor, training, asked, box.device, low=name == "bf16"))
        beyond = [key for key, limit in tolerances.items() if not found[key] <= limit]
        yield {name: {**found, "beyond": beyond, "within": not beyond}}


def _batches(dataset: ShardedDataset, folder: Path, products: int) -> tuple[Predictor, Batch, Batch]:
    """The predictor of a trained model, and training products with their answers and without."""
    predictor = Predictor.load(
        folder, values={name: sorted(own) for name, own in dataset.value_counts("train").items()}
    )
    rows = dataset.rows("train")[:products].tolist()
    items = predictor.items([product_question(dataset[row]) for row in rows])
    answers = [[values[0] for values in dataset.values(row).values()] for row in rows]
    answered = [replace(item, answers=own) for item, own in zip(items, answers, strict=True)]
    return predictor, predictor.collator(answered), predictor.collator(items)


def _computed(
    box: Box, predictor: Predictor, training: Batch, asked: Batch, device: str, low: bool
) -> tuple[float, Tensor, list[Answer]]:
    """Loss, all gradients in one vector, answers."""
    model: nn.Module = copy.deepcopy(predictor.model).to(device).eval()
    where = torch.device(device)
    with box.precision() if low else nullcontext():
        losses = model(training.to(where))
        answers = model.answer(asked.to(where), predictor.collator)
    loss, _ = joint_objective(losses, global_counts([training], 1), 0.1, 1, 1)
    loss.backward()
    gradients = [p.grad.to_dense().flatten().float().cpu() for p in model.parameters() if p.grad is not None]
    return loss.item(), torch.cat(gradients), answers


def _differences(
    expected: tuple[float, Tensor, list[Answer]], found: tuple[float, Tensor, list[Answer]]
) -> dict[str, float]:
    pairs = list(zip(expected[2], found[2], strict=True))
    same = [(a, b) for a, b in pairs if a.value == b.value]
    return {
        "loss": abs(found[0] - expected[0]) / abs(expected[0]),
        "gradients": ((found[1] - expected[1]).norm() / expected[1].norm()).item(),
        "answers": 1 - len(same) / len(pairs),
        "confidence": max((abs(a.confidence - b.confidence) for a, b in same), default=0.0),
    }
