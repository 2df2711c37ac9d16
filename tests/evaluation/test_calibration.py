import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moemoe.evaluation.calibration import expected_calibration_error, reliability
from moemoe.inference.answering import Answering, fit_temperature, scaled


def test_the_error_by_hand():
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.5, 0.5])
    correct = np.array([True, True, True, False, True, False])
    assert reliability(confidence, correct) == [(0.5, 0.5, 2), (pytest.approx(0.95), 0.75, 4)]
    assert expected_calibration_error(confidence, correct) == pytest.approx(4 / 6 * 0.2)
    assert np.isnan(expected_calibration_error(np.array([]), np.array([], dtype=bool)))


def test_confidences_at_the_ends_have_a_bin():
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([False, True])) == 0


@given(
    st.lists(st.floats(0, 1, width=32), min_size=2, max_size=20, unique=True),
    st.floats(0.5, 20),
)
def test_scaling_keeps_the_order_and_the_ends(probabilities, temperature):
    found = scaled(np.sort(np.array(probabilities, dtype=np.float32)), temperature)
    assert (np.diff(found) >= 0).all()
    assert ((found >= 0) & (found <= 1)).all()
    assert scaled(np.array([0.0, 0.5, 1.0]), temperature).tolist() == [0.0, 0.5, 1.0]
    assert scaled(scaled(np.array([0.3]), temperature), 1 / temperature)[0] == pytest.approx(0.3)


def test_confidences_of_a_trained_model_stay_apart_when_scaled():
    """Neighbouring float32 numbers below 1, where most confidences lie, do not become ties."""
    steps = 1 - np.arange(1, 200) * 2.0**-24
    for temperature in (0.5, 1.3, 20.0):
        assert (np.diff(scaled(steps, temperature)) < 0).all()


@pytest.mark.parametrize("temperature", [0.7, 1.0, 2.5])
def test_the_temperature_that_made_the_answers_is_found_again(temperature):
    rng = np.random.default_rng(0)
    true = rng.beta(4, 1.5, 20_000)
    correct = rng.random(len(true)) < true
    raw = scaled(true, 1 / temperature)  # what a model that is too sure (or too shy) says
    found = fit_temperature(raw, correct)
    assert found == pytest.approx(temperature, rel=0.05)
    before, after = (expected_calibration_error(p, correct) for p in (raw, scaled(raw, found)))
    assert after < 0.015
    assert after < before or temperature == 1.0


def test_there_is_always_a_temperature():
    assert fit_temperature(np.array([]), np.array([], dtype=bool)) == 1.0
    assert 0.49 < fit_temperature(np.ones(10), np.ones(10, dtype=bool)) < 21
    assert 0.49 < fit_temperature(np.ones(10), np.zeros(10, dtype=bool)) < 21


def test_the_file_beside_the_model_comes_back(tmp_path):
    assert Answering.load(tmp_path) == Answering()
    answering = Answering(1.7, {"color": ["Red", "Écru"]})
    (tmp_path / "answering.json").write_text(answering.to_json())
    assert Answering.load(tmp_path) == answering
