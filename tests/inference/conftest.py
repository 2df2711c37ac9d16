import pytest
import torch

from moemoe.model.config import ExpertConfig
from tests.support.known_answers import known_model
from tests.support.small_predictor import small_model


@pytest.fixture
def model():
    return known_model()


@pytest.fixture(scope="module")
def predictor():
    return small_model(experts=ExpertConfig(num_experts=4, top_k=2, decoder="odd", encoder="none"))


@pytest.fixture
def reticent(predictor, monkeypatch):
    """The empty answer is the likeliest to whatever it is asked."""
    logits = predictor.model.logits

    def biased(states):
        out = logits(states)
        out[:, 1] += 2 * out.abs().max() + 1
        out[:, [0, 2]] = -torch.inf  # a trained model does not write padding or unknown tokens
        return out

    monkeypatch.setattr(predictor.model, "logits", biased)
    return predictor
