"""A bare GPU box: a few packages with their dependencies, no network."""

import os
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOOK = Path(__file__).parent / "bare_box"
PACKAGES = ("torch", "transformers", "timm", "pyarrow", "numpy", "pillow", "safetensors", "pyyaml")


def bare_environment() -> dict[str, str]:
    """Environment variables of a process that finds PACKAGES, what they require, and this project alone."""
    installed = closure(PACKAGES)
    modules = [
        module
        for module, distributions in packages_distributions().items()
        if installed & {canonicalize_name(name) for name in distributions}
    ]
    project = Path(__file__).parents[2]
    return {
        **os.environ,
        "PYTHONPATH": f"{HOOK}{os.pathsep}{project}",
        "MOEMOE_BARE_BOX": ",".join([*modules, "moemoe", "tests"]),
    }


def closure(packages: tuple[str, ...]) -> set[str]:
    """The packages and all that they require here, without their extras."""
    found: set[str] = set()
    waiting = [canonicalize_name(name) for name in packages]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:  # required elsewhere: a CUDA library
            continue
        needed = [Requirement(line) for line in lines]
        waiting += [canonicalize_name(r.name) for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return found
