"""Answers equal those of a plain loop: finished ones are not computed further, and drafts only save time."""

from dataclasses import replace

import pytest
import torch

from moemoe.batches.trie import Drafts, Trie
from moemoe.model.cached_decoder import CachedDecoder
from moemoe.model.folded_memory import FoldedMemory
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.model.source_attention import SourceMemory
from tests.support.small_model import random_batch, tiny_config

#: Values of one to four tokens; 1 ends each.
TOKENS = {"a": [7, 1], "b": [8, 9, 1], "c": [10, 11, 12, 1], "d": [13, 14, 15, 16, 1]}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(3)
    return MoEMoE(tiny_config()).eval()


def biased_to_end(model, batch, trie=None, drafts=None, how=generate):
    """With a bias of each example's own towards the end, so that free answers end at different steps, or never."""
    logits = model.logits

    def with_bias(states):
        out = logits(states)
        out[:, 1] += out.max(-1).values - out[:, 1] + 3 * states[:, 0]
        return out

    model.logits = with_bias
    try:
        return how(model, batch, trie=trie, drafts=drafts)
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


@torch.inference_mode()
def plain_loop(model, batch, trie=None, drafts=None):
    """Greedy decoding with the decoder of training: everything is computed again for every token."""
    memory = model.encode(batch).memory
    ids, real = batch.decoder_ids, batch.decoder_mask
    confidence, ended = torch.ones(len(ids)), torch.zeros(len(ids), dtype=torch.bool)
    tokens = torch.zeros(len(ids), 0, dtype=torch.int64)
    for step in range(model.config.answer_length):
        states, _ = model.decoder(model.embedding(ids), real, memory)
        probability = model.logits(states[:, -1]).softmax(-1)
        if step == 0 and batch.applies_N is not None:
            probability[batch.applies_N, 1] = 0
        best, token = probability.max(-1)
        confidence = torch.where(ended, confidence, confidence * best)
        tokens = torch.cat([tokens, token.masked_fill(ended, 0)[:, None]], dim=1)
        ended = ended | (token == 1)
        ids, real = torch.cat([ids, token[:, None]], dim=1), torch.cat([real, real[:, :1] | True], dim=1)
    return tokens, confidence


def drafts_of(tokens_NA, kept):
    """Drafts of values that begin as the answers do and go on so for ``kept`` tokens, then otherwise."""
    values = {}
    for number, row in enumerate(tokens_NA.tolist()):
        answer = [token for token in row if token > 1]
        values.setdefault(number % 3, {})[f"{number}"] = [*answer[:kept], *([2, 3] if len(answer) > kept else []), 1]
    sequences = {name: tokens for of in values.values() for name, tokens in of.items()}
    return Drafts.of({str(key): list(of) for key, of in values.items()}, sequences.__getitem__)


def reads(monkeypatch):
    """Counts the decoder's passes behind the first."""
    passes, read = [], CachedDecoder.read
    monkeypatch.setattr(CachedDecoder, "read", lambda *given: passes.append(1) or read(*given))
    return passes


@pytest.mark.parametrize("kept", [None, 0, 1, 2, 99])
def test_free_answers_are_the_plain_loops_whatever_is_drafted(model, kept, monkeypatch):
    batch = random_batch(1, products=8, questions=3, with_labels=False)
    tokens, confidence = biased_to_end(model, batch, how=plain_loop)
    assert len((tokens != 0).sum(1).unique()) >= 3
    drafts = None
    if kept is not None:
        drafts = drafts_of(tokens, kept)
        roots = [drafts.roots[str(number % 3)] for number in range(24)]
        batch = replace(batch, root_N=torch.tensor(roots))
    passes = reads(monkeypatch)
    found = biased_to_end(model, batch, drafts=drafts)
    assert torch.equal(found.tokens_NA, tokens)
    assert torch.allclose(found.confidence_N, confidence, rtol=1e-5)
    longest = int((tokens != 0).sum(1).max())
    assert len(passes) < longest - 1 if kept == 99 else len(passes) <= longest - 1
    again = biased_to_end(model, batch, drafts=drafts)
    assert torch.equal(found.confidence_N, again.confidence_N)


