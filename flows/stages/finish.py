"""end: lists where the results are."""

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from moemoe.registry.tracked_run import TrackedRun
from moemoe.run_folder import RunFolder
from stages.measured import Measured

#: The folder of the flows, relative to the one that the run was started in.
FLOWS = os.path.relpath(Path(__file__).parents[1])
EXAMPLE = (
    'import mlflow, pandas; model = mlflow.pyfunc.load_model("{model}"); '
    "print(model.predict(pandas.DataFrame([{row}])).to_string())"
)


@dataclass(frozen=True)
class Made(Measured):
    """The results of a run of TrainFlow.

    Args:
        model_uri: the registered version, as MLflow loads it.
        decision: of the gate, in a line.
        catalog, partitions: as given, and its files.
    """

    model_uri: str
    decision: str
    catalog: str
    partitions: list[str]
    is_sample: bool


def training_summary(folder: RunFolder, tracked: TrackedRun, made: Made) -> str:
    """The lines that a run of TrainFlow ends with: its metrics, its files, and the next commands."""
    metrics = made.metrics
    if made.no_means:
        figures = f"no mean Recall@90P: {made.no_means}"
    else:
        figures = (
            f"mean Recall@90P {metrics['recall_at_90p/mean']:.3f}, accuracy {metrics['accuracy/mean']:.3f} "
            f"(majority value: {metrics['baseline/majority_accuracy']:.3f})"
        )
    lines = [
        figures + (", on the sample catalog" if made.is_sample else ""),
        f"report            {folder.report.uri}",
        f"data docs         {folder.data_docs.uri}/index.html",
        f"registered model  {made.model_uri} ({made.decision})",
        f"MLflow run        {tracked.run_id} (compare_flow.py run --runs takes ids)",
        *mlflow_ui(tracked),
        "",
        *_next_commands(tracked.address, made),
    ]
    return "\n".join(lines)


def comparison_summary(folder: RunFolder, tracked: TrackedRun, overview: str) -> str:
    """The lines that a comparison ends with."""
    return "\n".join(
        [
            overview,
            f"tables            {folder.comparison_tables.uri}/tables.md",
            f"report            {folder.comparison_report.uri}",
            *mlflow_ui(tracked),
        ]
    )


def mlflow_ui(tracked: TrackedRun) -> list[str]:
    """How to look at the runs in MLflow's UI: of a server at its address, of a database by a command."""
    if tracked.address.startswith("http"):
        return [f"MLflow UI         {tracked.address}/{tracked.url}"]
    return [
        f"MLflow UI         {shlex.join(['mlflow', 'ui', '--backend-store-uri', tracked.address])}",
        f"                  http://127.0.0.1:5000/{tracked.url}",
    ]


def _next_commands(address: str, made: Made) -> list[str]:
    """Complete commands that use the run's model."""
    uri = f"MLFLOW_TRACKING_URI={shlex.quote(address)}"
    backfill = ["run", "--catalog", made.catalog or made.partitions[0], "--model", made.model_uri]
    row = json.dumps({"product_type": made.asked_type, "title": "Blue cotton"})
    example = EXAMPLE.format(model=made.model_uri, row=row)
    serve = ["mlflow", "models", "serve", "-m", made.model_uri, "--env-manager", "local", "-p", "5001"]
    return [
        "ask it            " + f"{uri} {shlex.join(['python', '-c', example])}",
        "serve it          " + f"{uri} {shlex.join(serve)}",
        "fill a catalog    " + shlex.join(["python", f"{FLOWS}/backfill_flow.py", *backfill, "--output", "filled"]),
    ]
