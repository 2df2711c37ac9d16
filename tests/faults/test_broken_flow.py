"""One run that meets what breaks around it: a full disk, an MLflow that is slow, away, or asked by a dying process."""

import gzip
import pickle
from pathlib import Path

import pytest

from tests.faults.mlflow_server import PASSWORD, mlflow_behind_a_gate
from tests.faults.small_flow import SmallFlow
from tests.faults.test_killed_flow import assert_same, assert_whole

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]
#: What the environment of a run knows and nothing that it writes may.
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI-planted",
    "MLFLOW_TRACKING_TOKEN_OF_ANOTHER": "token-planted-2718281",
    "MOEMOE_WEBHOOK_URL": "https://hooks.invalid/planted-1414213",
}


def test_a_run_that_meets_everything_ends_as_if_nothing_had_happened(unbroken, tmp_path):
    with mlflow_behind_a_gate(tmp_path) as gate:
        flow = SmallFlow(tmp_path, MLFLOW_TRACKING_URI=gate.url, **SECRETS)
        flow.faults.plan("shard", ["small-disk 100000"])
        flow.faults.plan("worker-0", ["small-disk 100000", f"touch {gate.slow}"])
        flow.faults.plan("evaluate", [f"touch {gate.down}", "small-disk 100000"])
        flow.faults.plan("register", [f"touch {gate.down}", "kill result 9", "kill result 23"])
        said = []

        def attempt(go, expected: str) -> None:
            status, words = go()
            said.append(words)
            assert status != 0
            assert expected in words, words[-5000:]
            assert expected == "killed" or "Traceback" not in words, words[-5000:]
            gate.open()

        attempt(flow.run, "File too large")
        assert not list((flow.root / "payload").iterdir())
        attempt(flow.resume, "checkpoint.safetensors: File too large")
        assert not list(flow.root.glob("runs/*/checkpoint*"))
        # Training has ended while MLflow answered nobody, and has not even asked.
        attempt(flow.resume, "MLflow failed (")
        assert not gate.held
        assert gate.refused
        assert list(flow.root.glob("runs/*/model/model.safetensors"))
        attempt(flow.resume, "File too large")
        attempt(flow.resume, "MLflow failed (")
        for _ in range(2):
            status, words = flow.resume()
            said.append(words)
            assert status != 0, words[-5000:]
        assert [line.split()[:2] for line in flow.faults.struck()] == [["register", "kill"]] * 2
        status, words = flow.resume()
        assert status == 0, words[-5000:]
        assert not flow.faults.planned()
        assert_same(flow.result(), unbroken)
        assert_whole(flow)
        assert not places_of(tmp_path, [PASSWORD, *SECRETS.values()])
        assert not [secret for secret in (PASSWORD, *SECRETS.values()) if secret in "".join(said) + words]


def places_of(folder: Path, secrets: list[str]) -> list[Path]:
    """The files in and below ``folder`` that hold one of ``secrets``, in compressed artifacts too."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if content[:2] == b"\x1f\x8b":
                content += gzip.decompress(content)
            if any(secret.encode() in content for secret in secrets):
                found.append(path)
    return found


def test_a_secret_would_be_found(tmp_path):
    (tmp_path / "artifact").write_bytes(gzip.compress(pickle.dumps({"uri": f"http://moemoe:{PASSWORD}@host"})))
    (tmp_path / "log").write_text("nothing")
    assert places_of(tmp_path, [PASSWORD]) == [tmp_path / "artifact"]
