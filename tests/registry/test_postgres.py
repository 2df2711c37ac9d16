"""An MLflow server on a real PostgreSQL, of Debian's package; in ``make test-all``."""

import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from moemoe.registry import tracking
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.versions import CHAMPION, alias_of
from tests.support.ports import free_port

pytestmark = pytest.mark.postgres
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A PostgreSQL of its own on loopback, with a password drawn for it."""
    if not PROGRAMS:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="moemoe-postgres-"))  # pytest's own folders let no other user through
    password, port = secrets.token_hex(16), free_port()
    (folder / "password").write_text(password)
    user = {}
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        owner = pwd.getpwnam("postgres")
        user = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        for path in (folder, folder / "password"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    pg_ctl = [str(PROGRAMS[-1] / "pg_ctl"), "--pgdata", str(folder / "data"), "--wait", "--log", str(folder / "log")]

    def run(*command: str) -> None:
        done = subprocess.run(command, cwd="/", capture_output=True, text=True, **user)
        assert done.returncode == 0, done.stdout + done.stderr

    run(
        str(PROGRAMS[-1] / "initdb"), "--pgdata", str(folder / "data"), "--username", "moemoe",
        "--auth", "scram-sha-256", "--pwfile", str(folder / "password"), "--no-sync",
    )  # fmt: skip
    run(*pg_ctl, "--options", f"-c listen_addresses=127.0.0.1 -c port={port} -k {folder}", "start")
    yield f"postgresql+psycopg2://moemoe:{password}@127.0.0.1:{port}/postgres"
    run(*pg_ctl, "--mode", "fast", "stop")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(database, tmp_path_factory) -> Iterator[str]:
    """MLflow as infra/compose.yaml starts it: the database and the artifacts' place come from the environment."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    env = {
        **os.environ, "MLFLOW_BACKEND_STORE_URI": database, "MLFLOW_ARTIFACTS_DESTINATION": str(folder / "artifacts"),
    }  # fmt: skip
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        uri = f"http://127.0.0.1:{port}"
        for _ in range(600):
            assert process.poll() is None, (folder / "log").read_text()
            try:
                urllib.request.urlopen(f"{uri}/health", timeout=1)
                break
            except OSError:
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        yield uri
        process.terminate()
        process.wait()


def test_runs_metrics_and_artifacts_are_kept_in_postgres(server, database, tmp_path):
    tracking.check_tracking(server)
    tracked = TrackedRun.start(server, "moemoe-postgres", "run", {"size": "tiny"}, {"dataset": "30pt"})
    tracked.log_metrics({"recall_at_90p/mean": 0.5})
    (tmp_path / "report.html").write_text("<p>a report</p>")
    tracked.log_files(tmp_path / "report.html")
    tracked.record_manifest("s3://bucket/store/shards/1/manifest.json")
    tracked.end()
    run = tracking.client(server).get_run(tracked.run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"recall_at_90p/mean": 0.5})
    assert tracked.manifest == "s3://bucket/store/shards/1/manifest.json"
    assert [a.path for a in tracking.client(server).list_artifacts(tracked.run_id)] == ["report.html"]

    import psycopg2

    with psycopg2.connect(database.replace("+psycopg2", "")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT status FROM runs WHERE run_uuid = %s", (tracked.run_id,))
        assert cursor.fetchall() == [("FINISHED",)]


def test_a_model_without_a_champion_is_none_there_too(server):
    assert alias_of(server, "no-such-model", CHAMPION) is None
    tracking.client(server).create_registered_model("moemoe-postgres")
    assert alias_of(server, "moemoe-postgres", CHAMPION) is None


def test_the_databases_password_is_not_in_mlflows_answers(server, database):
    password = database.split(":")[2].split("@")[0]
    for path in ("/", "/health", "/version", "/api/2.0/mlflow/experiments/search?max_results=1"):
        with urllib.request.urlopen(server + path) as answer:
            assert password not in answer.read().decode(errors="replace")
