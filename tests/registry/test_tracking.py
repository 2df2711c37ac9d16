"""MLflow's address, checked against a real MLflow: a SQLite store in a folder of the test."""

import os
import time

import pytest
from requests.utils import should_bypass_proxies

from moemoe.errors import ConfigError
from moemoe.registry import tracking
from tests.support.small_registry import new_store


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    return new_store(tmp_path_factory.mktemp("mlflow"))


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://user:secret@127.0.0.1:9"])
def test_an_mlflow_that_does_not_answer_is_named_without_its_password(address):
    with pytest.raises(ConfigError, match=r"MLflow at http://.*127\.0\.0\.1:9 cannot be reached") as error:
        tracking.check_tracking(address)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://user:sec/ret@127.0.0.1:9",
        "http://user:secret@[::1",
        "http://127.0.0.1:9/?token=secret",
        "posgresql://user:secret@127.0.0.1:9/db",
        *(f"postgresql+psycopg2://user:secret{sign}secret@127.0.0.1:9/db" for sign in "/#?@ %"),
        "postgresql+psycopg2://127.0.0.1:9/db?user=me&password=secret",
    ],
)
def test_no_password_is_said_whatever_is_in_it(address, capfd):
    with pytest.raises(ConfigError, match=r"MLflow at \w+(\+psycopg2)?://.* cannot be reached") as error:
        tracking.check_tracking(address)
    said = capfd.readouterr()
    assert "secret" not in f"{error.value}{said.out}{said.err}"
    assert "retried" not in said.err  # by MLflow, for two minutes


@pytest.mark.parametrize(
    ("given", "kept", "used"),
    [
        ("http://moemoe:hunter2@host:5000/x", "http://host:5000/x", "http://host:5000/x"),
        ("postgresql://moemoe:hunter2@db/mlflow", "postgresql://moemoe:***@db/mlflow", None),
        ("postgresql://moemoe:hun/t@r2@db/mlflow", "postgresql://moemoe:***@db/mlflow", None),
        ("postgresql://moemoe@db/mlflow?password=hunter2", "postgresql://moemoe@db/mlflow?password=...", None),
        ("sqlite:////tmp/mlflow.db", "sqlite:////tmp/mlflow.db", None),
        ("sqlite:////tmp/a:b@c/mlflow.db", "sqlite:////tmp/a:b@c/mlflow.db", None),
    ],
)
def test_what_a_run_keeps_of_the_address_has_no_password_and_works(monkeypatch, given, kept, used):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", given)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert tracking.default_tracking_uri() == kept
    assert tracking.with_password(kept) == (used or given)
    assert tracking.with_password("http://elsewhere") == "http://elsewhere"
    if used:
        assert os.environ["MLFLOW_TRACKING_USERNAME"] == "moemoe"
        assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "hunter2"


@pytest.mark.parametrize("name", ["team/kurta", "a:b", "it's", "a@b", "", "-x"])
def test_a_name_that_no_model_can_have(uri, name):
    with pytest.raises(ConfigError, match="is not allowed; allowed are letters"):
        tracking.check_model_name(uri, name)


def test_a_deleted_experiment_is_named(uri):
    client = tracking.client(uri)
    client.delete_experiment(client.create_experiment("gone"))
    with pytest.raises(ConfigError, match="experiment 'gone' is deleted in MLflow; restore it"):
        tracking.check_model_name(uri, "gone")
    tracking.check_model_name(uri, "moemoe-30pt")


@pytest.mark.parametrize("name", ["no_proxy", "NO_PROXY"])
def test_a_server_on_this_machine_is_asked_without_the_proxy(monkeypatch, name):
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(variable, "")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    monkeypatch.setenv(name, "intranet")
    tracking._no_proxy_to_this_machine("http://127.0.0.1:5000")
    assert should_bypass_proxies("http://127.0.0.1:5000/api", None)
    assert should_bypass_proxies("http://intranet/", None)
    assert not should_bypass_proxies("http://elsewhere/", None)
    tracking._no_proxy_to_this_machine("http://elsewhere:5000")
    assert not should_bypass_proxies("http://elsewhere/", None)


@pytest.mark.parametrize("name", ["no-such-folder/mlflow.db", "folder", "text.db"])
def test_a_database_that_cannot_be_opened_is_said_at_once(tmp_path, name):
    """MLflow itself would try again for two minutes."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.db").write_text("no database, whatever its name says\n" * 100)
    begun = time.monotonic()
    with pytest.raises(ConfigError, match=r"MLflow at sqlite:///.* cannot be reached \("):
        tracking.check_tracking(f"sqlite:///{tmp_path}/{name}")
    assert time.monotonic() - begun < 20
