"""Every flow command of README and the pages, run as written, but on a smaller catalog for fewer epochs."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.registry import tracking
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import CATALOG
from tests.support.flows import flow_environment
from tests.support.pages import PAGES, PROJECT, command_lines
from tests.support.s3 import s3_server

pytestmark = pytest.mark.pages

LINES = list(dict.fromkeys(shlex.join(words) for page in PAGES for words in command_lines(page)))
COMMANDS = [shlex.split(line)[1:] for line in LINES if line.startswith("python flows/")]
#: A model of few products and one epoch has few cells that can be measured, and becomes the champion all the same.
SMALLER = {
    "train_flow.py": ["--max-products", "400", "--epochs", "1", "--promote-if", "unmeasured"],
    "compare_flow.py": ["--max-products", "300", "--epochs", "1"],
}


def described(path: Path, products: int = 400) -> None:
    """A catalog of one product type, as its name says, for an open contract; titles say the values."""
    rows = []
    for index in range(products):
        values = {"Color": ("Red", "Blue", "Green")[index % 3], "Material": ("Leather", "Canvas")[index % 2]}
        title = f"{' '.join(values.values())} {path.stem} number {index}"
        rows.append(
            {
                "product_id": f"{path.stem}-{index}",
                "product_type": path.stem,
                "title": title,
                "attributes": [*values.items()],
            }
        )
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path)


class Shop:
    """A folder that a user of the pages stands in, with catalogs, S3 and an MLflow of its own."""

    def __init__(self, folder: Path, s3: str):
        import boto3

        self.folder = folder
        write_sample_catalog(folder / "catalogs" / "part.parquet", 1000)
        for name in ("shoes", "hats"):
            described(folder / "catalogs" / f"{name}-1.parquet")
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
        own = {**flow_environment(folder), **keys, "AWS_ENDPOINT_URL": s3, "BROWSER": "true"}
        self.environment = {**os.environ, **own, "PYTHONPATH": str(PROJECT)}
        client = boto3.client(
            "s3", endpoint_url=s3, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
        )
        for bucket in ("bucket", "moemoe"):
            client.create_bucket(Bucket=bucket)
        client.upload_file(str(folder / "catalogs" / "part.parquet"), "bucket", "catalog/part.parquet")

    def line(self, words: list[str]) -> list[str]:
        """A command's words with this folder's names, and with what makes it smaller."""
        flow, command, *rest = words
        rest = [word.replace("catalogs/*.parquet", "catalogs/part.parquet") for word in rest]
        rest = [self.runs() if word == "RUN,RUN" else word for word in rest]
        smaller = SMALLER.get(Path(flow).name, []) if command == "run" and "--runs" not in rest else []
        return [sys.executable, str(PROJECT / flow), command, *rest, *smaller]

    def do(self, words: list[str]) -> str:
        done = subprocess.run(
            self.line(words), env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=3600
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, said[-5000:]
        return said

    def start(self, words: list[str], *, until: str) -> subprocess.Popen:
        """Starts a command and reads what it says up to a word."""
        started = subprocess.Popen(
            self.line(words), env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True,
        )  # fmt: skip
        assert started.stdout is not None
        assert any(until in line for line in started.stdout), f"{words} ended without a word of {until}"
        return started

    def runs(self) -> str:
        """Two MLflow runs of trainings that can be compared."""
        client = tracking.client(self.environment["MLFLOW_TRACKING_URI"])
        found = [run.info.run_id for version in client.search_model_versions("name='moemoe-30pt'")
                 for run in [client.get_run(version.run_id)]]  # fmt: skip
        return ",".join(found[:2])


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Iterator[Shop]:
    with s3_server() as url:
        yield Shop(tmp_path_factory.mktemp("shop"), url)


def answers(server: subprocess.Popen, port: int) -> bool:
    """Whether a server that has said its port comes to answer there before it ends."""
    while server.poll() is None:
        with suppress(urllib.error.URLError), urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=60) as answer:
            return answer.status == 200
    return False


def rank(words: list[str]) -> tuple[int, int]:
    """Trainings first, then what needs a model or a run, in the order of the pages."""
    first = words[0].endswith("train_flow.py") and words[1] == "run"
    return (0 if first else 2 if words[1] == "card" else 3 if "--runs" in words else 1), COMMANDS.index(words)


@pytest.mark.parametrize("words", sorted(COMMANDS, key=rank), ids=" ".join)
def test_a_command_of_the_pages_does_what_it_says(shop, words):
    if words[1] == "resume":
        interrupted = shop.start(["flows/train_flow.py", "run", "--dataset", "30pt"], until="train/")
        os.killpg(interrupted.pid, signal.SIGINT)
        interrupted.communicate(timeout=600)
        assert interrupted.returncode != 0
    if words[1:3] == ["card", "server"]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        server = shop.start([*words, "--port", str(port)], until=str(port))
        try:
            assert answers(server, port)
        finally:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        return
    shop.do(words)
