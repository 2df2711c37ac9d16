"""Encode-once against the paper's own order of computation: losses, gradients, generated tokens."""

from dataclasses import replace

import pytest
import torch

from moemoe.batches.batch import Batch, Source
from moemoe.model.config import ExpertConfig
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from tests.model.naive import Naive
from tests.model.small import random_batch, tiny_config

VARIANTS = {
    "qga": {},
    "experts": {"experts": ExpertConfig(number=4, noise=False)},
    "experts in encoders": {"experts": ExpertConfig(number=4, noise=False, encoder="all")},
    "wo-qg": {"question_guidance": False},
    "wo-al": {"alignment": False},
    "s-enc": {"question_guidance": False, "alignment": False},
}


def model_of(variant: str, question_in: str) -> MoEMoE:
    torch.manual_seed(0)
    text = replace(tiny_config().text, context_layers=4)  # transformers' cache wants as many layers on both sides
    model = MoEMoE.create(tiny_config(text=text, question_in=question_in, context_length=64, **VARIANTS[variant]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "_EDF" in name or "_EFD" in name or "router" in name or name == "attention.fc.weight":
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


def batch_for(question_in: str) -> Batch:
    """In ``context``, the text of every example differs, as it would with the question in it."""
    batch = random_batch()
    if question_in == "decoder":
        return batch
    pictures, texts = batch.sources
    of = batch.product_of
    texts = Source(
        (texts.data[of] + batch.question_of[:, None]) * texts.mask[of], texts.mask[of], torch.arange(len(of))
    )
    return replace(
        batch, sources=[replace(pictures, row_of=of), texts], product_of=torch.arange(len(of)),
        decoder_ids=batch.decoder_ids[:, 2:], decoder_mask=torch.ones_like(batch.decoder_mask[:, 2:]),
        labels=batch.labels[:, 2:],
    )  # fmt: skip


@pytest.mark.parametrize("question_in", ["decoder", "context"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_gradients_and_answers_equal_the_naive_path(variant, question_in):
    assert_equal_to_the_naive_path(model_of(variant, question_in), batch_for(question_in))


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
