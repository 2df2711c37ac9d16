"""Every value's probability, against a loop that scores each value alone, without tree, batch and cache."""

import math
from dataclasses import replace

import pytest
import torch

from moemoe.batches.collate import Collator, ModelInput
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.batches.value_tree import ValueTree
from moemoe.model import value_distribution
from moemoe.model.config import ExpertConfig
from moemoe.model.moemoe import MoEMoE
from tests.support.small_model import tiny_config

VALUES = {
    "color": ["Red", "Navy Blue", "Navy", "Off White", "Off White Melange", "Off White Marl"],
    "neck style": ["Round Neck", "V-Neck", "Round Collar", "Mandarin Collar With A Very Long Name Indeed", ""],
    "theme": ["Cricket"],
}
ASKED = [["color", "neck style", "theme"], ["neck style", "color"], ["theme"]]
CONTEXTS = ["a red shirt", "a shirt with a round neck, off white and navy", "cricket"]


@pytest.fixture(scope="module", params=["decoder", "context", "experts"])
def collator_and_model(request):
    torch.manual_seed(3)
    # a byte-level alphabet and few merges: values share the beginnings of their tokens
    tokenizer = train_tokenizer([" ".join(v) for v in VALUES.values()], 275)
    experts = ExpertConfig(num_experts=4, top_k=2, noise=False) if request.param == "experts" else None
    config = tiny_config(
        answer_length=8, experts=experts, question_in="context" if request.param == "context" else "decoder"
    )
    config = replace(config, text=replace(config.text, vocab_size=len(tokenizer)))
    model = MoEMoE(config).eval()
    with torch.no_grad():  # far from uniform, so that a wrong choice shows
        model.embedding.weight.mul_(3)
    return Collator(tokenizer, config), model


def distributions(collator, model, asked=ASKED, contexts=CONTEXTS):
    batch = collator([ModelInput([None, text], names) for text, names in zip(contexts, asked, strict=True)])
    names = [name for own in asked for name in own]
    return batch, names, model.distributions(batch, collator, names, VALUES)


@torch.inference_mode()
def brute_force(model, collator, batch, example, values) -> list[float]:
    """Each value's tokens one by one, every step a pass over all that was read; softmax over what leads on."""
    sequences = [collator._short(value, collator.config.answer_length) for value in values]
    found = []
    for sequence in sequences:
        probability = 1.0
        for length in range(len(sequence)):
            allowed = sorted({s[length] for s in sequences if s[:length] == sequence[:length]})
            after = torch.tensor([sequence[:length]] * len(batch.decoder_ids), dtype=torch.int64)
            ids = torch.cat([batch.decoder_ids, after], dim=1)
            real = torch.cat([batch.decoder_mask, torch.ones_like(after, dtype=torch.bool)], dim=1)
            states, _ = model.decoder(model.embedding(ids), real, model.encode(batch).memory)
            among = model.logits(states[example, -1])[allowed].double().softmax(-1)
            probability *= among[allowed.index(sequence[length])].item()
        found.append(probability)
    return found


def test_probabilities_are_those_of_scoring_each_value_alone(collator_and_model, monkeypatch):
    collator, model = collator_and_model
    monkeypatch.setattr(value_distribution, "NODES_AT_ONCE", 3)  # several passes over one tree
    batch, names, found = distributions(collator, model)
    assert max(collator.value_tree(values).depth_J.numel() for values in VALUES.values()) > 3
    for example, (name, own) in enumerate(zip(names, found, strict=True)):
        expected = brute_force(model, collator, batch, example, VALUES[name])
        assert own.probability_C == pytest.approx(expected, rel=1e-4, abs=1e-12)
        assert own.probability_C.sum() == pytest.approx(1.0)
    assert len({round(float(own.probability_C.max()), 3) for own in found}) > 2


def test_the_greedy_answer_is_a_value_with_its_probability_and_never_likelier_than_the_likeliest(collator_and_model):
    collator, model = collator_and_model
    batch, names, found = distributions(collator, model)
    restricted = Collator(collator.tokenizer, collator.config)
    restricted.restrict_answers(VALUES)
    batch = restricted([ModelInput([None, text], own) for text, own in zip(CONTEXTS, ASKED, strict=True)])
    for name, own, answer in zip(names, found, model.answer(batch, restricted), strict=True):
        greedy = own.probability_C[VALUES[name].index(answer.value)]
        assert answer.confidence == pytest.approx(greedy, rel=1e-4)
        assert greedy <= own.probability_C.max()
        assert own.image_weight == pytest.approx(answer.image_weight)


def test_a_product_has_the_same_distribution_alone_and_beside_others(collator_and_model):
    collator, model = collator_and_model
    _, names, together = distributions(collator, model)
    _, _, alone = distributions(collator, model, ASKED[1:2], CONTEXTS[1:2])
    for own, other in zip(alone, together[3:5], strict=True):
        assert own.probability_C == pytest.approx(other.probability_C, rel=1e-4, abs=1e-12)


def test_a_tree_keeps_what_leads_to_a_choice_alone():
    codes = {"Navy": [5, 1], "Navy Blue": [5, 6, 7, 8, 1], "Red": [9, 4, 1], "red": [9, 4, 1]}
    tree = ValueTree.of(list(codes), codes.__getitem__)
    assert tree.tokens_J.tolist() == [5]  # after it one chooses; after 6, 7, 8 and 9 one does not
    assert tree.token_E.tolist() == [5, 9, 1, 6]
    logits = torch.log(torch.tensor([[3.0, 1.0, 1.0, 4.0]]))
    assert tree.probabilities(logits)[0].tolist() == pytest.approx([3 / 4 / 5, 3 / 4 * 4 / 5, 1 / 4, 0.0])
    assert math.isclose(ValueTree.of(["x"], lambda _: [5, 1]).probabilities(torch.empty(1, 0)).item(), 1.0)
