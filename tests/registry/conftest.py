"""A small model, registered once and loaded as a client loads it."""

import mlflow
import pytest

from moemoe.registry.gate import Rules
from moemoe.registry.register import register
from tests.support.small_registry import new_run, new_store, predictions, tiny_model, trained


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(scope="module")
def model_uri(uri, tmp_path_factory) -> str:
    mine = trained(tiny_model(tmp_path_factory.mktemp("model")), predictions(0.9))
    return register(new_run(uri), "served", mine, Rules(), lambda folder: None).model_uri


@pytest.fixture(scope="module")
def model(uri, model_uri):
    mlflow.set_tracking_uri(uri)
    return mlflow.pyfunc.load_model(model_uri)
