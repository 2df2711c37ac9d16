"""Messages of the flows' command line: on errors in data, on Ctrl-C, on a finished run."""

import hashlib
import itertools
import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from requests.exceptions import ConnectionError

from moemoe.errors import CatalogError, StorageError, TerminatedError
from tests.support.flows import FLOW, flow_environment

SMALL = """
import os
import signal
from command_line import run_flow
from metaflow import FlowSpec, Parameter, retry, step
from user_errors import plain_errors
from moemoe.errors import CatalogError, StorageError

class SmallFlow(FlowSpec):
    what = Parameter("what", default="")

    @retry(times=1, minutes_between_retries=0)
    @step
    def start(self):
        # one line alone: a second one that comes at once Metaflow shows with the next
        print("an attempt of process", os.getpid(), flush=True)
        with plain_errors():
            if self.what == "data":
                raise CatalogError("the catalog is bad")
            if self.what == "storage":
                raise StorageError("S3 is away")
        if self.what == "long":
            signal.pause()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    run_flow(SmallFlow, libraries=["sched"])
"""


#: Two systems train under @catch: one receives SIGTERM, once.
CAUGHT = """
from pathlib import Path
from command_line import run_flow
from metaflow import FlowSpec, catch, step
from user_errors import not_caught_if_terminated, plain_errors
from moemoe.errors import ConfigError, TerminatedError

class CaughtFlow(FlowSpec):
    @step
    def start(self):
        self.systems = ["broken", "terminated"]
        self.next(self.train, foreach="systems")

    @catch(var="failure", print_exception=False)
    @step
    def train(self):
        print(f"{self.input} begins", flush=True)
        with not_caught_if_terminated(), plain_errors():
            if self.input == "broken":
                raise ConfigError("no such option")
            if not Path("told").exists():
                Path("told").touch()
                raise TerminatedError("training received SIGTERM")
        self.next(self.gather)

    @step
    def gather(self, inputs):
        print("failed:", *(task.failure.exception for task in inputs if task.failure), flush=True)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == "__main__":
    run_flow(CaughtFlow, one_task_at_a_time=True, libraries=["sched"])
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("small flow") / "small_flow.py"
    path.write_text(SMALL)
    return path


def start(flow: Path, *arguments: str, **environment: str) -> subprocess.Popen:
    paths = os.pathsep.join([str(FLOW.parent), str(FLOW.parents[1])])
    env = {**os.environ, **flow_environment(flow.parent), "PYTHONPATH": paths, **environment}
    return subprocess.Popen(
        [sys.executable, str(flow), *arguments], env=env, cwd=flow.parent, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def said_by(running: subprocess.Popen) -> str:
    said, _ = running.communicate(timeout=300)
    return said


@pytest.mark.parametrize(("what", "attempts"), [("data", 1), ("storage", 2)])
def test_only_what_may_pass_is_tried_again(flow, what, attempts):
    running = start(flow, "run", "--what", what)
    said = said_by(running)
    assert running.returncode != 0
    assert said.count("] an attempt") == attempts, said


def test_a_folder_that_cannot_be_written_is_named_last(flow, tmp_path):
    """Metaflow keeps its runs in the working directory; that it cannot is a traceback of its own."""
    (tmp_path / "file").touch()
    shutil.copy(flow, tmp_path)
    running = start(tmp_path / flow.name, "run", METAFLOW_DATASTORE_SYSROOT_LOCAL=str(tmp_path / "file"))
    said = said_by(running)
    assert running.returncode == 1
    assert "Stopped: Metaflow cannot keep its runs: [Errno 20] Not a directory" in said.splitlines()[-1]


def test_a_training_that_received_sigterm_is_not_a_failed_system(tmp_path):
    """Under @catch, which goes on after every error of a system: the run ends, and a resume goes on with it alone."""
    flow = tmp_path / "caught_flow.py"
    flow.write_text(CAUGHT)
    running = start(flow, "run")
    said = said_by(running)
    assert running.returncode != 0
    assert said.count("terminated begins") == said.count("] training received SIGTERM") == 1, said
    assert "failed:" not in said
    said = said_by(running := start(flow, "resume"))
    assert running.returncode == 0
    assert "broken begins" not in said, said
    assert "terminated begins" in said
    assert "failed: no such option\n" in said


def test_a_finished_run_is_not_resumed(flow):
    assert "Done!" in said_by(start(flow, "run"))
    running = start(flow, "resume")
    assert "has finished: there is nothing to resume" in said_by(running)
    assert running.returncode == 0
    assert "Done!" in said_by(start(flow, "resume", "end"))  # a step that is named is done again


@pytest.mark.parametrize("step", [(), ("end",)])
def test_a_run_that_is_not_there_is_not_resumed(flow, step):
    running = start(flow, "resume", *step, "--origin-run-id", "99")
    said = said_by(running)
    assert running.returncode == 1
    assert "has no run 99: there is nothing to resume" in said
    assert "Traceback" not in said


def test_ctrl_c_says_how_to_go_on(flow):
    running = start(flow, "run", "--what", "long")
    assert running.stdout is not None
    for line in running.stdout:
        if "an attempt" in line:
            break
    os.killpg(running.pid, signal.SIGINT)
    said = said_by(running)
    assert f"Continue with: python '{flow}' resume" in said
    assert running.returncode == 130


def start_and_wait(flow: Path) -> tuple[subprocess.Popen, int]:
    """A run whose task waits for a signal, and that task's pidfd."""
    running = start(flow, "run", "--what", "long")
    assert running.stdout is not None
    [line] = itertools.islice((line for line in running.stdout if "an attempt" in line), 1)
    return running, os.pidfd_open(int(line.split()[-1]))


