"""A copy of the code that a test may add to: a recipe, a contract of its own."""

import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def copy_project(folder: Path) -> Path:
    """``folder`` with what flows consist of, compiled as far as it is: else each process would compile it anew."""
    half_written = shutil.ignore_patterns("*.pyc.*")  # by another process, at this moment
    for name in ("moemoe", "data_contracts", "flows"):
        shutil.copytree(PROJECT / name, folder / name, ignore=half_written)
    return folder
