"""The ``moemoe`` command; ``python -m moemoe`` is the same where the package is not installed.

Each subcommand runs the function ``command`` of its module. The command line is parsed before that module is imported,
so that a usage error is reported at once. Exit code: 0; 1 after an error that the user can fix, reported in one
sentence; 2 if the command line itself is wrong.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

from moemoe import __version__
from moemoe.errors import MoEMoEError, first_line
from moemoe.names import did_you_mean
from moemoe.redaction import redacted

INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    """Reports a usage error in one sentence and suggests the option that was meant."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"moemoe: {message}; see {self.prog} --help\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        known = [name for name in self._option_string_actions if name.startswith("--")]
        for word in args or ():  # argparse would report missing arguments first
            option = word.partition("=")[0]
            if word.startswith("--") and not any(name.startswith(option) for name in known):
                self.error(f"unknown option {option!r}{did_you_mean(option, known)}")
        return super().parse_args(args, namespace)


def _catalog(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("catalog", metavar="CATALOG", help="path, folder, glob or s3://")
    parser.add_argument("--layout", default="auto", help="a layout by name; default: auto, recognised for each file")
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=THEIRS",
        help="the seller's name of one of our columns, e.g. title=Bezeichnung; may be repeated",
    )


def _convert(parser: argparse.ArgumentParser) -> None:
    _catalog(parser)
    parser.add_argument("--output", required=True, metavar="FILE", help="a new .parquet file")


def _profile(parser: argparse.ArgumentParser) -> None:
    _catalog(parser)
    parser.add_argument("--dataset", default="mine", help="the contract's name; default: mine")
    parser.add_argument(
        "--output", metavar="FILE", help="default: data_contracts/DATASET/contract.yaml of this project"
    )


def _contract(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("taxonomy", metavar="TAXONOMY", help="folder or file of the taxonomy, as published")
    parser.add_argument("--from", dest="source", required=True, choices=("shopify", "google", "gpc"))
    parser.add_argument(
        "--categories",
        action="append",
        default=[],
        metavar="PATH",
        help="e.g. 'Apparel & Accessories > Clothing > *'; may be given several times; default: all",
    )
    parser.add_argument("--dataset", default="mine", help="the contract's name; default: mine")
    parser.add_argument(
        "--output", metavar="FILE", help="default: data_contracts/DATASET/contract.yaml of this project"
    )


def _drift(parser: argparse.ArgumentParser) -> None:
    for run in ("before", "after"):
        parser.add_argument(run, metavar=run.upper(), help=f"folder or Parquet file with the labels of the run {run}")


def _train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shards", metavar="SHARDS", help="manifest.json of the shards, or its folder, here or on s3://")
    parser.add_argument("--output", required=True, help="folder or s3:// for checkpoint, events and model")
    parser.add_argument("--model", default="moemoe", help="a recipe by name; default: moemoe")
    parser.add_argument("--size", default="tiny", help="tiny, small or paper; default: tiny")
    parser.add_argument("--weights", help="scratch, or a T5 checkpoint by name or folder; default: the size's")
    parser.add_argument("--set", default="", help="further settings, e.g. 'experts.num_experts=16, training.epochs=2'")
    parser.add_argument("--epochs", type=int, help="per phase; default: the size's")
    parser.add_argument("--batch-size", type=int, help="in products, over all processes; default: the size's")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, order and noise; default: 0")
    parser.add_argument("--processes", type=int, help="default: one per GPU, else 1")
    parser.add_argument("--scratch", help="local folder for files from S3; default: in the system's temporary folder")
    parser.add_argument("--job-only", metavar="JOB.json", help="write the job for torchrun to this file; train nothing")


def _registered_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="registered model, e.g. moemoe-30pt")


def _thresholds(parser: argparse.ArgumentParser) -> None:
    _registered_model(parser)
    parser.add_argument(
        "--raise",
        dest="raised",
        action="append",
        default=[],
        metavar="TYPE/ATTRIBUTE=THRESHOLD",
        help="the new threshold, 0 to 1; may be given several times",
    )
    parser.add_argument(
        "--switch-off",
        action="append",
        default=[],
        metavar="TYPE/ATTRIBUTE",
        help="always abstain there; may be given several times",
    )
    parser.add_argument("--reason", default="by hand", help="kept with the version; default: by hand")


