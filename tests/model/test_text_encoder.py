"""T5's encoder on each text alone, against a whole batch."""

import pytest
import torch

from moemoe.model.config import ExpertConfig, TextConfig
from moemoe.model.encoders import TextEncoder
from moemoe.model.t5_layers import add_experts, t5_stack

TEXT = TextConfig(
    vocab_size=40, d_model=16, d_kv=4, d_ff=24, num_heads=4, context_layers=2, question_layers=1, decoder_layers=2,
    feed_forward_proj="relu", dropout_rate=0.0, tie_word_embeddings=True,
)  # fmt: skip


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("experts", [False, True])
def test_each_text_by_itself_gives_the_states_gradients_and_loads_of_all_together(experts, recompute, monkeypatch):
    torch.manual_seed(0)
    stack = t5_stack(TEXT, 2, False, torch.nn.Embedding(40, 16))
    if experts:
        add_experts(stack, [1], ExpertConfig(num_experts=4, top_k=2, noise=False, decoder="odd", encoder="none"))
    encoder = TextEncoder(stack)
    encoder.recompute = recompute
    ids_BK = torch.randint(2, 40, (4, 9))
    mask_BK = torch.arange(9) < torch.tensor([9, 3, 0, 1])[:, None]  # one has no text
    direction_BKD, found = torch.randn(4, 9, 16), []
    for longest in (0, 10**9):
        monkeypatch.setattr("moemoe.model.encoders.LONG_TEXT", longest)
        states_BKD, loads = encoder(ids_BK, mask_BK)
        gradients = torch.autograd.grad((states_BKD * direction_BKD).sum(), encoder.parameters(), allow_unused=True)
        found.append([states_BKD, *(load.top1_count_E for load in loads), *filter(torch.is_tensor, gradients)])
    assert len(found[0]) == len(found[1]) > 10
    for alone, together in zip(*found, strict=True):
        assert torch.allclose(alone, together, atol=1e-5)
