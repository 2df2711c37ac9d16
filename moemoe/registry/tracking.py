"""Runs, metrics and artifacts in MLflow, always by run id: every step of the flow is a process of its own."""

import fcntl
import hashlib
import json
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from moemoe.errors import ConfigError
from moemoe.evaluation.comparison import Comparison
from moemoe.evaluation.evaluate import Evaluation
from moemoe.names import escaped
from moemoe.reporting.comparison_tables import Table
from moemoe.reporting.document import SYNTHETIC_NOTICE
from moemoe.reporting.formats import plain
from moemoe.shards.manifest import Manifest
from moemoe.storage import is_s3

if TYPE_CHECKING:
    from mlflow import MlflowClient

CONNECT_SECONDS = 5
_MODEL_NAME = re.compile(r"\w[\w .\-]{0,199}")
METRICS_PER_CALL = 1000
MATRIX = "evaluation/product_type_x_attribute.json"
#: How the runs table opens with ``?viewStateShareKey=systems``: by itself MLflow shows no metric and no parameter.
VIEW_TAG = "mlflow.sharedViewState.systems"
VIEW = {
    "searchFilter": "params.model LIKE '%'",  # not the runs per product type
    "orderByKey": "metrics.`recall_at_90p/mean`",
    "orderByAsc": False,
    "selectedColumns": [
        "attributes.`Created`", "params.`model`", "params.`size`", "params.`settings`", "params.`epochs`",
        "metrics.`accuracy/mean`", "metrics.`guarded/recall/mean`", "metrics.`recall_at_90p/mean`",
        "metrics.`picture_blanked/recall_at_90p/mean`",
    ],
}  # fmt: skip
STEP_METRICS = ("loss", "cross_entropy", "question_context", "question_image", "load_balancing", "learning_rate",
                "examples_per_second")  # fmt: skip


