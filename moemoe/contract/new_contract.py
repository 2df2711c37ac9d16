"""Writes the first contract of a dataset, for a person to edit: chooses its file, and lists the next commands."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from moemoe.errors import ConfigError, StorageError
from moemoe.storage import local_file

#: Where flows find a dataset's contract.
CONTRACTS = Path(__file__).parents[2] / "data_contracts"
#: Missing markers of most catalogs: raw labels that mean no value.
MISSING = ("NA", "N/A", "Not Applicable", "Not Specified", "None", "Null", "-", "Unknown", "Other", "Others")

_DATASET = re.compile(r"\w[\w.\-]*")


def output_of(dataset: str, output: str | None) -> Path:
    """The file for a new contract: ``output``, else the dataset's own.

    Raises:
        ConfigError: the dataset's name is not allowed, or the file exists already.
    """
    if not _DATASET.fullmatch(dataset):
        raise ConfigError(f"--dataset is {dataset!r}; allowed are letters, digits, '.', '_' and '-'")
    file = local_file("--output", output) if output else _own(dataset)
    if file.exists():
        raise ConfigError(f"{file} exists; give another --dataset or --output")
    return file


def write_new(file: Path, text: str) -> None:
    """Writes a file that does not exist yet.

    Raises:
        StorageError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror}") from error


def next_commands(catalog: str, dataset: str, file: Path, options: Sequence[str] = ()) -> str:
    """The next commands for a user: edit the contract, move it to where flows look, train with ``options``."""
    own = _own(dataset)
    flow = os.path.relpath(CONTRACTS.parent / "flows" / "train_flow.py")
    run = ["python", flow, "run", "--dataset", dataset, "--catalog", catalog, *options]
    lines = [f"edit it: {shlex.quote(str(file))}; then"]
    if file.absolute() != own.absolute():
        lines += [shlex.join(["mkdir", "-p", str(own.parent)]), shlex.join(["cp", str(file), str(own)])]
    return "\n".join([*lines, shlex.join(run)])


def _own(dataset: str) -> Path:
    return CONTRACTS / dataset / "contract.yaml"
