"""Registering a trained model: a version, the alias ``challenger``, and ``champion`` where it has earned it."""

import json
import math
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pyarrow as pa

from moemoe.registry.signature import THRESHOLDS
from moemoe.registry.tracking import client

REQUIREMENTS = ("torch", "torchvision", "transformers", "timm", "pyarrow", "numpy", "pillow", "pyyaml", "tqdm",
                "google-re2", "pandas", "safetensors")  # fmt: skip


@dataclass(frozen=True)
class Registration:
    """A registered version, its aliases, and why it got them."""

    model_uri: str
    version: str
    aliases: tuple[str, ...]
    reason: str


def register(
    uri: str,
    run_id: str,
    model_dir: str | Path,
    contract_path: str | Path,
    evaluation: pa.Table,
    name: str,
    mean_recall: float,
    champion_recall: Callable[[Path], float],
) -> Registration:
    """Logs the model under its run and registers it.

    Args:
        model_dir: the trained model's folder (config, weights, tokenizer).
        evaluation: EVALUATION, whose thresholds the model carries.
        mean_recall: the model's mean Recall@90P on test.
        champion_recall: gives a champion's mean Recall@90P on the **same** test rows, from its model folder.
    """
    mlflow = client(uri)
    version = _log_model(uri, run_id, model_dir, contract_path, evaluation, name)
    mlflow.set_registered_model_alias(name, "challenger", version)
    wins, reason = _compare(uri, name, mean_recall, champion_recall)
    if wins:
        mlflow.set_registered_model_alias(name, "champion", version)
    mlflow.set_model_version_tag(name, version, "decision", reason)
    return Registration(
        f"models:/{name}/{version}", version, ("challenger", "champion") if wins else ("challenger",), reason
    )


def thresholds_of(evaluation: pa.Table) -> dict[str, dict[str, float | None]]:
    """Product type -> attribute -> threshold chosen on validation, None where there is none (always abstain)."""
    found: dict[str, dict[str, float | None]] = {}
    for row in evaluation.to_pylist():
        threshold = row["threshold"]
        usable = threshold is not None and not math.isnan(threshold)
        found.setdefault(row["product_type"], {})[row["attribute"]] = threshold if usable else None
    return found


def _log_model(
    uri: str, run_id: str, model_dir: str | Path, contract_path: str | Path, evaluation: pa.Table, name: str
) -> str:
    import mlflow

    import moemoe
    from moemoe.registry import signature

    client(uri)
    mlflow.set_experiment(experiment_id=mlflow.get_run(run_id).info.experiment_id)
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        folder = Path(scratch) / "model"
        shutil.copytree(model_dir, folder)
        shutil.copyfile(contract_path, folder / "contract.yaml")
        (folder / THRESHOLDS).write_text(json.dumps(thresholds_of(evaluation), indent=2))
        with mlflow.start_run(run_id=run_id):
            info = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(Path(__file__).with_name("served_model.py")),
                code_paths=[str(Path(moemoe.__file__).parent)],
                artifacts={"model": str(folder)},
                signature=signature.signature(),
                input_example=signature.example(next(iter(thresholds_of(evaluation)))),
                pip_requirements=[f"{package}=={metadata.version(package).split('+')[0]}" for package in REQUIREMENTS],
                registered_model_name=name,
                await_registration_for=60,
            )
    return str(info.registered_model_version)


def _compare(uri: str, name: str, mean_recall: float, champion_recall: Callable[[Path], float]) -> tuple[bool, str]:
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        champion = client(uri).get_model_version_by_alias(name, "champion")
    except MlflowException:
        return True, "champion: there was none yet"
    with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
        try:
            local = download_artifacts(f"models:/{name}@champion", dst_path=scratch, tracking_uri=uri)
            theirs = champion_recall(Path(local) / "artifacts" / "model")
        except Exception as error:  # whatever is wrong with the champion, it is not replaced unseen
            return False, f"challenger: champion version {champion.version} could not be evaluated ({error})"
    versus = (
        f"mean Recall@90P {mean_recall:.4f} against {theirs:.4f} of version {champion.version} on the same test rows"
    )
    if mean_recall > theirs or (math.isnan(theirs) and not math.isnan(mean_recall)):
        return True, f"champion: {versus}"
    return False, f"challenger: {versus}"