@pytest.mark.parametrize("drafted", [False, True])
def test_an_attribute_that_applies_has_an_answer_however_likely_the_empty_one_is(model, drafted):
    batch = random_batch(1, products=8, questions=3, with_labels=False)
    free = biased_to_end(model, batch)
    empty = free.tokens_NA[:, 0] == 1
    assert empty.any()
    batch = replace(batch, applies_N=torch.arange(24) % 2 == 0)
    tokens, confidence = biased_to_end(model, batch, how=plain_loop)
    assert not (tokens[::2, 0] == 1).any()
    drafts = drafts_of(tokens, 99) if drafted else None
    if drafts is not None:
        batch = replace(batch, root_N=torch.tensor([drafts.roots[str(number % 3)] for number in range(24)]))
    found = biased_to_end(model, batch, drafts=drafts)
    assert torch.equal(found.tokens_NA, tokens)
    assert torch.allclose(found.confidence_N, confidence, rtol=1e-5)
    same = ~(empty & batch.applies_N)
    assert torch.equal(found.tokens_NA[same], free.tokens_NA[same])
    assert (found.confidence_N[~same] < 0.5).all()  # the empty answer was likelier


def test_a_trie_with_one_value_needs_no_pass_and_is_certain(model, monkeypatch):
    batch = random_batch(1, products=4, questions=3, with_labels=False)
    trie = Trie.of({"one": ["d"], "none": []}, lambda value: TOKENS.get(value, [1]))
    passes = reads(monkeypatch)
    found = generate(model, replace(batch, root_N=torch.tensor([trie.roots["one"], trie.roots["none"]] * 6)), trie=trie)
    assert not passes
    assert [trie.values[leaf] for leaf in found.leaf_N.tolist()] == ["d", ""] * 6
    assert found.tokens_NA[0, :5].tolist() == TOKENS["d"]
    assert torch.equal(found.confidence_N, torch.ones(12))


def test_drafts_stop_where_values_part_or_end_and_know_nothing_of_other_texts():
    codes = {"Navy": [5, 1], "Navy Blue": [5, 6, 7, 8, 9, 1], "Red": [10, 11, 1]}
    drafts = Drafts.of({"color": ["Navy", "Navy Blue", "Red"], "theme": []}, lambda value: codes.get(value, [1]))
    root = drafts.roots["color"]
    [navy, red, other, nowhere, empty] = drafts.follow(
        torch.tensor([root, root, root, -1, drafts.roots["theme"]]), torch.tensor([5, 10, 12, 5, 5])
    ).tolist()
    assert (other, nowhere, empty) == (-1, -1, -1)
    assert drafts.chain_SW[[navy, red, other]].tolist() == [[-1, -1], [11, -1], [-1, -1]]
    blue = drafts.follow(torch.tensor([navy]), torch.tensor([6]))
    assert drafts.chain_SW[blue].tolist() == [[7, 8]]  # two at once
    assert drafts.chain_SW[drafts.after_S[blue]].tolist() == [[9, -1]]


@pytest.mark.parametrize("own_weights", [0, 3, 12])
@pytest.mark.parametrize("at_once", [1, 2**18])
def test_folded_sources_are_attended_to_as_in_training(own_weights, at_once, monkeypatch):
    monkeypatch.setattr("moemoe.model.folded_memory.SCORES_AT_ONCE", at_once)
    torch.manual_seed(0)
    B, H, d, L, lengths, T = 3, 2, 4, 12, (5, 12), 2
    product_N = torch.tensor([0, 0, 2, 2, 2])  # one product is asked nothing
    weights_NLS = torch.randn(5, L, 2)
    weights_NLS[:, own_weights:] = weights_NLS[:, -1:]
    attended_BL = torch.rand(B, L) < 0.7
    attended_BL[2, :] = False  # nothing at all
    keys, values = [torch.randn(B, H, d, P) for P in lengths], [torch.randn(B, H, P, d) for P in lengths]
    memory = SourceMemory([keys], [values], weights_NLS, attended_BL, product_N)
    query_XHd, example_X = torch.randn(5 * T, H, d), torch.arange(5).repeat_interleave(T)
    expected_XD = memory.place(example_X).attend(query_XHd, 0)
    assert torch.allclose(FoldedMemory.of(memory).place(example_X).attend(query_XHd, 0), expected_XD, atol=1e-5)
