"""Pooled distributions and their weights, for cases with a known answer."""

import numpy as np
import pytest

from moemoe.systems.pooling import amount_of_text, fit_weights, pooled, pooled_with_nothing, weights_at


def sampled(rng, N: int, sharpness: float, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Values drawn from softmax(``sharpness`` x a signal), and the signal with ``noise``, [N, C]."""
    signal_NC = rng.normal(size=(N, 4))
    p_NC = softmax(sharpness * signal_NC)
    value_N = (p_NC.cumsum(1) > rng.random((N, 1))).argmax(1)
    return signal_NC + noise * rng.normal(size=(N, 4)), np.eye(4, dtype=bool)[value_N]


def softmax(x_NC: np.ndarray) -> np.ndarray:
    e_NC = np.exp(x_NC - x_NC.max(-1, keepdims=True))
    return e_NC / e_NC.sum(-1, keepdims=True)


def fitted(probability: dict[str, np.ndarray], gold: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """The weights where all texts are long."""
    characters = {name: np.full(len(own), 99) for name, own in gold.items()}
    return {name: long for name, (_, _, long) in fit_weights(probability, gold, characters, 50, 2).items()}


def test_a_pool_sums_to_one_and_of_weights_one_and_zero_is_the_first_member():
    members_MNC = softmax(np.random.default_rng(0).normal(size=(2, 5, 3)))
    each = np.ones((5, 1))
    assert pooled(members_MNC, each * [0.7, 0.2]).sum(1) == pytest.approx(np.ones(5))
    assert pooled(members_MNC, each * [1.0, 0.0]) == pytest.approx(members_MNC[0], abs=1e-5)
    uniform = np.stack([members_MNC[0], np.full((5, 3), 1 / 3)])
    assert pooled(uniform, each * [1.0, 5.0]) == pytest.approx(members_MNC[0], abs=1e-5)  # who knows nothing has no say


def test_fitted_weights_are_those_the_values_were_drawn_by():
    """The first member is right about the odds, the second twice too sure of itself, the third has only noise."""
    rng = np.random.default_rng(1)
    signal_NC, gold_NC = sampled(rng, 6000, 1.0, 0.0)
    noise_NC = rng.normal(size=signal_NC.shape)
    first = fitted({"a": np.stack([softmax(signal_NC), softmax(noise_NC)])}, {"a": gold_NC})["a"]
    assert first == pytest.approx([1.0, 0.0], abs=0.1)
    second = fitted({"a": np.stack([softmax(2 * signal_NC), softmax(noise_NC)])}, {"a": gold_NC})["a"]
    assert second == pytest.approx([0.5, 0.0], abs=0.1)


def test_few_products_take_the_common_weights_and_many_their_own():
    rng = np.random.default_rng(2)
    probability, gold = {}, {}
    for name, N, sharpness in (("many", 5000, 1.0), ("other", 5000, 0.2), ("few", 3, 1.0), ("none", 0, 1.0)):
        signal_NC, gold[name] = sampled(rng, N, sharpness, 0.0)
        probability[name] = np.stack([softmax(signal_NC)] * 2)
    weights = {name: sum(own) for name, own in fitted(probability, gold).items()}
    assert weights["many"] == pytest.approx(1.0, abs=0.1)
    assert weights["other"] == pytest.approx(0.2, abs=0.1)
    assert weights["other"] < weights["none"] < weights["many"]
    assert weights["few"] == pytest.approx(weights["none"], rel=0.3)
    assert fitted(probability, gold) == fitted(probability, gold)


def test_who_is_trusted_follows_the_amount_of_text():
    """The first member knows the odds where texts are long, the second where there is none, and both of short ones."""
    rng = np.random.default_rng(3)
    signal_NC, gold_NC = sampled(rng, 6000, 1.0, 0.0)
    noise_NC = rng.normal(size=signal_NC.shape)
    characters = np.arange(6000) % 3 * 40
    first = softmax(np.where((characters == 0)[:, None], 0.3 * noise_NC, signal_NC))
    second = softmax(np.where((characters == 80)[:, None], 0.3 * noise_NC, signal_NC))
    weights = fit_weights({"a": np.stack([first, second])}, {"a": gold_NC}, {"a": characters}, 50, 2)["a"]
    none, short, long = weights_at(weights, 50, np.array([0, 40, 80]))
    assert long == pytest.approx([1.0, 0.0], abs=0.3)  # the prior draws all to one half
    assert none == pytest.approx([0.0, 1.0], abs=0.3)
    assert short == pytest.approx([0.5, 0.5], abs=0.2)
    assert amount_of_text(np.array([0, 1, 49, 50, 51]), 50).tolist() == [0, 1, 1, 2, 2]
    assert amount_of_text(np.array([0, 1, 9]), 0.0).tolist() == [0, 2, 2]  # titles are all that there is


def test_several_right_values_count_together():
    members_MNC = np.array([[[0.6, 0.3, 0.1]], [[0.1, 0.1, 0.8]]]).repeat(200, axis=1)
    gold_NC = np.array([[True, True, False]]).repeat(200, axis=0)
    first, second = fitted({"a": members_MNC}, {"a": gold_NC})["a"]
    assert first > 2 * second


def test_nothing_is_said_by_those_alone_who_were_taught():
    members_MNC = np.array([[[0.2, 0.1, 0.7]], [[0.5, 0.5, 0.0]]])
    [row_C] = pooled_with_nothing(members_MNC, np.ones((1, 2)), np.array([True, False]))
    assert row_C.sum() == pytest.approx(1.0)
    assert row_C[2] == pytest.approx(0.7)
    assert row_C[:2] == pytest.approx([0.3 * 2 / 3, 0.3 / 3], abs=1e-4)
