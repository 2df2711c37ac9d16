"""Two processes that register at once, against a real MLflow."""

import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from moemoe.registry.tracking import client
from moemoe.registry.versions import CHALLENGER, CHAMPION, alias_of, fetch_version, find_version
from tests.support.planned_faults import HERE
from tests.support.small_registry import new_run, new_store, predictions, registered, tiny_model

pytestmark = pytest.mark.faults
WHOLE = {"model.safetensors", "config.json", "tokenizer.json", "contract.yaml", "thresholds.json", "MODEL_CARD.md"}
#: What a model answers stands beside its weights, so that whoever judges a champion knows which one it has.
ACCURACY = "accuracy.txt"

REGISTER = """
import sys
from pathlib import Path
from moemoe.registry.gate import Rules
from moemoe.registry.register import register
from moemoe.registry.tracked_run import TrackedRun
from tests.support.small_registry import predictions, trained

uri, run_id, name, folder, accuracy = sys.argv[1:]

def answers(folder):
    return predictions(float((Path(folder) / accuracy).read_text()))

print("ready", flush=True)
sys.stdin.readline()
registration = register(TrackedRun(uri, run_id), name, trained(Path(folder), answers(folder)), Rules(), answers)
print(registration.version)
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> dict[float, Path]:
    found = {}
    for accuracy in (0.5, 0.7, 0.95):
        found[accuracy] = tiny_model(tmp_path_factory.mktemp("model") / str(accuracy))
        (found[accuracy] / ACCURACY).write_text(str(accuracy))
    return found


def start(uri: str, run_id: str, name: str, folder: Path) -> subprocess.Popen:
    """A process that is about to register; a line on its standard input lets it go on."""
    command = [sys.executable, "-c", REGISTER, uri, run_id, name, str(folder), ACCURACY]
    process = subprocess.Popen(
        command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def check_whole(uri: str, name: str, versions: int, scratch: Path) -> None:
    found = client(uri).search_model_versions(f"name = '{name}'")
    assert sorted(int(version.version) for version in found) == list(range(1, versions + 1))
    for version in found:
        folder = fetch_version(uri, find_version(uri, f"models:/{name}/{version.version}"), scratch)
        assert {path.name for path in folder.iterdir()} >= WHOLE
        mlflow.pyfunc.load_model(f"models:/{name}/{version.version}")
    assert not [m.name for m in client(uri).search_registered_models() if m.name.endswith(".lock")]


def test_two_processes_that_register_at_once_leave_two_whole_versions_and_one_champion(models, tmp_path):
    """The better one is champion whoever comes first, and the challenger is the later version."""
    uri, name = new_store(tmp_path), "at-once"
    registered(uri, name, models[0.5], predictions(0.5))
    both = {accuracy: start(uri, new_run(uri).run_id, name, models[accuracy]) for accuracy in (0.7, 0.95)}
    for process in both.values():
        process.stdin.write("go\n")
        process.stdin.flush()
    said = {accuracy: process.communicate() for accuracy, process in both.items()}
    assert [process.returncode for process in both.values()] == [0, 0], said
    versions = {accuracy: out.split()[-1] for accuracy, (out, _) in said.items()}
    assert set(versions.values()) == {"2", "3"}
    check_whole(uri, name, 3, tmp_path)
    assert alias_of(uri, name, CHAMPION).version == versions[0.95]
    assert alias_of(uri, name, CHALLENGER).version == "3"
