"""Cross-attention to weighted sources, against attention to the mixed source itself."""

import pytest
import torch

from moemoe.model.encoders import repeat_patches
from moemoe.model.question_guided_attention import combine_sources
from moemoe.model.source_attention import SourceMemory

B, H, d, L = 4, 2, 4, 12


def attended(kind: str) -> torch.Tensor:
    """What is attended to of each product: the last is shown nothing at all."""
    place = torch.arange(L).expand(B, L)
    texts = place < torch.tensor([12, 5, 1, 0])[:, None]
    return texts & (place != 2) if kind == "with holes" else texts


def reference(query_XHd, keys, values, weights_NLS, attended_BL, product_N, example_X):
    """e of each example (equation 5), and every token's attention to it."""
    product_X, out = product_N[example_X], []
    key_SNLD = [repeat_patches(k.permute(0, 3, 1, 2).flatten(2), L)[product_N] for k in keys]
    value_SNLD = [repeat_patches(v.transpose(1, 2).flatten(2), L)[product_N] for v in values]
    for e_NLD in (combine_sources(weights_NLS, sources) for sources in (key_SNLD, value_SNLD)):
        out.append(e_NLD[example_X].unflatten(-1, (H, d)).transpose(1, 2))
    key_XHLd, value_XHLd = out
    scores_XHL = (key_XHLd @ query_XHd.unsqueeze(-1))[..., 0]
    scores_XHL = scores_XHL.masked_fill(~attended_BL[product_X][:, None], torch.finfo(scores_XHL.dtype).min)
    return (scores_XHL.softmax(-1).unsqueeze(-2) @ value_XHLd)[..., 0, :].flatten(1)


@pytest.mark.parametrize("kind", ["to the end", "with holes"])
@pytest.mark.parametrize("many_scores", [0, 10**9])  # each product alone, or all together
def test_attention_and_its_gradients_are_those_of_the_mixed_source(kind, many_scores, monkeypatch):
    monkeypatch.setattr("moemoe.model.source_attention.MANY_SCORES", many_scores)
    torch.manual_seed(0)
    product_N = torch.tensor([0, 0, 2, 2, 2, 3])  # one product is asked nothing
    example_X = torch.tensor([0, 0, 0, 1, 2, 3, 3, 4, 5, 5])
    given = {
        "query": torch.randn(len(example_X), H, d),
        "image_key": torch.randn(B, H, d, 5), "text_key": torch.randn(B, H, d, L),
        "image_value": torch.randn(B, H, 5, d), "text_value": torch.randn(B, H, L, d),
        "weights": torch.randn(len(product_N), L, 2),
    }  # fmt: skip
    given = {name: x.requires_grad_() for name, x in given.items()}
    query, *sources, weights_NLS = given.values()
    keys, values, attended_BL = sources[:2], sources[2:], attended(kind)
    memory = SourceMemory([keys], [values], weights_NLS, attended_BL, product_N)
    ours_XD = memory.place(example_X).attend(query, 0)
    expected_XD = reference(query, keys, values, weights_NLS, attended_BL, product_N, example_X)
    assert torch.allclose(ours_XD, expected_XD, atol=1e-5)
    direction_XD = torch.randn_like(ours_XD)
    ours, expected = (torch.autograd.grad((x * direction_XD).sum(), given.values()) for x in (ours_XD, expected_XD))
    for name, a, b in zip(given, ours, expected, strict=True):
        assert torch.allclose(a, b, atol=1e-5), name
