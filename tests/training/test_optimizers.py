"""Adam and Adagrad as one optimizer: sparse gradients equal dense ones, a checkpoint restores both."""

from dataclasses import replace

import pytest
import torch

from moemoe.model.config import NgramConfig
from moemoe.model.moemoe import MoEMoE
from moemoe.recipes import load_recipe
from moemoe.training.optimizers import make_optimizer, ngram_tables
from tests.support.small_model import random_batch, tiny_config


def model_and_optimizer(sparse: bool = True):
    torch.manual_seed(0)
    text = replace(tiny_config().text, ngrams=NgramConfig((2, 3), 512))
    model = MoEMoE.create(tiny_config(text=text))
    model.context_encoder.ngrams.table.sparse = sparse
    return model, make_optimizer(model, "dense", load_recipe("qga").training)


def steps(model, optimizer, seeds):
    for seed in seeds:
        optimizer.zero_grad()
        torch.manual_seed(seed)  # SwinV2's drop path
        model(random_batch(seed)).cross_entropy.backward()
        optimizer.step(1.0)


def test_sparse_gradients_of_ngrams_move_the_weights_as_dense_ones_do():
    (one, sparse), (other, dense) = model_and_optimizer(), model_and_optimizer(sparse=False)
    steps(one, sparse, range(3))
    steps(other, dense, range(3))
    assert ngram_tables(one)[0].grad.is_sparse
    assert not ngram_tables(other)[0].grad.is_sparse
    for (name, weight), reference in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.allclose(weight, reference, atol=1e-6), name


def test_only_ngrams_that_were_met_move():
    model, optimizer = model_and_optimizer()
    steps(model, optimizer, [0])
    table = ngram_tables(model)[0]
    moved = table.detach().abs().sum(1) > 0
    assert 0 < int(moved.sum()) < 120  # of 1,024; three contexts of 12 tokens and fewer


def test_the_state_of_both_comes_back():
    one, optimizer = model_and_optimizer()
    steps(one, optimizer, range(2))
    other, again = model_and_optimizer()
    other.load_state_dict(one.state_dict())
    state = {name: tensor.clone() for name, tensor in optimizer.state().items()}
    assert {name.split(".")[0] for name in state} == {"0", "1"}
    again.load_state(state)
    steps(one, optimizer, [5])
    steps(other, again, [5])
    for (name, weight), reference in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(weight, reference), name


def test_a_gradient_that_is_too_long_is_cut_but_not_that_of_ngrams():
    model, optimizer = model_and_optimizer()
    (model(random_batch()).cross_entropy * 1000).backward()
    before = ngram_tables(model)[0].grad.coalesce().values().clone()
    optimizer.step(1.0)
    adams = [p for group in optimizer.adam.param_groups for p in group["params"] if p.grad is not None]
    assert torch.stack([p.grad.norm() for p in adams]).norm().item() == pytest.approx(1.0, rel=1e-3)
    assert torch.equal(ngram_tables(model)[0].grad.coalesce().values(), before)
