"""The findings of ``moemoe doctor``."""

import socket
import sys

import pytest

from moemoe import cli, doctor


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder, and none of the variables that the doctor looks at."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "METAFLOW_PROFILE", "METAFLOW_USER", "SUDO_USER", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("METAFLOW_HOME", str(tmp_path / "metaflow"))
    monkeypatch.setenv("USER", "maria")
    return tmp_path


def test_a_complete_environment_is_in_order_and_stays_as_it_was(here, capsys):
    assert cli.main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "nothing that a run needs is missing" in said
    in_order = [line.split("  ")[1].strip() for line in said.splitlines() if line.startswith("ok")]
    assert in_order == list(doctor.checks("x"))
    assert "mlflow.db, made by the first run" in said
    assert not list(here.iterdir())


def test_what_is_missing_is_said_with_what_to_do(here, monkeypatch, capsys):
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}")
        monkeypatch.setenv("METAFLOW_PROFILE", "production")
        monkeypatch.setenv("USER", "root")
        monkeypatch.setenv("USERNAME", "root")
        (here / "file").write_text("")
        assert cli.main(["doctor", "--root", str(here / "file" / "root")]) == 1
    said = capsys.readouterr().out
    assert "to fix: MLflow, root, Metaflow profile, Metaflow user" in said
    assert "cannot be reached" in said
    assert "secret" not in said
    assert "METAFLOW_USER=your-name" in said


def test_a_root_that_cannot_be_written(here, monkeypatch):
    def full(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", full)
    found = doctor.root_writable("shop")
    assert found.found == f"{here}/shop: Permission denied"
    assert "--root" in found.to_do


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    for root in ("file", "file/below"):
        assert doctor.root_writable(str(tmp_path / root)).to_do == "give flows a --root that you may write to"


def test_packages_that_are_absent_or_too_old(monkeypatch):
    monkeypatch.setattr(
        doctor, "requires", lambda _: ["numpy>=1000", "no-such-package; extra == 'flows'", "x; extra == 'y'"]
    )
    found = doctor.installed()
    assert "numpy" in found.found
    assert "is not >=1000" in found.found
    assert "no-such-package is missing" in found.found
    assert "x is missing" not in found.found
    assert found.to_do == doctor.INSTALL


def test_a_package_that_breaks_on_import_is_a_finding(here, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.main(["doctor"]) == 1
    assert "ModuleNotFoundError" in capsys.readouterr().out


def test_another_python(monkeypatch):
    monkeypatch.setattr(doctor, "PYTHONS", ((2, 7),))
    assert doctor.python().to_do == "make the environment with Python 2.7"


def test_a_root_in_a_store_that_is_not_known_is_named():
    assert "is not a place for files" in doctor.root_writable("gs://bucket").found
