"""Encoding each source once, against the paper's order of computation: losses, gradients, generated tokens."""

from dataclasses import replace

import pytest
import torch

from moemoe.model.config import ExpertConfig
from moemoe.model.moemoe import MoEMoE
from tests.support.naive_path import assert_equal_to_the_naive_path, batch_for, four_sources
from tests.support.small_model import tiny_config

VARIANTS = {
    "qga": {},
    "experts": {"experts": ExpertConfig(num_experts=4, noise=False)},
    "experts in encoders": {"experts": ExpertConfig(num_experts=4, noise=False, encoder="all")},
    "wo-qg": {"question_guidance": False},
    "wo-al": {"alignment": False},
    "s-enc": {"question_guidance": False, "alignment": False},
}


def model_of(variant: str, question_in: str, sources: tuple[str, ...] = ("image", "text")) -> MoEMoE:
    torch.manual_seed(0)
    text = replace(tiny_config().text, context_layers=4)  # transformers' cache wants as many layers on both sides
    how = {"question_in": question_in, "context_length": 64, "sources": sources, **VARIANTS[variant]}
    model = MoEMoE.create(tiny_config(text=text, **how))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "_EDF" in name or "_EFD" in name or "router" in name or name == "attention.fc.weight":
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()


@pytest.mark.parametrize("question_in", ["decoder", "context"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_gradients_and_answers_equal_the_naive_path(variant, question_in):
    assert_equal_to_the_naive_path(model_of(variant, question_in), batch_for(question_in))


@pytest.mark.parametrize("question_in", ["decoder", "context"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_four_sources_equal_the_naive_path(variant, question_in):
    """The second image and the description are each missing of some products."""
    sources = ("image", "image.2", "text.title", "text.description")
    assert_equal_to_the_naive_path(model_of(variant, question_in, sources), four_sources(batch_for(question_in)))
