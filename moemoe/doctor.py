"""``moemoe doctor``: checks the environment, and says how to fix what is missing.

Metaflow and Great Expectations are checked without importing them, as the library imports neither.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from moemoe import __version__
from moemoe.cli import main
from moemoe.errors import MoEMoEError, first_line
from moemoe.redaction import redacted

PYTHONS = ((3, 11), (3, 12))
#: The minimum of free bytes for shards, checkpoints and a model.
LEAST_FREE = 2 * 2**30
INSTALL = "pip install -c constraints.txt -e '.[flows]'"


@dataclass(frozen=True)
class Finding:
    """A line of the table: what was checked, what was found, and how to fix it (empty if nothing is wrong)."""

    what: str
    found: str
    to_do: str = ""


def command(chosen: argparse.Namespace) -> int:
    """Prints the table; 1 if something that is needed is missing."""
    findings = [_looked_at(what, check) for what, check in checks(chosen.root).items()]
    print(as_text(findings))
    missing = [finding.what for finding in findings if finding.to_do]
    print(f"\n{len(missing)} to fix: {', '.join(missing)}" if missing else "\nnothing that a run needs is missing")
    return 1 if missing else 0


def checks(root: str) -> dict[str, Callable[[], Finding]]:
    """Every check by the name of its line."""
    return {
        "Python": python,
        "moemoe": installed,
        "torch": torch_found,
        "CUDA": cuda,
        "image weights": image_weights,
        "MLflow": mlflow,
        "root": lambda: root_writable(root),
        "free disk": lambda: free_disk(root),
        "Metaflow": lambda: distribution("metaflow", "Metaflow"),
        "Metaflow profile": metaflow_profile,
        "Metaflow user": metaflow_user,
        "Great Expectations": lambda: distribution("great_expectations", "Great Expectations"),
    }


def _looked_at(what: str, check: Callable[[], Finding]) -> Finding:
    """The result of ``check``; an exception, e.g. of a package that cannot be imported, is a finding too."""
    try:
        return check()
    except Exception as error:
        said = f"{type(error).__name__}: {redacted(first_line(error))}"
        return Finding(what, said, f"install it again: {INSTALL}")


def python() -> Finding:
    """Whether the pinned packages support this version of Python."""
    allowed = " or ".join(f"{major}.{minor}" for major, minor in PYTHONS)
    known = sys.version_info[:2] in PYTHONS
    return Finding("Python", sys.version.split()[0], "" if known else f"make the environment with Python {allowed}")


def installed() -> Finding:
    """Whether all requirements of the package and its extra ``flows`` are installed in an allowed version."""
    from packaging.requirements import Requirement

    try:
        needed = [Requirement(line) for line in requires("moemoe") or ()]
    except PackageNotFoundError:
        return Finding("moemoe", f"{__version__}, not installed", f"in the project's folder: {INSTALL}")
    wrong = []
    for each in needed:
        if each.marker is None or each.marker.evaluate({"extra": "flows"}):
            try:
                if not each.specifier.contains(found := version(each.name), prereleases=True):
                    wrong.append(f"{each.name} {found} is not {each.specifier}")
            except PackageNotFoundError:
                wrong.append(f"{each.name} is missing")
    return Finding("moemoe", "; ".join([__version__, *wrong]), INSTALL if wrong else "")


def torch_found() -> Finding:
    """Whether torch can be imported."""
    import torch

    return Finding("torch", torch.__version__)


def cuda() -> Finding:
    """The GPUs that torch sees; having none is fine, unless the machine has one."""
    import torch

    if count := torch.cuda.device_count():
        return Finding("CUDA", f"{torch.version.cuda}, {count} x {torch.cuda.get_device_name(0)}")
    if shutil.which("nvidia-smi"):
        return Finding("CUDA", "torch sees no GPU, but the machine has a driver", "install torch's build for CUDA")
    return Finding("CUDA", "no GPU; training runs on the CPU")


def image_weights() -> Finding:
    """Whether the package with the weights of size tiny's image encoder is installed, with the right checksum."""
    from moemoe.vision.weights import INSTALL, PACKAGE_NAME, PACKAGE_VERSION, package_file

    try:
        package_file()
    except MoEMoEError as error:
        return Finding("image weights", str(error).partition(";")[0], INSTALL)
    return Finding("image weights", f"{PACKAGE_NAME} {PACKAGE_VERSION}")