def _audit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("audit", metavar="AUDIT", help="the Parquet file of the audit, written by the backfill")
    parser.add_argument(
        "--verdicts",
        metavar="FILE",
        help="verdicts saved from the audit's page or by a spreadsheet; default: the audit's own column",
    )
    parser.add_argument("--apply", action="store_true", help="raise the thresholds of cells below 90 %% precision")


def _doctor(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", default=".moemoe", help="root of all runs: a folder or s3://; default: .moemoe")


@dataclass(frozen=True)
class Command:
    """A subcommand: the module with its ``command``, a one-line description, its arguments, and more help text."""

    module: str
    about: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    details: str = ""


COMMANDS = {
    "doctor": Command("moemoe.doctor", "check the environment, and say how to fix what is missing", _doctor),
    "profile": Command("moemoe.catalog.profile", "a first contract for a new catalog, to be edited", _profile),
    "contract": Command(
        "moemoe.contract.taxonomies.__main__",
        "a first contract from a published taxonomy, with its ids",
        _contract,
        "In PATH, * stands for any text and ? for one character, in any case.",
    ),
    "convert": Command("moemoe.catalog.convert", "a catalog in any layout as Parquet in our own schema", _convert),
    "drift": Command("moemoe.labels.drift", "how much the labels of two runs differ", _drift),
    "train": Command(
        "moemoe.training.__main__",
        "train a recipe on shards, without the pipeline",
        _train,
        "The trained model is written to OUTPUT/model; the same command again resumes from the last checkpoint.",
    ),
    "thresholds": Command(
        "moemoe.registry.thresholds",
        "show a champion's thresholds, raise them, switch attributes off",
        _thresholds,
        "Without options it shows them, and how many validation products each accepts. A change creates a new "
        "version, which becomes champion at once; `moemoe rollback NAME` undoes it.",
    ),
    "rollback": Command("moemoe.registry.rollback", "make the previous champion champion again", _registered_model),
    "audit": Command(
        "moemoe.registry.audit",
        "precision of the values that a backfill filled in, by people's verdicts",
        _audit,
        "--apply registers the champion again with raised thresholds (or attributes switched off); "
        "`moemoe rollback NAME` undoes it.",
    ),
}


def _parser() -> _Parser:
    """The parser of a command line without a subcommand, with help and version."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {name:{width}}  {command.about}" for name, command in COMMANDS.items())
    parser = _Parser(
        prog="moemoe",
        usage="moemoe COMMAND ...",
        description="Fills in missing product attributes.",
        epilog=f"commands:\n{lines}\n\nmoemoe COMMAND --help explains one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"moemoe {__version__}")
    return parser


def _parser_of(name: str) -> _Parser:
    command = COMMANDS[name]
    about = f"{command.about[0].upper()}{command.about[1:]}."
    parser = _Parser(prog=f"moemoe {name}", description=about, epilog=command.details)
    command.add_arguments(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a subcommand.

    Args:
        arguments: the subcommand and its arguments; the process's own by default.

    Returns:
        The exit code: 0, or 1 if ``doctor`` finds something missing.

    Raises:
        SystemExit: with one sentence, for an error that the user can fix (exit code 1) or a usage error (2).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0].startswith("-"):
        _parser().parse_args(words or ["--help"])
    if words[0] not in COMMANDS:
        _parser().error(f"unknown command {words[0]!r}{did_you_mean(words[0], COMMANDS)}")
    chosen = _parser_of(words[0]).parse_args(words[1:])
    try:
        return import_module(COMMANDS[words[0]].module).command(chosen) or 0
    except BrokenPipeError:  # e.g. `moemoe drift ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python reports an error on its last flush
        return 0
    except KeyboardInterrupt:
        print("moemoe: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if (said := _as_sentence(error)) is None:
            raise
        raise SystemExit(f"moemoe: {redacted(said)}") from None


def _as_sentence(error: Exception) -> str | None:
    """The message for an error that the user can fix; None for a bug of the program."""
    if isinstance(error, MoEMoEError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if type(error).__module__.partition(".")[0] in ("mlflow", "requests"):
        return f"MLflow failed ({first_line(error)})"
    return None


if __name__ == "__main__":
    sys.exit(main())
