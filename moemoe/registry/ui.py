"""Opens MLflow's UI on the latest experiment's runs, with the columns that compare systems: ``make ui``.

    python -m moemoe.registry.ui [--port 5000]

It uses one worker and no queues for background jobs, which are not needed; by default MLflow starts 14 processes.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
import webbrowser
from urllib.error import URLError
from urllib.request import urlopen

from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import client, default_tracking_uri, with_password

START_SECONDS = 120


def runs_view(uri: str) -> str:
    """The path of the runs table of the experiment with the latest run; the start page if there are no runs."""
    mlflow = client(uri)
    experiments = [experiment.experiment_id for experiment in mlflow.search_experiments()]
    latest = mlflow.search_runs(experiments, order_by=["attributes.start_time DESC"], max_results=1)
    return TrackedRun(uri, latest[0].info.run_id).url if latest else ""


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=5000)
    port = parser.parse_args().port
    uri = default_tracking_uri()
    if uri.startswith("http"):
        show(f"{uri}/{runs_view(uri)}")
        return
    path = runs_view(uri)
    settings = {"MLFLOW_BACKEND_STORE_URI": with_password(uri), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    for number in (signal.SIGINT, signal.SIGTERM):  # both end the server too, even in a shell's background job
        signal.signal(number, signal.default_int_handler)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, env={**os.environ, **settings})
    try:
        if answers(server, f"http://127.0.0.1:{port}"):
            show(f"http://127.0.0.1:{port}/{path}")
        server.wait()
    except KeyboardInterrupt:
        pass
    finally:
        server.terminate()
        server.wait()


def answers(server: subprocess.Popen, url: str) -> bool:
    """Waits until the server answers; False if it ended or START_SECONDS have passed."""
    for _ in range(START_SECONDS):
        if server.poll() is not None:
            return False
        try:
            urlopen(f"{url}/health", timeout=5).close()
            return True
        except (URLError, OSError):
            time.sleep(1)
    return False


def show(url: str) -> None:
    """Prints the address and opens it in a browser, if there is one."""
    print(f"MLflow's runs: {url}", flush=True)
    webbrowser.open(url)


if __name__ == "__main__":
    main()
