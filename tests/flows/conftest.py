"""Flows shared by tests of several files, each run once."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.flows import flow_environment, run_flow
from tests.support.mlflow_database import database
from tests.support.planted_secrets import SECRETS
from tests.support.scheduled_runs import ScheduledRuns, run_on_schedule
from tests.support.shoe_shop import Shop, open_shop

#: Has every step note what it imports, see there.
LOADED_HOOK = Path(__file__).parents[1] / "support" / "loaded"


@dataclass
class Trained:
    run: Any
    folder: Path
    tracking_uri: str
    loaded: Path


@pytest.fixture(scope="session")
def metaflow_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("metaflow")
    database(folder)
    os.environ |= {k: v for k, v in flow_environment(folder).items() if k.startswith("METAFLOW")}
    return folder


@pytest.fixture(scope="session")
def trained(metaflow_folder, tmp_path_factory) -> Trained:
    loaded = tmp_path_factory.mktemp("loaded")
    path = os.pathsep.join(filter(None, [str(LOADED_HOOK), os.environ.get("PYTHONPATH")]))
    running = run_flow(
        metaflow_folder,
        {**SECRETS, "PYTHONPATH": path, "MOEMOE_LOADED": str(loaded)},
        dataset="30pt",
        max_products=500,
        epochs=1,
        root=str(metaflow_folder / "root"),
        batch_size=16,
        promote_if="unmeasured",  # so few products are no measure
    )
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    return Trained(running.run, metaflow_folder, flow_environment(metaflow_folder)["MLFLOW_TRACKING_URI"], loaded)


@pytest.fixture(scope="session")
def scheduled(metaflow_folder, tmp_path_factory) -> ScheduledRuns:
    return run_on_schedule(metaflow_folder, tmp_path_factory.mktemp("scheduled"))


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Iterator[Shop]:
    with open_shop(tmp_path_factory.mktemp("shoes")) as shop:
        yield shop
