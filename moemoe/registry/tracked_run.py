"""The MLflow run of one training or comparison, as an object passed from step to step: each step is its own process."""

import json
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moemoe.errors import ConfigError
from moemoe.names import escaped
from moemoe.registry.tracking import client
from moemoe.reporting.document import Plot

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

#: The view of the runs table for ``?viewStateShareKey=systems``: by default MLflow shows no metrics and parameters.
VIEW_TAG = "mlflow.sharedViewState.systems"
VIEW = {
    "searchFilter": "params.model LIKE '%'",  # without the child runs per product type
    "orderByKey": "metrics.`recall_at_90p/mean`",
    "orderByAsc": False,
    "selectedColumns": [
        "attributes.`Created`", "params.`model`", "params.`size`", "params.`settings`", "params.`epochs`",
        "metrics.`accuracy/mean`", "metrics.`guarded/recall/mean`", "metrics.`recall_at_90p/mean`",
        "metrics.`image_blanked/recall_at_90p/mean`",
    ],
}  # fmt: skip
PARENT, MANIFEST = "mlflow.parentRunId", "manifest"


@dataclass(frozen=True)
class TrackedRun:
    """One run in MLflow.

    Args:
        address: MLflow's tracking address, without a password (``default_tracking_uri``).
        run_id: the run's id in MLflow.
    """

    address: str
    run_id: str

    @classmethod
    def start(
        cls, address: str, experiment: str, name: str, params: Mapping[str, Any], tags: Mapping[str, str]
    ) -> "TrackedRun":
        """Creates a run.

        User, source file and git commit are tagged where MLflow finds them.
        """
        mlflow = client(address)
        found = mlflow.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else _new_experiment(mlflow, experiment)
        if found is None or VIEW_TAG not in found.tags:
            mlflow.set_experiment_tag(experiment_id, VIEW_TAG, json.dumps(VIEW))
        return cls(address, _create_run(mlflow, experiment_id, name, params, tags, {}))

    def add_child(
        self,
        experiment_id: str,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str],
        metrics: Mapping[str, float],
    ) -> None:
        """Creates a finished child run in the same experiment, with as few calls as MLflow allows."""
        mlflow = self.mlflow
        child = _create_run(mlflow, experiment_id, name, params, {**tags, PARENT: self.run_id}, metrics)
        mlflow.set_terminated(child)

    @classmethod
    def reopen(cls, address: str, experiment: str, tags: Mapping[str, str]) -> "TrackedRun | None":
        """The experiment's run with these tags, open again; None if there is none."""
        mlflow = client(address)
        found = mlflow.get_experiment_by_name(experiment)
        wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
        runs = mlflow.search_runs([found.experiment_id], wanted, max_results=1) if found else []
        for run in runs:
            mlflow.update_run(run.info.run_id, status="RUNNING")
            return cls(address, run.info.run_id)
        return None

    @property
    def mlflow(self) -> "MlflowClient":
        """A client of the run's MLflow."""
        return client(self.address)

    @property
    def experiment(self) -> str:
        """The name of the run's experiment."""
        mlflow = self.mlflow
        return mlflow.get_experiment(mlflow.get_run(self.run_id).info.experiment_id).name

    @property
    def url(self) -> str:
        """The UI's path, from the server's root, to the experiment's runs with the columns worth comparing."""
        experiment_id = self.mlflow.get_run(self.run_id).info.experiment_id
        return f"#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW_TAG.rsplit('.', 1)[1]}"

    @property
    def manifest(self) -> str | None:
        """The URI of the manifest that the run is trained on, to compare with a later run's; None if unknown."""
        return self.mlflow.get_run(self.run_id).data.tags.get(MANIFEST)

    def parameter(self, name: str) -> str | None:
        """A parameter as text, None if the run has none of this name."""
        return self.mlflow.get_run(self.run_id).data.params.get(name)

    def check_kept(self, version: str) -> None:
        """Checks that MLflow still has the run of ``version``, "version 3 of NAME".

        Raises:
            ConfigError: it was deleted permanently, e.g. by ``mlflow gc``.
        """
        from mlflow.exceptions import MlflowException

        try:
            self.mlflow.get_run(self.run_id)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise ConfigError(
                f"MLflow no longer has run {self.run_id}, which trained {version}, the champion, so its training data "
                "are unknown. Remove the alias champion from it in MLflow, or give another --registered-name"
            ) from error

    def record_manifest(self, manifest_uri: str) -> None:
        """Records which manifest the run is trained on."""
        self.mlflow.set_tag(self.run_id, MANIFEST, manifest_uri)

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Logs metrics of the whole run, without NaN. MLflow allows no @ in names, hence ``recall_at_90p``."""
        self.mlflow.log_batch(self.run_id, metrics=_known(metrics))

    def log_text(self, text: str, file: str) -> None:
        """Logs ``text`` as a file."""
        self.mlflow.log_text(self.run_id, text, file)

    def log_dict(self, values: Mapping[str, Any], file: str) -> None:
        """Logs ``values`` as a JSON file."""
        self.mlflow.log_dict(self.run_id, dict(values), file)

    def log_files(self, path: str | Path, folder: str | None = None) -> None:
        """Logs a local file, or the content of a local folder, under the artifacts' ``folder``."""
        mlflow = self.mlflow
        (mlflow.log_artifacts if Path(path).is_dir() else mlflow.log_artifact)(self.run_id, str(path), folder)

    def log_plots(self, plots: Iterable[Plot]) -> None:
        """Logs plots as SVG under ``plots/``."""
        with tempfile.TemporaryDirectory() as folder:
            for plot in plots:
                (Path(folder) / f"{plot.name}.svg").write_bytes(plot.svg)
            self.log_files(folder, "plots")

    def describe(self, markdown: str) -> None:
        """Sets the run's description, shown on its page."""
        self.mlflow.set_tag(self.run_id, "mlflow.note.content", markdown)

    def end(self, status: str = "FINISHED") -> None:
        """Closes the run."""
        self.mlflow.set_terminated(self.run_id, status)


