"""One run that meets what breaks around it: a full disk, an MLflow that is slow, away, or asked by a dying process."""

import pytest

from tests.support.mlflow_server import PASSWORD, mlflow_behind_a_gate
from tests.support.planted_secrets import SECRETS, places_of
from tests.support.small_flow import SmallFlow
from tests.support.whole_runs import assert_same, assert_whole

pytestmark = pytest.mark.faults


def test_a_run_that_meets_everything_ends_as_if_nothing_had_happened(unbroken, tmp_path):
    with mlflow_behind_a_gate(tmp_path) as gate:
        flow = SmallFlow(tmp_path, **{**SECRETS, "MLFLOW_TRACKING_URI": gate.url})
        flow.faults.plan("shard", ["small-disk 100000"])
        flow.faults.plan("train", ["small-disk 100000", f"touch {gate.slow}"])
        flow.faults.plan("evaluate", [f"touch {gate.down}", "small-disk 100000"])
        flow.faults.plan("register", [f"touch {gate.down}", "kill result 9", "kill result 60", "kill result 125"])
        said = []

        def attempt(go, expected: str) -> None:
            status, words = go()
            said.append(words)
            assert status != 0
            assert expected in words, words[-5000:]
            assert "Traceback" not in words, words[-5000:]
            gate.open()

        attempt(flow.run, "File too large")
        assert not list((flow.root / "payload").iterdir())
        attempt(flow.resume, ".arrow: File too large")  # the image features, before any checkpoint
        assert not list(flow.root.glob("runs/*/checkpoint*"))
        # Training has ended while MLflow answered nobody, and has not even asked.
        attempt(flow.resume, "MLflow failed (")
        assert not gate.held
        assert gate.refused
        assert list(flow.root.glob("runs/*/model/model.safetensors"))
        attempt(flow.resume, "File too large")
        attempt(flow.resume, "MLflow failed (")
        while status := (last := flow.resume())[0]:
            said.append(last[1])
            assert len(said) < 9, last[1][-5000:]
        assert status == 0
        words = last[1]
        struck = flow.faults.struck()
        assert len(struck) >= 2, words[-5000:]
        assert {line.split()[0] for line in struck} == {"register"}
        assert not flow.faults.planned()
        assert_same(flow.result(), unbroken)
        assert_whole(flow)
        assert not places_of(tmp_path, [PASSWORD, *SECRETS.values()])
        assert not [secret for secret in (PASSWORD, *SECRETS.values()) if secret in "".join(said) + words]