def default_tracking_uri() -> str:
    """``MLFLOW_TRACKING_URI``, or a SQLite file in the working directory.

    Without its password, which belongs into no artifact and no log: ``with_password`` finds it in the environment.
    """
    here = str(Path.cwd() / "mlflow.db").replace("%", "%25")  # an address is read with its escapes
    return without_password(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{here}")


def with_password(uri: str) -> str:
    """``uri`` as MLflow needs it, with the password of ``MLFLOW_TRACKING_URI`` where that is the same without it.

    A server's user and password go to MLflow by its variables instead: it prints the server's address now and then.
    """
    own = os.environ.get("MLFLOW_TRACKING_URI", "")
    whole = own if own and without_password(own) == uri else uri
    address = urlparse(whole)
    if address.scheme not in ("http", "https") or not address.username:
        return whole
    os.environ.setdefault("MLFLOW_TRACKING_USERNAME", unquote(address.username))
    os.environ.setdefault("MLFLOW_TRACKING_PASSWORD", unquote(address.password or ""))
    return without_password(whole)


def without_password(uri: str) -> str:
    """A server's ``uri`` without user and password, a database's with asterisks for its password."""
    address = urlparse(uri)
    if address.scheme in ("http", "https"):
        return address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    return uri.replace(f":{address.password}@", ":***@") if address.password else uri


def check_tracking(uri: str) -> None:
    """Raises ConfigError within seconds where MLflow cannot be reached at ``uri``."""
    address = urlparse(uri)
    try:
        if address.scheme in ("http", "https"):
            port = address.port or (443 if address.scheme == "https" else 80)
            socket.create_connection((address.hostname or "", port), timeout=CONNECT_SECONDS).close()
        with _alone_with_the_database(uri):
            client(uri).search_experiments(max_results=1)
    except Exception as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(
            f"MLflow at {without_password(uri)} cannot be reached ({reason[:200]}); start it, or set "
            "MLFLOW_TRACKING_URI to one that answers, or unset it for a SQLite file here"
        ) from error


@contextmanager
def _alone_with_the_database(uri: str) -> Iterator[None]:
    """Keeps other first runs away while MLflow makes the tables of a SQLite file, which only one process can do."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    folder = os.open(Path(unquote(urlparse(uri).path[1:])).absolute().parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def check_model_name(uri: str, name: str) -> None:
    """Checks that runs and versions can be kept under ``name``: an experiment's name and a registered model's.

    Raises:
        ConfigError: characters that MLflow, or the address models:/NAME, does not allow; a deleted experiment.
    """
    if not _MODEL_NAME.fullmatch(name):
        raise ConfigError(
            f"MLflow model name {name[:100]!r} is not allowed; allowed are letters, digits, blanks, '.', '_' and '-', "
            "beginning with a letter or digit"
        )
    found = client(uri).get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        raise ConfigError(
            f"experiment {name!r} is deleted in MLflow; restore it (mlflow experiments restore "
            f"--experiment-id {found.experiment_id}), or give another --registered-name"
        )


def client(uri: str) -> "MlflowClient":
    """A client for ``uri`` that gives up after seconds, not after MLflow's default of many minutes."""
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # hundreds of characters in a step's log
    import logging

    import mlflow

    for chatty in ("alembic", "mlflow.store.db.utils", "mlflow.pyfunc"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    usable = with_password(uri)
    _no_proxy_to_this_machine(usable)
    mlflow.set_tracking_uri(usable)
    return mlflow.MlflowClient(usable)


def _no_proxy_to_this_machine(uri: str) -> None:
    """Keeps requests to a server on this machine from a proxy of the environment, which is elsewhere."""
    host = urlparse(uri).hostname or ""
    if host not in ("localhost", "::1") and not host.startswith("127."):
        return
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")  # requests reads the first that is set
    if host not in known.split(","):
        os.environ["no_proxy"] = os.environ["NO_PROXY"] = ",".join(filter(None, [known, host]))


def start_run(
    uri: str,
    experiment: str,
    run_name: str,
    params: Mapping[str, Any],
    tags: Mapping[str, str],
    parent: str | None = None,
) -> str:
    """Creates a run and returns its id; ``parent`` makes it that run's child.

    User, source file and git commit are tagged where MLflow finds them.
    """
    from mlflow.entities import Param
    from mlflow.tracking.context.registry import resolve_tags

    mlflow = client(uri)
    found = mlflow.get_experiment_by_name(experiment)
    experiment_id = found.experiment_id if found else _new_experiment(mlflow, experiment)
    if found is None or VIEW_TAG not in found.tags:
        mlflow.set_experiment_tag(experiment_id, VIEW_TAG, json.dumps(VIEW))
    # without the token in the URL of git's remote
    context = {name: re.sub(r"//[^/@]+@", "//", value) for name, value in resolve_tags().items()}
    commit = {"git_commit": context["mlflow.source.git.commit"]} if "mlflow.source.git.commit" in context else {}
    all_tags = {**context, **commit, **tags, **({"mlflow.parentRunId": parent} if parent else {})}
    run = mlflow.create_run(experiment_id, run_name=run_name, tags=all_tags)
    mlflow.log_batch(run.info.run_id, params=[Param(name, str(value)) for name, value in params.items()])
    return run.info.run_id


def _new_experiment(mlflow: "MlflowClient", name: str) -> str:
    """The id of a new experiment, or of the one that another first run has made in the same moment."""
    from mlflow.exceptions import MlflowException

    tags = {"mlflow.experimentKind": "custom_model_development"}  # else the UI asks whether it is GenAI
    try:
        return mlflow.create_experiment(name, _artifact_location(mlflow.tracking_uri, name), tags)
    except MlflowException:
        if (found := mlflow.get_experiment_by_name(name)) is None:
            raise
        return found.experiment_id


def _artifact_location(uri: str, name: str) -> str | None:
    """Where a new experiment keeps its files; None: where MLflow says.

    Which for a SQLite file is the working directory, but MLflow reads a "%20" in its path as a blank.
    """
    if not uri.startswith("sqlite:") or "%" not in str(Path.cwd()):
        return None
    return (Path.cwd() / "mlruns" / escaped(name)).as_uri()


def find_run(uri: str, experiment: str, tags: Mapping[str, str]) -> str | None:
    """The id of the experiment's run with these tags, open again; None where there is none."""
    mlflow = client(uri)
    found = mlflow.get_experiment_by_name(experiment)
    wanted = " and ".join(f"tags.`{name}` = '{value}'" for name, value in tags.items())
    runs = mlflow.search_runs([found.experiment_id], wanted, max_results=1) if found else []
    for run in runs:
        mlflow.update_run(run.info.run_id, status="RUNNING")
        return run.info.run_id
    return None


def run_name(*words: str) -> str:
    """A run's name: what it is first, so that names group and sort, then when it began (UTC)."""
    return "-".join([*words, datetime.now(UTC).strftime("%Y%m%d-%H%M%S")])


def log_dataset(uri: str, run_id: str, manifest: Manifest, manifest_uri: str, contract_path: str | Path) -> None:
    """The shards as the run's dataset input: digest of data, labels and contract; each hash by itself in the profile.

    The contract goes beside, as ``contract.yaml``.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    profile = {
        "products": manifest.rows,
        "labels": manifest.sidecar.rows,
        "contract_hash": manifest.contract_hash,
        "data_hash": manifest.data_hash,
        "labels_hash": manifest.sidecar.sha256,
    }
    dataset = Dataset(
        name=manifest.dataset + ("-sample" if manifest.sample_catalog else ""),
        digest=hashlib.sha256(json.dumps(profile).encode()).hexdigest()[:12],
        source_type="s3" if is_s3(manifest_uri) else "local",
        source=json.dumps({"uri": manifest_uri}),
        profile=json.dumps(profile),
    )
    mlflow = client(uri)
    mlflow.log_inputs(run_id, [DatasetInput(dataset, [InputTag("mlflow.data.context", "training and evaluation")])])
    for name in ("contract_hash", "data_hash"):
        mlflow.set_tag(run_id, name, profile[name])
    mlflow.log_artifact(run_id, str(contract_path))


def address(uri: str, run_id: str) -> str:
    """Where the UI shows the runs of ``run_id``'s experiment in columns worth comparing, from the server's root."""
    experiment_id = client(uri).get_run(run_id).info.experiment_id
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={VIEW_TAG.rsplit('.', 1)[1]}"


def describe(uri: str, run_id: str, markdown: str) -> None:
    """Puts ``markdown`` on the run's page, as its description."""
    client(uri).set_tag(run_id, "mlflow.note.content", markdown)


def log_figures(uri: str, run_id: str, figures: Mapping[str, Any]) -> None:
    """Logs figures as PNG under ``plots/``."""
    mlflow = client(uri)
    for name, figure in figures.items():
        mlflow.log_figure(run_id, figure, f"plots/{name}.png")


def end_run(uri: str, run_id: str, status: str = "FINISHED") -> None:
    """Closes a run."""
    client(uri).set_terminated(run_id, status)


def log_metrics(uri: str, run_id: str, metrics: Mapping[str, float]) -> None:
    """Logs figures of a whole run; NaN is left out. MLflow allows no @ in names: ``recall_at_90p`` has none."""
    from mlflow.entities import Metric

    known = [Metric(name, float(value), 0, 0) for name, value in metrics.items() if value == value]
    client(uri).log_batch(run_id, metrics=known)


def log_training_events(uri: str, run_id: str, events: Sequence[Mapping[str, Any]]) -> None:
    """Loss curves, examples per second and validation losses, by training step."""
    from mlflow.entities import Metric

    found = []
    for event in events:
        names = STEP_METRICS if event["event"] == "step" else ("validation_cross_entropy",)
        found += [
            Metric(f"train/{name}", float(event[name]), 0, event["total_step"]) for name in names if name in event
        ]
    mlflow = client(uri)
    for start in range(0, len(found), METRICS_PER_CALL):
        mlflow.log_batch(run_id, metrics=found[start : start + METRICS_PER_CALL])


def log_artifacts(uri: str, run_id: str, path: str | Path, artifact_path: str | None = None) -> None:
    """Logs a local file or folder."""
    mlflow = client(uri)
    (mlflow.log_artifacts if Path(path).is_dir() else mlflow.log_artifact)(run_id, str(path), artifact_path)


def log_text(uri: str, run_id: str, text: str, artifact_file: str) -> None:
    """Logs ``text`` as a file."""
    client(uri).log_text(run_id, text, artifact_file)


def log_evaluation(
    uri: str, run_id: str, evaluation: Evaluation, files: Sequence[str | Path], figures: Mapping[str, Any]
) -> None:
    """The headline on the run, the whole product type x attribute matrix as a table, one child run per product type.

    Of the bounds of intervals the means' alone; all others are in the report.

    Hundreds of metrics on one run freeze MLflow's UI, hence the children. ``files`` (predictions, evaluation) go
    under ``evaluation/``, figures under ``plots/``. An evaluation that is repeated (after resume) takes the children's
    place.
    """
    mlflow = client(uri)
    bounds = {name for name in evaluation.metrics if name.endswith(("/low", "/high")) and "/mean/" not in name}
    log_metrics(uri, run_id, {name: value for name, value in evaluation.metrics.items() if name not in bounds})
    for file in files:
        mlflow.log_artifact(run_id, str(file), "evaluation")
    log_figures(uri, run_id, figures)
    rows = evaluation.table.to_pylist()
    columns = evaluation.table.column_names
    if MATRIX in {artifact.path for artifact in mlflow.list_artifacts(run_id, "evaluation")}:  # log_table would append
        mlflow.log_dict(run_id, {"columns": columns, "data": [list(row.values()) for row in rows]}, MATRIX)
    else:
        mlflow.log_table(run_id, {name: evaluation.table[name].to_pylist() for name in columns}, MATRIX)
    run = mlflow.get_run(run_id)
    experiment = mlflow.get_experiment(run.info.experiment_id).name
    children = mlflow.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'", max_results=5000)
    known = {child.data.tags.get("product_type"): child.info.run_id for child in children}
    for product_type in sorted({row["product_type"] for row in rows}):
        mine = [row for row in rows if row["product_type"] == product_type]
        tags = {"product_type": product_type, "dataset": run.data.tags.get("dataset", "")}
        child = known.get(product_type) or start_run(
            uri, experiment, product_type, {"product_type": product_type}, tags, parent=run_id
        )
        names = ("support", "accuracy", "recall_at_90p")
        metrics = {f"{escaped(row['attribute'])}/{name}": row[name] for row in mine for name in names}
        log_metrics(uri, child, metrics)
        end_run(uri, child)


def log_comparison(
    uri: str,
    run_id: str,
    comparison: Comparison,
    tables: Sequence[Table],
    folder: str | Path,
    figures: Mapping[str, Any],
) -> None:
    """Tables as Markdown and CSV (which the UI shows as tables), figures, and the overview as the description."""
    log_artifacts(uri, run_id, folder, "tables")
    log_figures(uri, run_id, figures)
    figures_of = (f"{r.name} {100 * r.evaluation.metrics['recall_at_90p/mean']:.1f}" for r in comparison.results)
    failed = (f"{name} failed" for name in comparison.failures)
    where = f" ({plain(SYNTHETIC_NOTICE)})" if comparison.sample_catalog else ""
    describe(uri, run_id, f"Recall@90P in %: {', '.join([*figures_of, *failed])}{where}\n\n{tables[0].markdown()}")
