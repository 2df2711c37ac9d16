import pytest

from tests.support.known_answers import known_model


@pytest.fixture
def model():
    return known_model()
