import torch

from moemoe.model.question_guided_attention import (
    QuestionGuidedAttention,
    combine_sources,
    extend_question,
    mean_state,
    source_shares,
)


def test_training_starts_without_question_guidance():
    attention = QuestionGuidedAttention(8, sources=2)
    weights = attention(torch.randn(3, 5, 8), torch.ones(3, 5, dtype=torch.bool), length=7)
    assert torch.equal(weights, torch.full((3, 7, 2), 0.5))


def test_weights_do_not_depend_on_padding():
    torch.manual_seed(0)
    attention = QuestionGuidedAttention(8)
    torch.nn.init.normal_(attention.fc.weight)
    states = torch.randn(1, 3, 8)
    short = attention(states, torch.ones(1, 3, dtype=torch.bool), length=6)
    padded = torch.cat([states, torch.randn(1, 4, 8)], dim=1)
    mask = torch.tensor([[1, 1, 1, 0, 0, 0, 0]], dtype=torch.bool)
    assert torch.allclose(attention(padded, mask, length=6), short, atol=1e-6)


def test_positions_beyond_the_question_take_the_mean_state():
    states, mask = torch.randn(1, 3, 4), torch.tensor([[True, True, False]])
    mean = mean_state(states, mask)
    extended = extend_question(states, mean, mask, 5)
    assert torch.allclose(mean, states[:, :2].mean(1))
    assert torch.equal(extended[:, :2], states[:, :2])
    assert torch.allclose(extended[:, 2:], mean[:, None].expand(1, 3, 4))


def test_equation_5_by_hand():
    weights = torch.tensor([[[2.0, 3.0]]])
    image, context = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    assert combine_sources(weights, [image, context]).tolist() == [[[2.0, 3.0]]]


def test_source_shares_by_hand():
    weights = torch.tensor([[[0.5, -0.5], [1.0, 0.0], [9.0, 9.0]]])
    norms = torch.tensor([[[3.0, 1.0], [1.0, 1.0], [1.0, 1.0]]])
    attended = torch.tensor([[True, True, False]])
    shares = source_shares(weights, norms, attended)
    assert torch.allclose(shares, torch.tensor([[(0.75 + 1.0) / 2, 0.125]]))
