"""Runs flows as a user does, each in its own folder."""

import base64
import os
import re
from pathlib import Path
from typing import Any

from tests.support.mlflow_database import database
from tests.support.warm_python import warm

FLOW = Path(__file__).parents[2] / "flows" / "train_flow.py"


def flow_environment(folder: Path) -> dict[str, str]:
    return {
        "METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder),
        "METAFLOW_DEFAULT_METADATA": "local",
        "METAFLOW_USER": "tests",
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "GX_ANALYTICS_ENABLED": "false",
    }


def run_flow(folder: Path, environment: dict[str, str] | None = None, flow: Path = FLOW, **parameters: Any) -> Any:
    """Runs a flow, TrainFlow by default, through Metaflow's Runner; ``.run`` and ``.status`` as Metaflow gives them."""
    database(folder)
    # Runner brings a typing_extensions of its own into typing, behind which torch._dynamo cannot be imported
    import torch._dynamo  # noqa: F401
    from metaflow import Runner

    env = {**os.environ, **flow_environment(folder), **(environment or {})}
    with warm():
        return Runner(str(flow), env=env, cwd=str(folder), show_output=False).run(**parameters)


def card_text(html: str) -> str:
    """What a Metaflow card shows, as JSON; its page carries it in base64."""
    [data] = re.findall(r'__MF_DATA__\["[^"]+"\] = "([^"]+)"', html)
    return base64.b64decode(data).decode()
