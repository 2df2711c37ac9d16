"""Runs with the root on a real S3 endpoint; before one of them the catalog was relabelled."""

import os

import pytest

from moemoe.storage import read_table


@pytest.mark.parametrize("name", ["first", "relabelled"])
def test_a_run_leaves_its_results_on_s3(scheduled, name):
    one = getattr(scheduled, name)
    for file in ("predictions/parts.json", "evaluation.parquet", "events.jsonl", "report.html"):
        assert (one.folder / file).is_file(), file
    assert one.run["evaluate"].task.data.folder.predictions.uri.startswith("s3://moemoe-root/here/runs/")


def test_the_weights_and_the_payload_lie_there_too(scheduled):
    assert (scheduled.first.folder / "model" / "model.safetensors").is_file()
    assert any((scheduled.bucket / "here" / "payload").iterdir())


def test_a_step_s_scratch_folder_is_gone_when_it_ends(scheduled):
    assert not [path for path in scheduled.scratch.glob("moemoe-*") if os.listdir(path)]
    assert not list(scheduled.scratch.glob("torchelastic*"))


def test_labels_that_drift_are_told_of_once(scheduled):
    runs = (scheduled.first, scheduled.nothing_new, scheduled.relabelled)
    drifts = [[payload for payload in one.payloads if payload["kind"] == "drift"] for one in runs]
    assert drifts[:2] == [[], []]
    [drift] = drifts[2]
    pathspec = scheduled.relabelled.run.pathspec
    assert drift["run"] == pathspec
    assert "values of color drift by a PSI of at most 0.25" in drift["message"]
    assert "values of material" not in drift["message"]
    assert f"card view {pathspec}/split" in drift["what_to_do"]
    measured = read_table(str(scheduled.relabelled.folder / "drift.parquet"))
    assert max(psi or 0 for psi in measured["psi"].to_pylist()) > 0.25
