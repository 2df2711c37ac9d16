"""A batch, and a check that a model answers it like the paper's order of computation."""

from dataclasses import replace

import pytest
import torch

from moemoe.batches.batch import Batch, Source
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from tests.support.naive_model import Naive
from tests.support.small_model import random_batch


def batch_for(question_in: str) -> Batch:
    """In ``context``, the text of every example differs, as it would with the question in it."""
    batch = random_batch()
    if question_in == "decoder":
        return batch
    images, texts = batch.sources
    of = batch.product_of
    texts = Source(
        (texts.data[of] + batch.question_of[:, None]) * texts.mask[of], texts.mask[of], torch.arange(len(of))
    )
    return replace(
        batch, sources=[replace(images, row_of=of), texts], product_of=torch.arange(len(of)),
        decoder_ids=batch.decoder_ids[:, 2:], decoder_mask=torch.ones_like(batch.decoder_mask[:, 2:]),
        labels=batch.labels[:, 2:],
    )  # fmt: skip


def four_sources(batch: Batch) -> Batch:
    """``batch`` with a second image and a second, shorter text, each missing of some products."""
    image, text = batch.sources
    generator = torch.Generator().manual_seed(5)
    pixels = torch.randint(0, 255, image.data.shape, dtype=torch.uint8, generator=generator)
    has_second = torch.tensor([i % 3 == 0 for i in range(len(image.mask))])
    ids = torch.randint(2, 60, (len(text.data), 7), generator=generator)
    mask = torch.arange(7)[None] < torch.tensor([(0, 7, 4)[i % 3] for i in range(len(text.data))])[:, None]
    second_text = Source(ids * mask, mask, text.row_of)
    return replace(batch, sources=[image, Source(pixels, has_second, image.row_of), text, second_text])


def assert_equal_to_the_naive_path(model: MoEMoE, batch: Batch) -> None:
    naive = Naive(model)
    ours = model(batch)
    reference = naive.losses(batch)
    for name, loss in reference.items():
        assert getattr(ours, name).item() == pytest.approx(loss.item(), rel=1e-5, abs=1e-6), name

    gradients = []
    for loss in (ours.cross_entropy + ours.question_context + ours.question_image, sum(reference.values())):
        model.zero_grad()
        loss.backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() >= gradients[1].keys()
    assert len(gradients[1]) > 40
    for name, gradient in gradients[1].items():
        scale = gradient.abs().max().clamp(min=1e-3)
        assert torch.allclose(gradients[0][name] / scale, gradient / scale, atol=1e-3), name

    asked = replace(batch, labels=None)
    assert torch.equal(generate(model, asked).tokens_NA, naive.generate(asked))
