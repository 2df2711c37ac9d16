"""Answering: products and answers per second of trained models, all attributes of each product asked.

Synthetic products, whatever shards are given: their texts have about 550 characters, 15 attributes are asked. The
models are trained for some seconds first, so that answers end where values end. An image is decoded and encoded for
each product. What backfill adds (reading the catalog, checking labels, writing) is not in it.
"""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

from moemoe.inference.predictor import Predictor, ProductQuery, product_question
from moemoe.model.outputs import Answer
from tests.benchmarks.gpu.box import Box
from tests.benchmarks.gpu.trainings import recipe_of, train

SIZES = {"cuda": ("tiny", "small"), "cpu": ("tiny",)}
EPOCHS = {"cuda": 2, "cpu": 1}
PRODUCTS = {"cuda": 2048, "cpu": 24}


def measure(box: Box) -> Iterator[dict[str, Any]]:
    """Of each size, in float32 as backfill answers, and in bf16."""
    box = replace(box, shards=None)
    for size in SIZES[box.device]:
        trained = train(box, recipe_of(box, size, "full", EPOCHS[box.device], 32), box.scratch / f"generation-{size}")
        dataset = box.dataset()
        known = {name: sorted(values) for name, values in dataset.value_counts("train").items()}
        predictor = Predictor.load(trained.model, values=known)
        products = [dataset[row] for row in dataset.rows("train")[: PRODUCTS[box.device]].tolist()]
        questions = [product_question(product) for product in products]
        asked = sum(len(question.attributes) for question in questions)
        figures: dict[str, Any] = {"products": len(products), "answers": asked, "training_losses": trained.losses[-1:]}
        for name in ("fp32", "bf16"):
            with box.precision() if name == "bf16" else nullcontext():
                figures[name] = _answering(box, predictor, questions, [list(p.values.values()) for p in products])
            yield {size: {**figures}}


def _answering(
    box: Box, predictor: Predictor, questions: Sequence[ProductQuery], values: Sequence[Sequence[list[str]]]
) -> dict[str, float]:
    """Rates, and the share of answers that are right."""
    predictor.answer(questions[: len(questions) // 4])
    answers: list[list[Answer]] = []
    seconds = box.seconds(lambda: answers.extend(predictor.answer(questions)))
    right = [
        a.value in own for given, gold in zip(answers, values, strict=True) for a, own in zip(given, gold, strict=True)
    ]
    return {
        "products_per_second": round(len(questions) / seconds, 1),
        "answers_per_second": round(len(right) / seconds, 1),
        "share_right": round(sum(right) / len(right), 3),
    }
