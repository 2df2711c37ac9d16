"""Answers that have ended are not computed along: the others get what they would get alone."""

from dataclasses import replace

import pytest
import torch

from moemoe.batches.trie import Trie
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from tests.support.small_model import random_batch, tiny_config

#: Values of one to four tokens; 1 ends each.
TOKENS = {"a": [7, 1], "b": [8, 9, 1], "c": [10, 11, 12, 1], "d": [13, 14, 15, 16, 1]}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return MoEMoE(tiny_config()).eval()


def biased_to_end(model, batch, trie=None):
    """With a bias of each example's own towards the end, so that free answers end at different steps, or never."""
    logits = model.logits

    def with_bias(states):
        out = logits(states)
        out[:, 1] += out.max(-1).values - out[:, 1] + 3 * states[:, 0]
        return out

    model.logits = with_bias
    try:
        return generate(model, batch, trie=trie)
    finally:
        del model.logits


def one_product(batch, product):
    mine = (batch.product_of == product).nonzero()[:, 0]
    sources = [replace(source, row_of=torch.tensor([product])) for source in batch.sources]
    return mine, replace(
        batch, sources=sources, product_of=torch.zeros_like(mine), question_of=batch.question_of[mine],
        decoder_ids=batch.decoder_ids[mine], decoder_mask=batch.decoder_mask[mine],
        root_N=None if batch.root_N is None else batch.root_N[mine],
    )  # fmt: skip


@pytest.mark.parametrize("restricted", [False, True])
def test_answers_of_all_lengths_are_those_of_each_product_alone(model, restricted):
    batch, trie = random_batch(1, products=8, questions=3, with_labels=False), None
    if restricted:
        trie = Trie.of({"x": list(TOKENS)}, lambda value: TOKENS[value])
        batch = replace(batch, root_N=torch.zeros(24, dtype=torch.int64))
    answer = generate if restricted else biased_to_end
    together = answer(model, batch, trie=trie)
    lengths = (together.tokens_NA != 0).sum(1)
    assert len(lengths.unique()) >= 3  # they end at different steps
    for product in range(8):
        mine, alone = one_product(batch, product)
        single = answer(model, alone, trie=trie)
        assert torch.equal(single.tokens_NA, together.tokens_NA[mine])
        assert torch.allclose(single.confidence_N, together.confidence_N[mine], rtol=1e-4)
        if restricted:
            assert torch.equal(single.leaf_N, together.leaf_N[mine])
            assert {trie.values[leaf] for leaf in together.leaf_N.tolist()} <= set(TOKENS)
