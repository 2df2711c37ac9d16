"""The pages' Python code, and their commands on a registered model, run on the results of the stages.

Other commands: those that the flows print run in tests/flows/test_road.py; tests/test_documents.py checks that all of
them and their options exist.
"""

from pathlib import Path

import pytest
import stages
from stages.options import BackfillOptions

from moemoe import cli
from tests.support.pages import PROJECT, blocks, command_lines

#: What the pages call by a name of theirs, and this run by another.
NAMES = {
    "moemoe-30pt": "moemoe-small", "1795739058538453": "17", "BEFORE": "17", "AFTER": "17",
    "kurta/material": "shirt/fit type", "color=0.97": "color=1",
}  # fmt: skip
ON_A_MODEL = ("thresholds", "rollback", "drift")


def of_this_run(text: str) -> str:
    for theirs, ours in NAMES.items():
        text = text.replace(theirs, ours)
    return text


@pytest.fixture
def shop(place, options, registered, tracked, tmp_path, monkeypatch) -> Path:
    """The folder that a user of the pages stands in: with runs under .moemoe, and a catalog that is filled in."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.address)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".moemoe").symlink_to(place / "root")
    began = stages.backfill.start(BackfillOptions(options.catalog, registered.model_uri, "filled", tasks=1))
    what = (began.job, began.version, began.tracking, began.groups[0], str(tmp_path))
    parts = stages.backfill.fill(*what, lambda rows: None, lambda part, was_there: None)
    stages.backfill.finish(began.job, [parts], 600)
    return tmp_path


def test_what_the_pages_show_works(shop, capsys):
    ran = 0
    for page in sorted((PROJECT / "docs").glob("*.md")):
        for block in blocks(page, "python"):
            exec(compile(of_this_run(block), page.name, "exec"), {})
            ran += 1
    lines = command_lines(PROJECT / "docs" / "serving.md") + command_lines(PROJECT / "docs" / "own-catalog.md")
    commands = [words[1:] for words in lines if words[0] == "moemoe" and words[1] in ON_A_MODEL and len(words) > 2]
    for words in sorted(commands, key=lambda words: words[0] == "rollback"):  # which needs a version to go back to
        assert cli.main([of_this_run(word) for word in words]) == 0
        ran += 1
    assert ran >= 6
    assert "fit type" in capsys.readouterr().out
