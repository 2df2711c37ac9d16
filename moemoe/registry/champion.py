"""The champion as a new run needs it: the data it was trained on, and its weights."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from moemoe.registry.tracking import client

#: The tag of a run that names the manifest of what it was trained on.
MANIFEST = "manifest"


@dataclass(frozen=True)
class Champion:
    """A registered model's champion: its version, and the manifest that its run recorded (None: it recorded none)."""

    name: str
    version: str
    manifest_uri: str | None


def find_champion(uri: str, name: str) -> Champion | None:
    """The present champion of the registered model ``name``; None where there is none yet."""
    from mlflow.exceptions import MlflowException

    mlflow = client(uri)
    try:
        version = mlflow.get_model_version_by_alias(name, "champion")
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # no such model; no such alias
            return None
        raise
    tags = mlflow.get_run(version.run_id).data.tags
    return Champion(name, str(version.version), tags.get(MANIFEST))


def fetch_model(uri: str, champion: Champion, scratch: str | Path) -> Path:
    """The champion's model folder (config, weights, tokenizer), copied under ``scratch``."""
    from mlflow.artifacts import download_artifacts

    client(uri)
    model = f"models:/{champion.name}/{champion.version}"
    local = download_artifacts(model, dst_path=tempfile.mkdtemp(dir=scratch), tracking_uri=uri)
    return Path(local) / "artifacts" / "model"


def record_manifest(uri: str, run_id: str, manifest_uri: str) -> None:
    """Says on a run which manifest it is trained on."""
    client(uri).set_tag(run_id, MANIFEST, manifest_uri)
