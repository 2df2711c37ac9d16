"""The quality figures of RESULTS.md again, one after the other: test split, cross-validation, a withheld attribute.

``python -m tests.benchmarks.quality --catalog 'catalogs/*.parquet' [--root quality] [--only NAME,NAME] [--quick]``

Each measurement is a run of ``flows/compare_flow.py`` under a root of its own, to be looked at like any other. Run
the command again after a kill: what is finished is not run again, what is not goes on where it stopped. All of it takes
hours on two cores. ``--quick`` takes one epoch and 2,000 products, of the synthetic catalog where no other is named:
minutes, and figures that mean little.
"""

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FLOW = REPOSITORY / "flows" / "compare_flow.py"


@dataclass(frozen=True)
class Measurement:
    """A comparison: its parameters beside the common ones, and what it shows."""

    name: str
    parameters: tuple[str, ...]
    shows: str


MEASUREMENTS = (
    Measurement(
        "test-split",
        ("--models", "moemoe,tf-idf,committee"),
        "the default recipe, the baseline and both as a committee on the catalog's own test split; sources blanked",
    ),
    Measurement(
        "folds", ("--models", "moemoe,tf-idf,committee", "--folds", "5"), "the same in 5-fold cross-validation by group"
    ),
    Measurement(
        "withheld",
        ("--models", "moemoe,flan-t5,tf-idf,committee", "--withhold", "color"),
        "the words of all colours cut out of all texts: what the image alone tells",
    ),
)


def command(measurement: Measurement, folder: Path, catalog: str, quick: bool) -> list[str]:
    """What starts the measurement, or goes on with it where an earlier try has begun."""
    begun = folder / "run-id"
    python = [sys.executable, str(FLOW), "--quiet"]
    if begun.is_file():
        # a finished run has systems that failed: all are trained again, which goes on where each one stopped
        step = ["train"] if finished_tables(folder) else []
        return [*python, "resume", *step, "--origin-run-id", begun.read_text().strip()]
    parameters = [
        *measurement.parameters,
        "--dataset",
        "30pt",
        "--root",
        str(folder / "root"),
        "--run-id-file",
        str(begun),
    ]
    parameters += ["--catalog", catalog] if catalog else []
    parameters += ["--epochs", "1", "--max-products", "2000"] if quick else []
    return [*python, "run", *parameters]


def finished_tables(folder: Path) -> Path | None:
    """The tables of the measurement's run; None before it has written them."""
    return next(iter((folder / "root" / "runs").glob("*/tables/tables.md")), None)


def measure(measurement: Measurement, folder: Path, catalog: str, quick: bool) -> str:
    """The measurement's tables as Markdown, made now or by an earlier call.

    Raises:
        SystemExit: the flow or one of its systems failed; its own words stand above.
    """
    result = folder / "tables.md"
    if not result.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(folder.absolute())}
        environment.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder.absolute() / 'mlflow.db'}")
        if subprocess.run(command(measurement, folder, catalog, quick), env=environment, check=False).returncode:
            raise SystemExit(f"{measurement.name} did not finish; run the same command again to go on")
        tables = finished_tables(folder)
        assert tables is not None, "a flow that ends has written them"
        if " (failed)" in tables.read_text():
            raise SystemExit(f"a system of {measurement.name} failed; run the same command again to try it again")
        result.write_bytes(tables.read_bytes())
    return f"# {measurement.name}: {measurement.shows}\n\n{result.read_text()}"


def main() -> None:
    """Measures what is asked for, and prints each one's tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--catalog", default="", help="path, glob or s3://; empty: the synthetic catalog")
    parser.add_argument("--root", type=Path, default=Path(".moemoe-quality"), help="where all runs and results lie")
    known = [measurement.name for measurement in MEASUREMENTS]
    parser.add_argument("--only", default="", help=f"some of {', '.join(known)}; empty: all")
    parser.add_argument("--quick", action="store_true", help="one epoch, 2,000 products")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    if unknown := set(wanted) - {m.name for m in MEASUREMENTS}:
        parser.error(
            f"--only: {', '.join(sorted(unknown))} is unknown; known are {', '.join(m.name for m in MEASUREMENTS)}"
        )
    root = options.root / ("quick" if options.quick else "whole")
    for measurement in MEASUREMENTS:
        if not wanted or measurement.name in wanted:
            print(measure(measurement, root / measurement.name, options.catalog, options.quick), flush=True)


if __name__ == "__main__":
    main()
