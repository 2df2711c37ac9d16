"""Answers restricted to values, against a loop that scores every continuation without trie, batch and cache."""

import math
from dataclasses import replace

import pytest
import torch

from moemoe.batches.collate import Collator, ModelInput
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.batches.trie import Trie
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from tests.support.small_model import tiny_config

VALUES = {
    "color": ["Red", "Navy Blue", "Navy", "Off White", "Off White Melange"],
    "neck style": ["Round Neck", "V-Neck", "Écru & Gold", "Mandarin Collar With A Very Long Name Indeed"],
    "theme": ["Cricket"],
    "pattern type": [],
}


@pytest.fixture(scope="module")
def collator_and_model():
    torch.manual_seed(3)
    tokenizer = train_tokenizer([" ".join(v) for v in VALUES.values()] * 3, 300)
    config = tiny_config(answer_length=8)
    config = replace(config, text=replace(config.text, vocab_size=len(tokenizer)))
    model = MoEMoE.create(config).eval()
    with torch.no_grad():  # far from uniform, so that a wrong choice shows
        model.embedding.weight.mul_(3)
    collator = Collator(tokenizer, config)
    collator.restrict_answers(VALUES)
    return collator, model


def questions(collator):
    asked = [["color", "neck style", "theme"], ["pattern type", "color"], ["neck style"]]
    return collator([ModelInput([None, f"a shirt number {i}"], q) for i, q in enumerate(asked)]), [
        name for q in asked for name in q
    ]


@torch.inference_mode()
def scored(model, batch, example, tokens):
    """Logits of the token after ``tokens``, from a pass over the whole sequence."""
    encoded = model.encode(batch)
    after = torch.tensor([tokens] * len(batch.decoder_ids), dtype=torch.int64).reshape(len(batch.decoder_ids), -1)
    ids = torch.cat([batch.decoder_ids, after], dim=1)
    real = torch.cat([batch.decoder_mask, torch.ones_like(after, dtype=torch.bool)], dim=1)
    states, _ = model.decoder(model.embedding(ids), real, encoded.memory)
    return model.logits(states[example, -1]).double()


def naive(model, collator, batch, example, values):
    """The greedy value and its probability, and the sum of all values' probabilities."""
    sequences = {v: collator._short(v, collator.config.answer_length) for v in values or [""]}
    found, total = None, 0.0

    def onward(prefix):
        return sorted(
            {s[len(prefix)] for s in sequences.values() if s[: len(prefix)] == prefix and len(s) > len(prefix)}
        )

    def distribution(prefix):
        allowed = onward(prefix)
        return dict(zip(allowed, scored(model, batch, example, prefix)[allowed].softmax(-1).tolist(), strict=True))

    for sequence in sequences.values():
        steps = [distribution(sequence[:i])[sequence[i]] for i in range(len(sequence))]
        total += math.prod(steps)
    prefix, probability = [], 1.0
    while onward(prefix):
        choices = distribution(prefix)
        token = max(choices, key=choices.get)
        prefix, probability = [*prefix, token], probability * choices[token]
    [found] = [value for value, sequence in sequences.items() if sequence == prefix]
    return found, probability, total


def test_the_answer_is_the_greedy_value_with_its_probability_among_the_values(collator_and_model):
    collator, model = collator_and_model
    batch, asked = questions(collator)
    generated = generate(model, batch, trie=collator.trie)
    answers = collator.answers(generated.tokens_NA, generated.leaf_N)
    seen = set()
    for example, attribute in enumerate(asked):
        value, probability, total = naive(model, collator, batch, example, VALUES[attribute])
        assert total == pytest.approx(1.0)
        assert answers[example] == value
        assert generated.confidence_N[example].item() == pytest.approx(probability, rel=1e-4)
        seen.add(round(probability, 3))
    assert len(seen) > 2


def test_every_answer_is_canonical_whatever_the_tokenizer_makes_of_it(collator_and_model):
    collator, model = collator_and_model
    batch, asked = questions(collator)
    free = collator.answers(generate(model, batch).tokens_NA)
    generated = generate(model, batch, trie=collator.trie)
    for attribute, answer in zip(asked, collator.answers(generated.tokens_NA, generated.leaf_N), strict=True):
        assert answer in (VALUES[attribute] or [""])
    assert any(answer not in VALUES[a] for a, answer in zip(asked, free, strict=True))  # else it says nothing


def test_one_value_is_certain_and_none_is_an_empty_answer(collator_and_model):
    collator, model = collator_and_model
    batch, asked = questions(collator)
    generated = generate(model, batch, trie=collator.trie)
    answers = collator.answers(generated.tokens_NA, generated.leaf_N)
    for attribute, answer in (("theme", "Cricket"), ("pattern type", "")):
        place = asked.index(attribute)
        assert answers[place] == answer
        assert generated.confidence_N[place].item() == pytest.approx(1.0)


def test_the_empty_answer_is_not_chosen_where_something_else_can_be():
    codes = {"": [1], "Navy": [5, 1]}
    trie = Trie.of({"color": list(codes), "none": []}, lambda value: codes[value])
    logits = torch.zeros(3, 10)
    logits[:, 1] = 3.0
    state, goes_on = torch.tensor([trie.roots[name] for name in ("color", "color", "none")]), torch.tensor([0, 1, 1])
    token, log_probability, _ = trie.choose(logits, state, goes_on.bool())
    assert token.tolist() == [1, 5, 1]
    empty = math.exp(3) / (math.exp(3) + 1)
    assert log_probability.exp().tolist() == pytest.approx([empty, 1 - empty, 1.0])


def test_values_that_begin_with_each_other_and_values_with_the_same_tokens():
    codes = {"Navy": [5, 1], "Navy Blue": [5, 6, 1], "Navy blue": [5, 6, 1]}
    trie = Trie.of({"color": list(codes)}, codes.__getitem__)
    logits = torch.zeros(2, 10)
    logits[0, 1], logits[1, 6] = 3.0, 3.0
    state = torch.tensor([trie.roots["color"]] * 2)
    token, log_probability, state = trie.choose(logits, state)
    assert token.tolist() == [5, 5]
    assert log_probability.tolist() == [0.0, 0.0]  # nothing else leads on
    token, log_probability, state = trie.choose(logits, state)
    assert token.tolist() == [1, 6]
    assert log_probability.exp().tolist() == pytest.approx([math.exp(3) / (math.exp(3) + 1)] * 2)
    token, log_probability, state = trie.choose(logits, state)
    assert [trie.values[leaf] for leaf in state.tolist()] == ["Navy", "Navy Blue"]
    assert log_probability.tolist() == [0.0, 0.0]
