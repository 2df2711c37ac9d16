"""A real MLflow server behind a proxy that delays or drops calls while a file requests it."""

import os
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.mlflow_database import database
from tests.support.ports import free_port
from tests.support.s3 import LOST, FlakyProxy
from tests.support.warm_python import warm_python

PASSWORD = "tracking-password-3141592"


class Gate:
    """``url`` is MLflow's, with a password; ``slow`` and ``down`` are files: while one exists, so is MLflow."""

    def __init__(self, proxy: FlakyProxy, folder: Path):
        self.url = proxy.url.replace("http://", f"http://moemoe:{PASSWORD}@")
        self.slow, self.down = folder / "slow", folder / "down"
        self.held: list[str] = []
        self.refused: list[str] = []
        self._tick = threading.Event()
        proxy.fault = self._fault

    def open(self) -> None:
        """MLflow answers again."""
        for path in (self.slow, self.down):
            path.unlink(missing_ok=True)

    def _fault(self, method: str, path: str) -> str | None:
        if self.slow.exists() and not self.down.exists():
            self.held.append(f"{method} {path}")
            while self.slow.exists():  # as long as it takes, were it hours
                self._tick.wait(0.05)
        if self.down.exists():
            self.refused.append(f"{method} {path}")
            return LOST
        return None


@contextmanager
def mlflow_behind_a_gate(folder: Path) -> Iterator[Gate]:
    """The server with a SQLite store and artifacts in ``folder``, up until the block ends."""
    port = free_port()
    command = [warm_python(), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    database(folder)
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # its queues are a dozen processes
    with open(folder / "mlflow.log", "wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        proxy = FlakyProxy(f"http://127.0.0.1:{port}")
        try:
            tick = threading.Event()
            while not _answers(port):
                assert server.poll() is None, (folder / "mlflow.log").read_text()
                tick.wait(0.05)  # calls that are refused at once would keep the core busy that it starts on
            yield Gate(proxy, folder)
        finally:
            proxy.close()
            server.terminate()
            server.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
            return True
    except OSError:
        return False
