import pytest
import torch
from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5DenseActDense, T5DenseGatedActDense

from moemoe.errors import ConfigError
from moemoe.model.config import ExpertConfig
from moemoe.model.mixture_of_experts import MixtureOfExperts, load_balancing_loss


def dense_layer(gated: bool):
    config = T5Config(d_model=16, d_ff=24, dropout_rate=0.0, feed_forward_proj="gated-gelu" if gated else "relu")
    layer = (T5DenseGatedActDense if gated else T5DenseActDense)(config)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return layer


def experts_that_differ(gated: bool = False) -> MixtureOfExperts:
    torch.manual_seed(0)
    layer = MixtureOfExperts.in_place_of(dense_layer(gated), ExpertConfig(num_experts=4, noise=False))
    for parameter in layer.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.2)
    return layer


def per_expert_loop(layer: MixtureOfExperts, x_TD: torch.Tensor) -> torch.Tensor:
    gate_TK, expert_TK, _ = layer.router(x_TD)
    out = torch.zeros_like(x_TD)
    for t in range(x_TD.shape[0]):
        for k in range(expert_TK.shape[1]):
            e = expert_TK[t, k]
            hidden = layer.activation(x_TD[t] @ layer.wi_EDF[e])
            if layer.wi_1_EDF is not None:
                hidden = hidden * (x_TD[t] @ layer.wi_1_EDF[e])
            out[t] = out[t] + gate_TK[t, k] * (hidden @ layer.wo_EFD[e])
    return out


@pytest.mark.parametrize("gated", [False, True])
def test_an_upcycled_layer_equals_its_dense_parent_for_any_router(gated):
    torch.manual_seed(1)
    dense = dense_layer(gated)
    layer = MixtureOfExperts.in_place_of(dense, ExpertConfig()).train()
    layer.router.weight_ED.data.normal_(0, 5)
    x = torch.randn(40, 16)
    assert torch.allclose(layer(x)[0], dense(x), atol=1e-5)


@pytest.fixture(params=["one by one", "grouped"])
def way(request, monkeypatch):
    """Both ways of computing experts, whatever the shape."""
    monkeypatch.setattr("moemoe.model.mixture_of_experts.MANY_ROWS", -1 if request.param == "one by one" else 10**6)
    return request.param


@pytest.mark.parametrize("gated", [False, True])
def test_experts_equal_a_loop_over_tokens_in_values_and_gradients(gated, way):
    layer = experts_that_differ(gated)
    target = torch.randn(9, 16)
    gradients = []
    for forward in (lambda x: layer(x)[0], lambda x: per_expert_loop(layer, x)):
        layer.zero_grad()
        torch.manual_seed(2)
        x = torch.randn(9, 16, requires_grad=True)
        out = forward(x)
        (out * target).sum().backward()
        gradients.append((out.detach(), [x.grad, *(p.grad.clone() for p in layer.parameters())]))
    (ours, ours_grad), (loop, loop_grad) = gradients
    assert torch.allclose(ours, loop, atol=1e-5)
    for a, b in zip(ours_grad, loop_grad, strict=True):
        assert torch.allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("experts", [4, 32])
def test_few_large_experts_are_computed_one_by_one_and_others_grouped(experts, monkeypatch):
    grouped, whole = [], torch.nn.functional.grouped_mm
    monkeypatch.setattr(torch.nn.functional, "grouped_mm", lambda *x, **y: grouped.append(1) or whole(*x, **y))
    torch.manual_seed(0)
    layer = MixtureOfExperts.in_place_of(dense_layer(False), ExpertConfig(num_experts=experts, noise=False))
    with torch.autocast("cpu", torch.bfloat16):
        few, large = layer(torch.randn(100, 16))[0], layer(torch.randn(400, 16))[0]
    assert len(grouped) == (2 if experts == 4 else 4)  # of each layer's two products
    assert few.dtype == large.dtype == torch.bfloat16


def test_an_expert_without_tokens_gets_zero_gradient(way):
    layer = experts_that_differ()
    layer.router.weight_ED.data[3] = 0
    x = torch.randn(5, 16).abs() + 0.1
    layer.router.weight_ED.data[:3] = 1.0
    out, load = layer(x)
    (out * torch.randn_like(out)).sum().backward()
    assert load.gate_sum_E[3] == 0
    assert layer.wi_EDF.grad[3].abs().max() == 0
    assert layer.wi_EDF.grad[:3].abs().max() > 0


def test_the_load_balancing_loss_by_hand():
    # 4 tokens, 2 experts: expert 0 first three times; gate weights sum to 2.5 and 1.5
    loss = load_balancing_loss(torch.tensor([3.0, 1.0]), torch.tensor([2.5, 1.5]), torch.tensor(4.0))
    assert loss.item() == pytest.approx(2 * (0.75 * 0.625 + 0.25 * 0.375))


def test_the_load_counts_the_top_ranked_expert_and_the_whole_gate():
    layer = experts_that_differ()
    x = torch.randn(50, 16)
    gate, expert, load = layer.router(x)
    assert load.top1_count_E.tolist() == [(expert[:, 0] == e).sum().item() for e in range(4)]
    assert load.gate_sum_E.sum().item() == pytest.approx(50, rel=1e-5)
    assert torch.allclose(gate.sum(-1), torch.ones(50))


def test_one_expert_per_token_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match="router gets no gradient"):
        ExpertConfig(num_experts=4, top_k=1)
