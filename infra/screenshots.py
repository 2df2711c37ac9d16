"""Pictures of MLflow's UI on real runs, for the README and for looking at after a change. Needs Debian's chromium.

python infra/screenshots.py --tracking-uri sqlite:///mlflow.db --experiment moemoe-30pt-sample --output pictures/
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from moemoe.registry.tracking import address, client

BROWSER = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage")  # fmt: skip
START_SECONDS = 180


def pages(uri: str, experiment: str, runs: int) -> dict[str, str]:
    """Name -> address, behind the server's: the runs table, the compare page and artifacts of the latest runs."""
    mlflow = client(uri)
    found = mlflow.get_experiment_by_name(experiment)
    if found is None:
        sys.exit(f"MLflow at {uri} has no experiment {experiment}")
    latest = mlflow.search_runs([found.experiment_id], "attributes.status = 'FINISHED'", max_results=500)
    trained = [run for run in latest if run.data.tags.get("recipe")][:runs]
    comparison = next((run for run in latest if run.data.params.get("model") == "comparison"), None)
    if len(trained) < 2:
        sys.exit(f"experiment {experiment} has {len(trained)} finished runs of a training; a comparison needs two")
    ids = quote(json.dumps([run.info.run_id for run in trained]))
    of = quote(json.dumps([found.experiment_id]))
    base = f"#/experiments/{found.experiment_id}"
    addresses = {
        "runs": address(uri, trained[0].info.run_id),
        "charts": f"{address(uri, trained[0].info.run_id)}&compareRunsMode=CHART",
        "compare": f"#/compare-runs?runs={ids}&experiments={of}",
        "run": f"{base}/runs/{trained[0].info.run_id}",
        "cells": f"{base}/runs/{trained[0].info.run_id}/artifacts/evaluation/product_type_x_attribute.json",
        "report": f"{base}/runs/{trained[0].info.run_id}/artifacts/report.html",
    }
    if comparison is not None:
        own = f"{base}/runs/{comparison.info.run_id}"
        addresses |= {
            "comparison": own,
            "comparison-overview": f"{own}/artifacts/tables/overview.json",
            "comparison-card": f"{own}/artifacts/comparison.html",
            "comparison-heat-map": f"{own}/artifacts/plots/heat-map.png",
        }
    return addresses


def take(address: str, file: Path, width: int, height: int, seconds: int) -> None:
    """One picture of one page, after it had ``seconds`` of the browser's own time to load."""
    browser = next(filter(None, map(shutil.which, BROWSER)), None)
    if browser is None:
        sys.exit(f"no browser; one of {', '.join(BROWSER)} is needed (Debian: apt-get install chromium)")
    with tempfile.TemporaryDirectory(prefix="moemoe-") as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
        command += [f"--virtual-time-budget={1000 * seconds}", f"--screenshot={file}", address]
        subprocess.run(command, check=True, capture_output=True, timeout=300)


def main() -> None:
    """Starts MLflow's server on a free port, takes the pictures, and stops it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracking-uri", default="sqlite:///mlflow.db")
    parser.add_argument("--experiment", default="moemoe-30pt-sample")
    parser.add_argument("--output", default="pictures", help="folder of the PNGs")
    parser.add_argument("--only", default="", help="comma-separated names of pages")
    parser.add_argument("--runs", type=int, default=4, help="how many runs the compare page shows")
    parser.add_argument("--size", default="1600x1000")
    parser.add_argument("--seconds", type=int, default=20, help="what a page gets to load")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    wanted = pages(given.tracking_uri, given.experiment, given.runs)
    if given.only:
        wanted = {name: wanted[name] for name in given.only.split(",")}
    folder = Path(given.output).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", given.tracking_uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/health")
        for name, page in wanted.items():
            take(f"http://127.0.0.1:{port}/{page}", folder / f"{name}.png", width, height, given.seconds)
            print(folder / f"{name}.png", flush=True)
    finally:
        server.terminate()
        server.wait()


def wait(address: str) -> None:
    """Returns once the server answers."""
    for _ in range(START_SECONDS):
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(1)
    sys.exit(f"MLflow's server did not answer at {address} within {START_SECONDS} s")


if __name__ == "__main__":
    main()
