"""MLflow takes seconds to make the tables of a database; a test begins with a copy of ones that are made."""

import tempfile
from functools import cache
from pathlib import Path

from moemoe.registry import tracking


def database(folder: Path) -> str:
    """The address of a database in ``folder``, as MLflow makes it at its first use."""
    path = folder / "mlflow.db"
    if not path.exists():
        path.write_bytes(_empty())
    return f"sqlite:///{path}"


@cache
def _empty() -> bytes:
    """Made once for all workers, whose temporary files lie in one folder."""
    kept = Path(tempfile.gettempdir()) / "empty-mlflow.db"
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="moemoe-") as folder:
            path = Path(folder) / "mlflow.db"
            tracking.check_tracking(f"sqlite:///{path}")
            path.replace(kept)
    return kept.read_bytes()