def _create_run(
    mlflow: "MlflowClient",
    experiment_id: str,
    name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    metrics: Mapping[str, float],
) -> str:
    """Creates a run with these contents and returns its id."""
    from mlflow.entities import Param

    context = _context()
    commit = {"git_commit": context["mlflow.source.git.commit"]} if "mlflow.source.git.commit" in context else {}
    run_id: str = mlflow.create_run(experiment_id, run_name=name, tags={**context, **commit, **tags}).info.run_id
    logged = [Param(key, str(value)) for key, value in params.items()]
    mlflow.log_batch(run_id, metrics=_known(metrics), params=logged)
    return run_id


def _known(metrics: Mapping[str, float]) -> "list[Metric]":
    """Metrics of a whole run in MLflow's form, without NaN."""
    from mlflow.entities import Metric

    return [Metric(name, float(value), 0, 0) for name, value in metrics.items() if value == value]


@cache
def _context() -> dict[str, str]:
    """User, source and commit as MLflow finds them (it calls git); tokens in the remote's URL are removed."""
    from mlflow.tracking.context.registry import resolve_tags

    return {name: re.sub(r"//[^/@]+@", "//", value) for name, value in resolve_tags().items()}


def run_name(*words: str) -> str:
    """A run's name: first its kind, so that names group and sort, then its start time (UTC)."""
    return "-".join([*words, datetime.now(UTC).strftime("%Y%m%d-%H%M%S")])


def _new_experiment(mlflow: "MlflowClient", name: str) -> str:
    """The id of a new experiment, or of the one that another run created at the same moment."""
    from mlflow.exceptions import MlflowException

    tags = {"mlflow.experimentKind": "custom_model_development"}  # else the UI asks whether it is GenAI
    try:
        return mlflow.create_experiment(name, _artifact_location(mlflow.tracking_uri, name), tags)
    except MlflowException:
        if (found := mlflow.get_experiment_by_name(name)) is None:
            raise
        return found.experiment_id


def _artifact_location(uri: str, name: str) -> str | None:
    """Where a new experiment stores its files; None: MLflow decides.

    For a SQLite file MLflow would use the working directory, but it reads a "%20" in that path as a blank.
    """
    if not uri.startswith("sqlite:") or "%" not in str(Path.cwd()):
        return None
    return (Path.cwd() / "mlruns" / escaped(name)).as_uri()
