"""What each step does, one file per stage: plain functions without Metaflow.

A stage reads from the run folder, calls the library, writes to the run folder, and returns a small frozen result. A
stage is imported when a step first names it (``stages.train``), so that ``--help`` waits for no torch and no MLflow.
"""

from importlib import import_module
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    """The stage ``name``, imported now."""
    try:
        return import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"there is no stage {name!r}") from error