def mlflow() -> Finding:
    """Whether MLflow answers at its address; a missing SQLite file is created by the first run."""
    from moemoe.registry.tracking import check_tracking, default_tracking_uri

    uri = default_tracking_uri()
    said = f"{version('mlflow')} at {uri}"
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).exists():
        return Finding("MLflow", f"{said}, made by the first run")
    try:
        check_tracking(uri)
    except MoEMoEError as error:
        problem, _, to_do = str(error).partition("; ")
        return Finding("MLflow", redacted(problem), to_do)
    return Finding("MLflow", f"{said} answers")


def root_writable(root: str) -> Finding:
    """Whether a file can be written where a run would write its files."""
    from moemoe.storage import absolute, is_s3, join, remove, write_bytes

    where = root
    to_do = "give flows a --root that you may write to"
    try:
        where = absolute(root)
        if is_s3(where):
            probe = join(where, f"doctor-{os.getpid()}")
            write_bytes(probe, b"")
            remove(probe)
        else:
            with tempfile.TemporaryFile(dir=_nearest(where)):
                pass
    except (MoEMoEError, OSError) as error:
        return Finding("root", redacted(f"{where}: {getattr(error, 'strerror', None) or error}"), to_do)
    return Finding("root", f"{where} can be written")


def free_disk(root: str) -> Finding:
    """Whether the disk of the root, or that of scratch files if the root is on S3, has room for a run."""
    where = tempfile.gettempdir() if root.startswith("s3://") else root
    free = shutil.disk_usage(_nearest(where)).free
    to_do = f"make room, or give flows another --root; {LEAST_FREE >> 30} GiB are little" if free < LEAST_FREE else ""
    return Finding("free disk", f"{free / 2**30:,.1f} GiB at {_nearest(where)}", to_do)


def _nearest(path: str) -> Path:
    """``path``, or the nearest folder above it that exists."""
    where = Path(path).expanduser().absolute()
    return next(folder for folder in (where, *where.parents) if folder.exists())


def distribution(package: str, name: str) -> Finding:
    """Whether a package is installed, without importing it."""
    try:
        return Finding(name, version(package))
    except PackageNotFoundError:
        return Finding(name, "not installed", f"flows need it: {INSTALL}")


def metaflow_profile() -> Finding:
    """Which of Metaflow's configurations applies, and whether its file exists."""
    profile = os.environ.get("METAFLOW_PROFILE")
    home = Path(os.environ.get("METAFLOW_HOME", "~/.metaflowconfig")).expanduser()
    path = home / (f"config_{profile}.json" if profile else "config.json")
    if path.is_file():
        return Finding("Metaflow profile", f"{profile or 'default'}, {path}")
    if profile:
        to_do = f"`metaflow configure` it, or unset METAFLOW_PROFILE; {path} is missing"
        return Finding("Metaflow profile", f"{profile} has no file", to_do)
    folder = os.environ.get("METAFLOW_DATASTORE_SYSROOT_LOCAL")
    return Finding("Metaflow profile", f"none; runs are kept in {folder or '.'}/.metaflow/")


def metaflow_user() -> Finding:
    """The user under which Metaflow stores runs; flows set one for root and for nobody."""
    names = ("METAFLOW_USER", "SUDO_USER", "USERNAME", "USER")
    user = next((name for name in map(os.environ.get, names) if name not in (None, "", "root")), None)
    if user is None and os.environ.get("USERNAME") == "root":
        return Finding("Metaflow user", "root, whom Metaflow refuses", "export METAFLOW_USER=your-name")
    return Finding("Metaflow user", user or "moemoe, set by the flows")


def as_text(findings: list[Finding]) -> str:
    """The table with aligned columns."""
    rows = [("", "what", "found", "to do"), *(("!" if f.to_do else "ok", f.what, f.found, f.to_do) for f in findings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


if __name__ == "__main__":
    sys.exit(main(["doctor", *sys.argv[1:]]))
