"""The report that a run keeps is a card's page: it is found wherever Metaflow has written the card."""

import json
import os
import subprocess
import sys

import pytest

from tests.flows.conftest import FLOW, card_text, flow_environment

SYSROOT = "METAFLOW_DATASTORE_SYSROOT_LOCAL"
CARD_FLOW = """
from pathlib import Path

import cards
from metaflow import FlowSpec, card, current, step


class CardFlow(FlowSpec):
    @card(type="blank")
    @step
    def start(self):
        cards.heading("A heading", is_sample=True)
        self.written = current.pathspec
        self.next(self.end)

    @step
    def end(self):
        Path("page.html").write_text(cards.card_html(self.written))


if __name__ == "__main__":
    CardFlow()
"""


@pytest.mark.parametrize("setting", ["nothing", "environment", "profile", "root of cards"])
def test_a_card_is_found_where_metaflow_has_written_it(tmp_path, setting):
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
    (here / "card_flow.py").write_text(CARD_FLOW)
    (elsewhere / "config.json").write_text(json.dumps({SYSROOT: str(elsewhere)}))
    env = {**os.environ, **flow_environment(here), "METAFLOW_HOME": str(here)}
    env["PYTHONPATH"] = os.pathsep.join([str(FLOW.parent), str(FLOW.parents[1])])
    del env[SYSROOT]
    env |= {
        "environment": {SYSROOT: str(elsewhere)},
        "profile": {"METAFLOW_HOME": str(elsewhere)},
        "root of cards": {"METAFLOW_CARD_LOCALROOT": str(elsewhere)},
    }.get(setting, {})
    command = [sys.executable, "card_flow.py", "run"]
    done = subprocess.run(command, cwd=here, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "A heading" in card_text((here / "page.html").read_text())
