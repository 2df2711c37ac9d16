"""Hashed n-grams: zero at first, depending only on preceding tokens, with the same hash everywhere."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from moemoe.errors import ConfigError
from moemoe.model.config import ModelConfig, NgramConfig
from moemoe.model.generation import generate
from moemoe.model.moemoe import MoEMoE
from moemoe.model.ngrams import PRIME, HashedNgrams, ngram_hash
from tests.support.small_model import random_batch, tiny_config

NGRAMS = NgramConfig(orders=(2, 3), buckets=64)


def with_ngrams(**changes) -> MoEMoE:
    torch.manual_seed(0)
    return MoEMoE(tiny_config(text=replace(tiny_config().text, ngrams=NGRAMS), **changes)).eval()


def learned(seed: int = 0) -> HashedNgrams:
    ngrams = HashedNgrams(NGRAMS, 8)
    torch.manual_seed(seed)
    torch.nn.init.normal_(ngrams.table.weight)
    return ngrams


def test_at_zero_it_is_the_model_without_them_exactly():
    model = with_ngrams()
    plain = MoEMoE(tiny_config()).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "ngrams" not in k})
    batch = random_batch()
    assert torch.equal(model(batch).cross_entropy, plain(batch).cross_entropy)
    asked = replace(batch, labels=None)
    assert torch.equal(generate(model, asked).confidence_N, generate(plain, asked).confidence_N)
    torch.nn.init.normal_(model.context_encoder.ngrams.table.weight)
    assert not torch.equal(model(batch).cross_entropy, plain(batch).cross_entropy)


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=12), st.integers(0, 5), st.integers(1, 4))
def test_what_is_added_to_a_token_depends_on_it_and_those_before_alone(ids, padding, rows):
    ngrams = learned()
    alone = ngrams(torch.tensor([ids]))
    together = ngrams(torch.tensor([ids + [0] * padding] * rows))
    assert torch.equal(together[-1, : len(ids)], alone[0].expand(len(ids), 8))
    shorter = ngrams(torch.tensor([ids[:-1]])) if len(ids) > 2 else None
    if shorter is not None:
        assert torch.equal(shorter[0], alone[0, :-1])


def test_it_is_the_sum_of_the_embeddings_of_the_pairs_and_triples_that_end_there():
    ngrams, ids = learned(), [5, 9, 5, 7]
    added = ngrams(torch.tensor([ids]))[0]
    for place in range(4):
        expected = torch.zeros(8)
        for index, order in enumerate(NGRAMS.orders):
            if place + 1 >= order:
                value = 0
                for token in ids[place + 1 - order : place + 1]:
                    value = (value * 1_000_003 + token + 1) % PRIME
                expected = expected + ngrams.table.weight[index * 64 + value % 64]
        assert torch.allclose(added[place], expected)


def test_the_hash_is_the_same_in_every_process_and_stays_what_it_is():
    ids = [[1, 2, 3, 4095], [0, 0, 0, 250_000]]
    known = [[1000009001, 1854750030], [1000003000001 % PRIME, ((1000003 + 1) * 1000003 + 250_001) % PRIME]]
    known[0] = [((2 * 1_000_003 + 3) * 1_000_003 + 4) % PRIME, ((3 * 1_000_003 + 4) * 1_000_003 + 4096) % PRIME]
    known[1][0] = ((1 * 1_000_003 + 1) * 1_000_003 + 1) % PRIME
    assert ngram_hash(torch.tensor(ids), 3).tolist() == known
    code = "import torch, json; from moemoe.model.ngrams import ngram_hash; "
    code += f"print(json.dumps(ngram_hash(torch.tensor({ids}), 3).tolist()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONHASHSEED": "7"})
    assert json.loads(done.stdout) == known, done.stderr


def test_hashes_spread_over_the_buckets():
    pairs = torch.cartesian_prod(torch.arange(200), torch.arange(200))
    counts = torch.bincount(ngram_hash(pairs, 2)[:, 0] % 1024, minlength=1024)
    assert counts.min() > 15  # 39 each when even
    assert counts.max() < 75


def test_saved_and_loaded_with_the_model(tmp_path):
    model = with_ngrams()
    torch.nn.init.normal_(model.context_encoder.ngrams.table.weight)
    model.save_pretrained(tmp_path)
    again = MoEMoE.from_pretrained(tmp_path)
    assert again.config.text == model.config.text == ModelConfig.from_dict(again.config.to_dict()).text
    assert torch.equal(again(random_batch()).cross_entropy, model(random_batch()).cross_entropy)


def test_weights_of_other_buckets_are_refused_in_a_sentence(tmp_path):
    with_ngrams().save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    name = next(name for name in weights if "ngrams" in name)
    for changed in ({**weights, name: weights[name][:-1]}, {k: v for k, v in weights.items() if k != name}):
        save_file(changed, tmp_path / "model.safetensors")
        with pytest.raises(ConfigError, match=r"do not fit config\.json"):
            MoEMoE.from_pretrained(tmp_path)


@pytest.mark.parametrize("values", [{"orders": [0]}, {"orders": [2, 9]}, {"orders": [2], "buckets": 0}])
def test_numbers_that_cannot_work_are_refused(values):
    with pytest.raises(ConfigError, match=r"text.ngrams: orders are .*allowed are orders from 1 to 8"):
        NgramConfig(**values)


@pytest.mark.parametrize("length", [1, 2])
def test_a_text_shorter_than_an_order_leaves_a_gradient(length):
    """Else processes that train together wait for each other without end."""
    ngrams = HashedNgrams(NgramConfig((2, 3), 64), 4)
    added = ngrams(torch.tensor([[5, 7][:length]]))
    assert added.shape == (1, length, 4)
    added.sum().backward()
    assert ngrams.table.weight.grad is not None
    assert ngrams.table.weight.grad.to_dense().count_nonzero() == 4 * (length - 1)
