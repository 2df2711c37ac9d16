"""Images of MLflow's UI on real runs, each with the text that its page shows, for the docs and for looking at.

Needs Debian's chromium and chromium-driver.

python infra/screenshots.py --tracking-uri sqlite:///mlflow.db --experiment moemoe-30pt-sample --output images/
"""

import argparse
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import client

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-sync", "--hide-scrollbars", "--disable-dev-shm-usage")  # fmt: skip
START_SECONDS, QUIET_SECONDS = 180, 4
#: MLflow's UI remembers here that it has opened its assistant, which it does on the first visit.
ASSISTANT = "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1"


def pages(uri: str, experiment: str, runs: int) -> dict[str, tuple[str, str]]:
    """Name -> address behind the server's, and a text that the page shows once it is there.

    The runs table, the compare page and artifacts of the latest runs.
    """
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
    first = trained[0].info
    own, table = f"{base}/runs/{first.run_id}", TrackedRun(uri, first.run_id).url
    found_pages = {
        "runs": (table, first.run_name[:8]),
        "charts": (f"{table}&compareRunsMode=CHART", "accuracy/mean"),
        "compare": (f"#/compare-runs?runs={ids}&experiments={of}", "Run details"),
        "run": (own, "About this run"),
        "cells": (f"{own}/artifacts/evaluation/product_type_x_attribute.json", "product_type"),
        "report": (f"{own}/artifacts/report.html", "report.html"),
    }
    if comparison is not None:
        own = f"{base}/runs/{comparison.info.run_id}"
        found_pages |= {
            "comparison": (own, "Recall@90P in %"),
            "comparison-overview": (f"{own}/artifacts/tables/overview.csv", "tables/overview.csv"),
            "comparison-card": (f"{own}/artifacts/comparison.html", "comparison.html"),
            "comparison-heat-map": (f"{own}/artifacts/plots/heat-map.png", "plots/heat-map.png"),
        }
    return found_pages


class Browser:
    """Chromium through chromedriver, which speaks W3C WebDriver: JSON over HTTP."""

    def __init__(self, width: int, height: int):
        missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
        if missing:
            sys.exit(f"{' and '.join(missing)} not found (Debian: apt-get install chromium chromium-driver)")
        port = free_port()
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL)
        self.at = f"http://127.0.0.1:{port}"
        wait(f"{self.at}/status")
        options = {"args": [*FLAGS, f"--window-size={width},{height}"]}
        opened = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.at += f"/session/{opened['sessionId']}"

    def open(self, address: str) -> None:
        """Goes to a page."""
        self._ask("POST", "/url", {"url": address})

    def run(self, script: str) -> Any:
        """What ``script`` returns in the page."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def text(self) -> str:
        """What a person can read on the page."""
        return self.run("return document.body.innerText")

    def settle(self, text: str) -> None:
        """Waits until the page shows ``text`` and has then been the same for some seconds."""
        began = since = time.monotonic()
        before = ""
        while time.monotonic() - since < QUIET_SECONDS:
            time.sleep(0.5)
            now = self.text()
            if now != before or text not in now:
                before, since = now, time.monotonic()
            if time.monotonic() - began > START_SECONDS:
                sys.exit(f"a page did not show {text!r} within {START_SECONDS} s; it showed: {now[:300]!r}")

    def image(self, file: Path) -> None:
        """Writes what the window shows as PNG."""
        file.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def close(self) -> None:
        """Ends browser and driver."""
        with suppress(OSError):
            self._ask("DELETE", "")
        self.driver.terminate()
        self.driver.wait()

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.at + path, data, {"Content-Type": "application/json"}, method=method)
        with urlopen(request, timeout=300) as answer:
            return json.loads(answer.read())["value"]


def main() -> None:
    """Starts MLflow's server on a free port, takes the images, and stops it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tracking-uri", default="sqlite:///mlflow.db")
    parser.add_argument("--experiment", default="moemoe-30pt-sample")
    parser.add_argument("--output", default="images", help="folder of the PNGs")
    parser.add_argument("--only", default="", help="comma-separated names of pages")
    parser.add_argument("--runs", type=int, default=4, help="how many runs the compare page shows")
    parser.add_argument("--size", default="1600x1000")
    given = parser.parse_args()
    width, height = map(int, given.size.split("x"))
    wanted = pages(given.tracking_uri, given.experiment, given.runs)
    if given.only:
        wanted = {name: wanted[name] for name in given.only.split(",")}
    folder = Path(given.output).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", given.tracking_uri]
    command += ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(f"http://127.0.0.1:{port}/health")
        browser = Browser(width, height)
        try:
            browser.open(f"http://127.0.0.1:{port}/health")
            browser.run(f"localStorage.setItem('{ASSISTANT}', 'true')")
            for name, (page, text) in wanted.items():
                browser.open("about:blank")  # the pages differ in what is behind the # alone
                browser.open(f"http://127.0.0.1:{port}/{page}")
                browser.settle(text)
                browser.image(folder / f"{name}.png")
                (folder / f"{name}.txt").write_text(browser.text())
                print(folder / f"{name}.png", flush=True)
        finally:
            browser.close()
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


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
