"""``make ui``: one server process, and a URL that shows the runs."""

import os
import signal
import socket
import subprocess

import pytest

from moemoe.registry import tracking
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.ui import runs_view
from tests.support.mlflow_database import database
from tests.support.warm_python import warm_python


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.mark.parametrize("ended_by", [signal.SIGINT, signal.SIGTERM])
def test_the_ui_opens_on_the_runs_of_the_latest_experiment(tmp_path, ended_by):
    uri = database(tmp_path)
    assert runs_view(uri) == ""
    for name in ("earlier", "latest"):
        tracking.client(uri).create_experiment(name, artifact_location=(tmp_path / name).as_uri())
        wanted = TrackedRun.start(uri, name, "run", {}, {}).url
    assert runs_view(uri) == wanted
    env = {**os.environ, "MLFLOW_TRACKING_URI": uri, "BROWSER": "true"}
    command = [warm_python(), "-m", "moemoe.registry.ui", "--port", str(free_port())]
    ui = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert ui.stdout is not None
        said = next(line for line in ui.stdout if line.startswith("MLflow's runs"))
    finally:
        ui.send_signal(ended_by)
        ui.wait()
    assert said.strip().endswith(f"/{wanted}")
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system says of a port that nobody listens on
        socket.create_connection(("127.0.0.1", int(command[-1]))).close()
