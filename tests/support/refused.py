"""A flow that is expected to stop before its work, with one clear message."""

import os
import subprocess
from pathlib import Path

from tests.support.flows import FLOW, flow_environment
from tests.support.mlflow_database import database
from tests.support.warm_python import warm_python


def refused(folder: Path, *arguments: str, flow: Path = FLOW, **environment: str) -> str:
    """Runs a flow, TrainFlow by default, expects it to stop, and returns what it said."""
    database(folder)
    env = {**os.environ, **flow_environment(folder), **environment}
    command = [warm_python(), str(flow), "run", "--root", str(folder / "root"), *arguments]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=240)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Stopped:" in said, said
    assert "Traceback" not in said, said
    return said
