"""One trained flow for all tests that need one, in a folder of its own."""

import base64
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.faults.planted import SECRETS
from tests.support.mlflow_database import database

FLOW = Path(__file__).parents[2] / "flows" / "train_flow.py"
#: Has every step note what it has loaded, see there.
LOADED_HOOK = Path(__file__).parents[1] / "support" / "loaded"


@dataclass
class Trained:
    run: Any
    folder: Path
    tracking_uri: str
    loaded: Path


def flow_environment(folder: Path) -> dict[str, str]:
    return {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_USER": "tests",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "GX_ANALYTICS_ENABLED": "false",
    }


@pytest.fixture(scope="session")
def metaflow_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("metaflow")
    database(folder)
    os.environ |= {k: v for k, v in flow_environment(folder).items() if k.startswith("METAFLOW")}
    return folder


def run_flow(folder: Path, environment: dict[str, str] | None = None, flow: Path = FLOW, **parameters: Any) -> Any:
    """Runs a flow, TrainFlow by default, through Metaflow's Runner; ``.run`` and ``.status`` as Metaflow gives them."""
    from metaflow import Runner

    env = {**os.environ, **flow_environment(folder), **(environment or {})}
    return Runner(str(flow), env=env, cwd=str(folder), show_output=False).run(**parameters)


def card_text(html: str) -> str:
    """What a Metaflow card shows, as JSON; its page carries it in base64."""
    [data] = re.findall(r'__MF_DATA__\["[^"]+"\] = "([^"]+)"', html)
    return base64.b64decode(data).decode()


@pytest.fixture(scope="session")
def trained(metaflow_folder, tmp_path_factory) -> Trained:
    loaded = tmp_path_factory.mktemp("loaded")
    path = os.pathsep.join(filter(None, [str(LOADED_HOOK), os.environ.get("PYTHONPATH")]))
    running = run_flow(
        metaflow_folder,
        {**SECRETS, "PYTHONPATH": path, "MOEMOE_LOADED": str(loaded)},
        dataset="30pt",
        max_products=1000,
        epochs=1,
        root=str(metaflow_folder / "root"),
        batch_size=16,
    )
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    return Trained(running.run, metaflow_folder, flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"], loaded)
