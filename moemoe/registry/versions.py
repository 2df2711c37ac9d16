"""Finds, fetches and adds versions of a registered model."""

import io
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from moemoe.errors import ConfigError, StorageError
from moemoe.inference.thresholds import Thresholds
from moemoe.names import did_you_mean
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import client, with_password
from moemoe.systems import TRAINED
from moemoe.systems.saved import system_of

CHAMPION, CHALLENGER = "champion", "challenger"
REQUIREMENTS = ("torch", "torchvision", "transformers", "timm", "pyarrow", "numpy", "pillow", "simplejpeg", "pyyaml",
                "tqdm", "google-re2", "pint", "pandas", "safetensors")  # fmt: skip
OF_FITTED_SYSTEMS = ("scikit-learn", "scipy")
#: Where MLflow stores the artifact ``model`` that ``add_version`` logs.
MODEL_FOLDER = "artifacts/model"

#: The beginnings of the lines that MLflow prints for every registered version.
NOTICES = ("Successfully registered model", "Registered model", "Created version", "model loaded from")

_URI = re.compile(r"models:/([^/@]+)(?:@([^/@]+)|/(\d+))")


@dataclass(frozen=True)
class Version:
    """One version of a registered model and the run that made it."""

    name: str
    version: str
    run_id: str
    tags: Mapping[str, str]

    @property
    def uri(self) -> str:
        """The URI by which MLflow loads it."""
        return f"models:/{self.name}/{self.version}"

    @property
    def words(self) -> str:
        """Its name in tables: NAME/VERSION."""
        return f"{self.name}/{self.version}"


def find_version(uri: str, model: str) -> Version:
    """The version that ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION`` currently refers to.

    Raises:
        ConfigError: it has another form, or there is no such model, alias or version.
    """
    from mlflow.exceptions import MlflowException

    match = _URI.fullmatch(model)
    if match is None:
        raise ConfigError(
            f"{model!r} names no registered model; allowed are models:/NAME@ALIAS and models:/NAME/VERSION"
        )
    name, alias, number = match.groups()
    mlflow = client(uri)
    try:
        found = mlflow.get_model_version_by_alias(name, alias) if alias else mlflow.get_model_version(name, number)
    except MlflowException as error:
        versions = _versions_of(mlflow, name)
        if not versions:
            names = model_names(uri)
            raise ConfigError(f"no model {name!r} is registered in {uri}{did_you_mean(name, names)}") from error
        aliases = [alias for alias in (CHAMPION, CHALLENGER) if alias_of(uri, name, alias)]
        known = f"its versions are {', '.join(sorted(versions, key=int))}"
        with_aliases = f", its aliases {', '.join(aliases)}" if aliases else ", without an alias"
        raise ConfigError(f"{model} is not registered; {known}{with_aliases}") from error
    return _version(found)


def _versions_of(mlflow: Any, name: str) -> list[str]:
    quoted = name.replace("'", "")  # a registered model's name has no quotes
    return [str(found.version) for found in mlflow.search_model_versions(f"name = '{quoted}'")]


def model_names(uri: str) -> list[str]:
    """The names of the registered models, sorted, without locks."""
    found = client(uri).search_registered_models(max_results=1000)
    return sorted(model.name for model in found if not model.name.endswith(".lock"))


def no_champion(uri: str, name: str) -> str:
    """A message that ``name`` has no champion: there is no such model, or no version was promoted."""
    names = model_names(uri)
    if name in names:
        return f"{name} has no champion in {uri}: none of its versions was promoted"
    return f"no model {name!r} is registered in {uri}{did_you_mean(name, names)}"


def alias_of(uri: str, name: str, alias: str) -> Version | None:
    """The version with ``alias``, None if no version has it."""
    from mlflow.exceptions import MlflowException

    try:
        return _version(client(uri).get_model_version_by_alias(name, alias))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):  # no model; no such alias
            return None
        raise


def version_of_run(run: TrackedRun, name: str) -> Version | None:
    """The version that an earlier attempt of the same run has registered, None if there is none."""
    mine = run.mlflow.search_model_versions(f"name = '{name}' and run_id = '{run.run_id}'")
    return _version(max(mine, key=lambda v: int(v.version))) if mine else None


def fetch_version(uri: str, version: Version, scratch: str | Path, file: str = "") -> Path:
    """The version's model folder (weights, tokenizer, contract, thresholds, card), copied under ``scratch``.

    Args:
        file: a file in the folder, to copy only that one.

    Raises:
        StorageError: the folder that it was registered in is gone, or has no such file.
    """
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    client(uri)
    if place := _gone(uri, version):  # MLflow may copy nothing, without an error
        raise StorageError(
            f"the files of {version.uri} are not at {place}, where they were registered; if that folder was moved, "
            "move it back, or put a link to it there"
        )
    model = f"{version.uri}/{MODEL_FOLDER}"  # not the code beside it, which is hundreds of files
    wanted = f"{model}/{file}" if file else model
    folder = tempfile.mkdtemp(dir=scratch)
    try:
        return Path(download_artifacts(wanted, dst_path=folder, tracking_uri=with_password(uri)))
    except (MlflowException, OSError) as error:
        if not file:
            raise
        raise StorageError(f"{version.uri}: its {file} cannot be fetched ({error})") from error


def _gone(uri: str, version: Version) -> str | None:
    """The local folder that a version's files were registered in, if it is gone; else None."""
    place = client(uri).get_model_version_download_uri(version.name, version.version)
    if place.startswith("models:/"):  # a logged model: its files are with those of its run
        place = client(uri).get_logged_model(place.removeprefix("models:/")).artifact_location
    if urlparse(place).scheme not in ("", "file"):
        return None
    path = Path(url2pathname(urlparse(place).path)) if place.startswith("file:") else Path(place)
    return None if path.is_dir() else str(path)


def add_version(run: TrackedRun, name: str, model_dir: str | Path) -> Version:
    """Logs a whole model folder under its run and registers it; the version appears only once all files are stored."""
    import mlflow

    import moemoe
    from moemoe.registry import signature

    client(run.address)
    mlflow.set_experiment(experiment_id=mlflow.get_run(run.run_id).info.experiment_id)
    asked = Thresholds.load(model_dir).attributes()
    packages = (*REQUIREMENTS, *(() if system_of(model_dir) in TRAINED else OF_FITTED_SYSTEMS))
    with (
        tempfile.TemporaryDirectory(prefix="moemoe-") as scratch,
        mlflow.start_run(run_id=run.run_id),
        _without_notices(),
    ):
        code = Path(scratch) / "moemoe"
        shutil.copytree(Path(moemoe.__file__).parent, code, ignore=shutil.ignore_patterns("__pycache__"))
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(Path(__file__).with_name("served_model.py")),
            code_paths=[str(code)],
            artifacts={"model": str(model_dir)},
            signature=signature.signature(),
            input_example=signature.example(next(iter(asked))),
            pip_requirements=[f"{package}=={metadata.version(package).split('+')[0]}" for package in packages],
            registered_model_name=name,
            await_registration_for=60,
        )
    return _version(run.mlflow.get_model_version(name, str(info.registered_model_version)))


@contextmanager
def _without_notices() -> Iterator[None]:
    """Removes MLflow's notices about registered models from stderr, and passes on everything else."""
    said = io.StringIO()
    try:
        with redirect_stderr(said):
            yield
    finally:
        for line in said.getvalue().splitlines():
            if not line.startswith(NOTICES):
                print(line, file=sys.stderr)


def _version(found: Any) -> Version:
    return Version(found.name, str(found.version), found.run_id, dict(found.tags))
