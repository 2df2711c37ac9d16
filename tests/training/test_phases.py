import pytest

from moemoe.training.phases import learning_rate


def test_the_rate_warms_up_and_falls_twice():
    rates = [learning_rate(1.0, step, steps=100, warmup_steps=4) for step in range(100)]
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[59] == 1.0
    assert rates[60:90] == pytest.approx([0.2] * 30)
    assert rates[90:] == pytest.approx([0.04] * 10)
