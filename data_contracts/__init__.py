"""The contracts of all datasets (a folder with a ``contract.yaml`` each), and the checks of data against them."""

from pathlib import Path

from data_contracts.check import (
    ContractReport,
    check_drift,
    check_labels,
    check_predictions,
    check_raw,
    check_shards,
)
from moemoe.contract.contract import Contract
from moemoe.contract.load import load_contract
from moemoe.errors import ConfigError
from moemoe.names import did_you_mean

__all__ = [
    "ContractReport",
    "check_drift",
    "check_labels",
    "check_predictions",
    "check_raw",
    "check_shards",
    "contract_path",
    "known_datasets",
    "load",
]

_FOLDER = Path(__file__).parent


def known_datasets() -> list[str]:
    """The datasets that have a contract here, sorted."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/contract.yaml"))


def contract_path(dataset: str) -> Path:
    """The path of the contract of ``dataset``. Raises ConfigError, with the known ones, if it is unknown."""
    known = known_datasets()
    if dataset not in known:
        raise ConfigError(f"there is no contract for dataset {dataset!r}{did_you_mean(dataset, known)}")
    return _FOLDER / dataset / "contract.yaml"


def load(dataset: str) -> Contract:
    """The contract of ``dataset``. Raises ConfigError (unknown) or ContractError (``file:line: ...``)."""
    return load_contract(contract_path(dataset))
