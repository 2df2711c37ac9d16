"""Catalogs that cannot be read, at the start of both flows and through ``moemoe convert`` and ``profile``."""

from dataclasses import replace

import pytest
import stages
from stages.options import BackfillOptions
from stages.workspace import Workspace

from moemoe.cli import main
from moemoe.contract.load import load_contract
from moemoe.errors import CatalogError
from moemoe.run_folder import RunFolder
from tests.support.bad_catalogs import bad_catalog  # noqa: F401 - a fixture


def test_a_training_run_does_not_begin(bad, place, options, tmp_path):
    space = Workspace(RunFolder.of_run(str(tmp_path / "root"), "1"), str(tmp_path))
    asked = replace(options, catalog=str(bad.write(tmp_path)), root=str(tmp_path / "root"))
    with pytest.raises(CatalogError, match=bad.said):
        stages.collect.find_catalog(space, asked, load_contract(place / "contract.yaml"))


@pytest.mark.parametrize("command", ["convert", "profile"])
def test_a_command_stops(bad, tmp_path, command):
    output = tmp_path / ("out.parquet" if command == "convert" else "out.yaml")
    with pytest.raises(SystemExit, match=bad.said):
        main([command, str(bad.write(tmp_path)), "--output", str(output)])
    assert not output.exists()


def test_a_backfill_does_not_begin(bad, registered, tracked, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.address)
    asked = BackfillOptions(str(bad.write(tmp_path)), registered.model_uri, str(tmp_path / "out"))
    with pytest.raises(CatalogError, match=bad.said):
        stages.backfill.start(asked)
    assert not (tmp_path / "out").exists()
