"""Reads finished MLflow runs back for a comparison."""

from dataclasses import dataclass
from pathlib import Path

from moemoe.errors import ConfigError
from moemoe.registry.tracking import client
from moemoe.schemas import PREDICTIONS
from moemoe.table_parts import ListedParts

#: The folder of a run's predictions; earlier versions wrote a single file.
PREDICTIONS_FOLDER, CONTRACT_FILE = "evaluation/predictions", "contract.yaml"


@dataclass(frozen=True)
class FinishedRun:
    """A run: its name and origin, local copies of its predictions and contract, and the baselines' metrics."""

    run_id: str
    name: str
    experiment: str
    dataset: str
    model: str
    settings: str
    sample_catalog: bool
    predictions: ListedParts
    contract: Path
    baselines: dict[str, float]


def finished_runs(uri: str, run_ids: str, scratch: str | Path) -> list[FinishedRun]:
    """The runs with these comma-separated ids, their files under ``scratch``.

    Raises:
        ConfigError: there are fewer than two ids, a run does not exist or has no predictions, or datasets differ.
    """
    ids = list(dict.fromkeys(part for part in map(str.strip, run_ids.split(",")) if part))
    if len(ids) < 2:
        raise ConfigError(f"--runs is {run_ids!r}; a comparison needs two or more MLflow run ids, separated by commas")
    runs = [_finished_run(uri, run_id, Path(scratch) / run_id) for run_id in ids]
    for other in runs[1:]:
        if other.dataset != runs[0].dataset or other.sample_catalog != runs[0].sample_catalog:
            raise ConfigError(
                f"runs of different datasets cannot be compared: {runs[0].name} ({runs[0].run_id}) is of "
                f"{_dataset(runs[0])}, {other.name} ({other.run_id}) of {_dataset(other)}"
            )
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        raise ConfigError(f"runs of one name cannot be told apart in tables: {', '.join(names)}; rename them in MLflow")
    return runs


def _dataset(run: FinishedRun) -> str:
    return run.dataset + (" (sample catalog)" if run.sample_catalog else "")


def _finished_run(uri: str, run_id: str, folder: Path) -> FinishedRun:
    from mlflow.exceptions import MlflowException

    mlflow = client(uri)
    folder.mkdir(parents=True)
    try:
        run = mlflow.get_run(run_id)
    except MlflowException as error:
        raise ConfigError(f"MLflow has no run {run_id}") from error
    try:
        names = [file.path for file in mlflow.list_artifacts(run_id, "evaluation")]
        found = PREDICTIONS_FOLDER if PREDICTIONS_FOLDER in names else f"{PREDICTIONS_FOLDER}.parquet"
        predictions, contract = (
            Path(mlflow.download_artifacts(run_id, name, str(folder))) for name in (found, CONTRACT_FILE)
        )
    except Exception as error:  # stores differ in what they raise
        raise ConfigError(
            f"run {run.info.run_name} ({run_id}) cannot be compared: it has no {PREDICTIONS_FOLDER} and "
            f"{CONTRACT_FILE}; a finished run of a training has them"
        ) from error
    params, settings = run.data.params, run.data.params.get("settings", "")
    return FinishedRun(
        run_id=run_id,
        name=run.info.run_name or run_id,
        experiment=mlflow.get_experiment(run.info.experiment_id).name,
        dataset=run.data.tags.get("dataset", ""),
        model=params.get("model", ""),
        settings="" if settings == "none" else settings,
        sample_catalog=params.get("catalog") == "sample catalog",
        predictions=ListedParts(str(predictions).removesuffix(".parquet"), PREDICTIONS),
        contract=contract,
        baselines={name: value for name, value in run.data.metrics.items() if name.startswith("baseline/")},
    )