def test_sigterm_ends_the_task_too(flow):
    """It reaches this one process alone, unlike Ctrl-C; a task that went on would work beside that of a resume."""
    running, task = start_and_wait(flow)
    running.terminate()
    said = said_by(running)
    assert f"Continue with: python '{flow}' resume" in said
    assert running.returncode == 143
    ended, _, _ = select.select([task], [], [], 0)
    os.close(task)
    assert ended


def test_a_flow_that_is_killed_takes_its_task_along(flow):
    """kill -9 of this one process, whose task would go on beside that of a resume."""
    running, task = start_and_wait(flow)
    running.kill()
    ended, _, _ = select.select([task], [], [], 60)
    os.close(task)
    assert ended
    said_by(running)


def test_a_task_with_another_code_package_than_it_was_compiled_with_does_not_begin(flow, tmp_path, monkeypatch):
    """As a pod calls it, which has downloaded the package to where it runs."""
    monkeypatch.setenv("METAFLOW_CODE_SHA", hashlib.sha1(b"compiled").hexdigest())
    monkeypatch.setenv("METAFLOW_CODE_URL", "s3://bucket/data/it")
    task = ["step", "start", "--run-id", "1", "--task-id", "1", "--input-paths", "1/_parameters/0"]
    package = flow.parent / "job.tar"
    try:
        package.write_bytes(b"of another version")
        running = start(flow, *task)
        said = said_by(running)
        assert running.returncode == 1
        assert "the code package at s3://bucket/data/it has the SHA-1 " in said
        assert "Deploy the flow again" in said
        assert "an attempt" not in said
        package.write_bytes(b"compiled")
        assert "code package" not in said_by(start(flow, *task))  # it fails later: there is no such run
    finally:
        package.unlink()


class MlflowError(Exception):
    """As MLflow's own, which carry the status that a server answered with."""

    __module__ = "mlflow.exceptions"

    def __init__(self, status: int):
        super().__init__("no such experiment")
        self.status = status

    def get_http_status_code(self) -> int:
        return self.status


@pytest.mark.parametrize(
    ("error", "words", "lasting"),
    [
        (CatalogError("bad"), "bad", True),
        (StorageError("away"), "away", False),
        (TerminatedError("SIGTERM"), "SIGTERM", False),
        (MlflowError(404), "MLflow refused what it was asked (no such experiment)", False),
        (MlflowError(503), "resume when it answers again", False),
        (MlflowError(429), "resume when it answers again", False),
        (ConnectionError("refused"), "resume when it answers again", False),
    ],
)
def test_only_an_outage_is_waited_for(error, words, lasting, monkeypatch):
    monkeypatch.syspath_prepend(str(FLOW.parent))
    import user_errors

    with pytest.raises(user_errors.UserError) as found, user_errors.plain_errors():
        raise error
    assert words in str(found.value.message)
    assert user_errors.is_lasting() is lasting
