"""A flow small enough to be broken many times: 150 products, a model of a few thousand weights, both phases."""

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mlflow
import pyarrow as pa
from safetensors.torch import load_file

from moemoe.registry import tracking
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.schemas import PREDICTIONS
from moemoe.storage import fetch, join, read_table
from moemoe.table_parts import ListedParts
from moemoe.training.events import read_events
from tests.support.flows import FLOW, flow_environment
from tests.support.mlflow_database import database
from tests.support.planned_faults import Faults

NAME = "moemoe-30pt"
#: So few products are no measure, and the model becomes the champion all the same.
PROMOTED = ("--promote-if", "unmeasured")
DENSE_SETTINGS = (
    "image.size=64, text.d_model=32, text.d_ff=32, text.d_kv=8, text.vocab_size=512, text.context_layers=1, "
    "text.decoder_layers=2"
)
SETTINGS = f"{DENSE_SETTINGS}, experts.num_experts=4"
STEPS = (
    "start", "collect", "validate", "normalize", "filter", "split", "shard", "manifest", "train", "evaluate",
    "register", "end",
)  # fmt: skip
#: What a clock has to do with.
TIMED = ("examples_per_second", "seconds_left")


@dataclass
class Result:
    """What a finished run leaves."""

    metrics: dict[str, float]
    curves: dict[str, list[tuple[int, float]]]
    weights: dict
    predictions: pa.Table
    evaluation: pa.Table
    events: list[dict]


class SmallFlow:
    """``TrainFlow`` in a folder of its own, with the faults that are planned for it."""

    def __init__(self, folder: Path, python: str = sys.executable, **environment: str):
        self.folder, self.root, self.python = folder, folder / "store", python
        self.faults = Faults(folder / "faults")
        (folder / "tmp").mkdir()
        database(folder)
        self.catalog = write_sample_catalog(folder / "catalog.parquet", 150)
        self.environment = {
            **os.environ, **flow_environment(folder), **self.faults.environment(), "TMPDIR": str(folder / "tmp"),
            "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false", **environment,
        }  # fmt: skip

    @property
    def tracking_uri(self) -> str:
        return self.environment["MLFLOW_TRACKING_URI"]

    def start(self, *arguments: str) -> subprocess.Popen:
        """In a session of its own, so that a fault to the whole group ends there."""
        command = [self.python, str(FLOW), *arguments]
        return subprocess.Popen(
            command, env=self.environment, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def begin(self, *more: str) -> subprocess.Popen:
        """A fresh run."""
        return self.start(
            "run", "--dataset", "30pt", "--catalog", str(self.catalog), "--root", str(self.root), "--epochs", "1",
            "--batch-size", "16", "--set", SETTINGS, *PROMOTED, *more,
        )  # fmt: skip

    def run(self, *more: str) -> tuple[int, str]:
        """A fresh run: its exit status and what it said."""
        return self._said(self.begin(*more))

    def resume(self) -> tuple[int, str]:
        """The last run goes on."""
        return self._said(self.start("resume"))

    def until_through(self, most: int) -> list[str]:
        """A run, resumed until it gets through; what each attempt said."""
        status, said = self.run()
        attempts = [said]
        while status != 0 and len(attempts) <= most:
            status, said = self.resume()
            attempts.append(said)
        assert status == 0, said[-5000:]
        return attempts

    def result(self) -> Result:
        """What the one run that got through left."""
        [own] = [path for path in (self.root / "runs").iterdir() if (path / "report.html").is_file()]
        return read_result(self.tracking_uri, str(own))

    @staticmethod
    def _said(process: subprocess.Popen) -> tuple[int, str]:
        said = process.communicate()[0]
        if process.returncode == -signal.SIGKILL:
            said += "\nkilled with its whole group"
        return process.returncode, said


def read_result(tracking_uri: str, own: str, name: str = NAME) -> Result:
    """What the one run of a model's experiment that got through left in MLflow and in its folder ``own``."""
    client = tracking.client(tracking_uri)
    experiment = client.get_experiment_by_name(name).experiment_id
    [run] = client.search_runs([experiment], "params.model LIKE '%' and attributes.status = 'FINISHED'")
    [version] = client.search_model_versions(f"name = '{name}'")
    assert version.run_id == run.info.run_id
    curves = {
        name: [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
        if name.startswith("train/") and not name.endswith(TIMED)
    }
    metrics = {name: value for name, value in run.data.metrics.items() if not name.endswith(TIMED)}
    with tempfile.TemporaryDirectory() as scratch:
        weights = load_file(fetch(join(own, "model", "model.safetensors"), scratch))
        events = read_events(fetch(join(own, "events.jsonl"), scratch))
    events = [{k: v for k, v in e.items() if k not in TIMED} for e in events]
    predictions = ListedParts(join(own, "predictions"), PREDICTIONS).read()
    folder = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, tracking_uri=tracking_uri)
    assert ListedParts(join(folder, "evaluation", "predictions"), PREDICTIONS).read().equals(predictions)
    return Result(metrics, curves, weights, predictions, read_table(join(own, "evaluation.parquet")), events)
