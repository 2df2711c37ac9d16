import pytest
import torch

from moemoe.model.config import ExpertConfig
from moemoe.model.moemoe import MoEMoE
from tests.support.small_model import tiny_config


@pytest.fixture
def model() -> MoEMoE:
    torch.manual_seed(0)
    return MoEMoE.create(tiny_config()).eval()


@pytest.fixture
def experts_model() -> MoEMoE:
    torch.manual_seed(0)
    model = MoEMoE.create(tiny_config(experts=ExpertConfig(num_experts=4, top_k=2, noise=False)))
    with torch.no_grad():  # experts that differ, as after training
        for name, parameter in model.named_parameters():
            if "_EDF" in name or "_EFD" in name or "router" in name:
                parameter.add_(torch.randn_like(parameter) * 0.1)
    return model.eval()
