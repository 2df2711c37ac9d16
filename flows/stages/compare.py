"""CompareFlow: which systems or runs are compared, the folder and MLflow run of each, and their tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moemoe.contract.load import load_contract
from moemoe.errors import ConfigError
from moemoe.evaluation.comparison import Candidate, Comparison, compare, pooled
from moemoe.evaluation.paper import AS_LONG, PaperSystem, systems_of, tables_of
from moemoe.inference.answering import ANSWERING
from moemoe.labels.folds import check_folds
from moemoe.recipes import Recipe
from moemoe.recipes.comparison import recipe_to_compare
from moemoe.registry.code_version import git_commit
from moemoe.registry.finished_runs import FinishedRun, finished_runs
from moemoe.registry.run_results import log_comparison
from moemoe.registry.tracked_run import TrackedRun, run_name
from moemoe.registry.tracking import check_tracking, default_tracking_uri
from moemoe.reporting.comparison_plots import comparison_plots
from moemoe.reporting.comparison_report import comparison_report
from moemoe.reporting.comparison_tables import all_tables, write_tables
from moemoe.reporting.document import FAILURE, Document, Notice
from moemoe.reporting.html import page
from moemoe.reporting.identity import origin
from moemoe.run_folder import RunFolder
from moemoe.storage import fetch, join, publish
from stages.collect import find_catalog
from stages.options import DEFAULT_MODELS, CompareOptions, Options
from stages.preflight import check, images_to_collect
from stages.track import start_tracked_run
from stages.workspace import Workspace


@dataclass(frozen=True)
class Started:
    """A comparison that trains its systems, and its catalog's files; see ``stages.preflight.Started``."""

    recipes: dict[PaperSystem, Recipe]
    processes: int
    is_sample: bool
    contract_hash: str
    partitions: list[str]
    groups: list[list[int]]
    images: int
    compared_dataset: str
    tracked: TrackedRun


@dataclass(frozen=True)
class StartedWithRuns:
    """A comparison of finished runs."""

    compared: list[Candidate]
    is_sample: bool
    compared_dataset: str
    tracked: TrackedRun


@dataclass(frozen=True)
class Opened:
    """One system's folder and MLflow run, and the systems whose models are members of it."""

    folder: RunFolder
    tracked: TrackedRun
    taken: list[PaperSystem]


@dataclass(frozen=True)
class Compared:
    """Systems on the same test rows, the report on them, and its overview as Markdown."""

    comparison: Comparison
    document: Document
    overview: str


def start(
    space: Workspace, options: Options, asked: CompareOptions, metaflow_run: str, is_local: bool
) -> Started | StartedWithRuns:
    """Begins the comparison of finished runs if --runs names any, else that of systems to train.

    Raises:
        MoEMoEError: an error that would end the comparison later.
    """
    if asked.runs and (asked.models or asked.folds):
        raise ConfigError("--runs compares finished runs; leave out --models and --folds, or --runs")
    if asked.runs:
        return start_with_runs(space, asked, metaflow_run)
    return start_with_systems(space, options, asked, metaflow_run, is_local)


def start_with_systems(
    space: Workspace, options: Options, asked: CompareOptions, metaflow_run: str, is_local: bool
) -> Started:
    """Checks the systems that --models and --tables name, finds the catalog and opens the comparison's MLflow run."""
    check_folds(asked.folds)
    recipes = _recipes(options, asked)
    checked = check(options, recipes.values(), options.experiment, is_local)
    catalog = find_catalog(space, options, checked.contract)
    given = {
        "catalog": options.catalog or "sample catalog",
        "size": options.size,
        "seed": options.seed,
        "epochs": options.epochs or "the size's",
        "max_products": options.max_products or "all",
        "folds": asked.folds,
    }
    names = [system.name for system in recipes]
    tracked = _start(checked.tracking, options.experiment, options.dataset, names, given, metaflow_run)
    return Started(
        recipes, checked.processes, options.is_sample, checked.contract.hash, catalog.partitions, catalog.groups,
        images_to_collect(recipes.values()), options.dataset, tracked,
    )  # fmt: skip


def start_with_runs(space: Workspace, asked: CompareOptions, metaflow_run: str) -> StartedWithRuns:
    """Copies predictions and contract of the finished runs that --runs names, and opens the comparison's MLflow run."""
    tracking = default_tracking_uri()
    check_tracking(tracking)
    found = finished_runs(tracking, asked.runs, space.scratch)
    first = found[0]
    tables_of(first.dataset, asked.tables)
    space.folder.contract.publish(first.contract)
    compared = [_candidate_of_run(space.folder, run) for run in found]
    types = load_contract(first.contract).report_product_types
    compare(first.dataset, compared, types, first.sample_catalog, replicates=0)
    names = [candidate.name for candidate in compared]
    tracked = _start(tracking, first.experiment, first.dataset, names, {"runs": asked.runs}, metaflow_run)
    return StartedWithRuns(compared, first.sample_catalog, first.dataset, tracked)


def _recipes(options: Options, asked: CompareOptions) -> dict[PaperSystem, Recipe]:
    tables = tables_of(options.dataset, asked.tables) if asked.tables else []
    common = (options.size, options.weights or None, options.epochs or None, options.batch_size or None)
    recipes = {}
    for system in systems_of(asked.models or ("" if tables else DEFAULT_MODELS), tables):
        longer = system.settings == AS_LONG
        settings, as_long_as = ("", "moemoe") if longer else (system.settings, None)
        recipes[system] = recipe_to_compare(system.model, settings, as_long_as, *common)
    return recipes


def _candidate_of_run(folder: RunFolder, run: FinishedRun) -> Candidate:
    predictions = folder.system(run.run_id).predictions
    with predictions.writing() as writer:
        writer.write_all(run.predictions)
    return Candidate(run.name, PaperSystem(run.model, run.settings), predictions, baselines=run.baselines)


def _start(
    tracking: str, experiment: str, dataset: str, systems: Iterable[str], given: Mapping[str, Any], metaflow_run: str
) -> TrackedRun:
    params = {"dataset": dataset, "model": "comparison", "systems": "; ".join(systems), **given}
    tags = {"dataset": dataset, "metaflow_run": metaflow_run}
    return TrackedRun.start(tracking, experiment, run_name("comparison"), params, tags)


def trainings(recipes: Mapping[PaperSystem, Recipe], uris: Sequence[str]) -> list[tuple[PaperSystem, int, str]]:
    """What the step train does, in this order: on each manifest every system, committees after what they can take."""
    systems = sorted(recipes, key=lambda system: bool(recipes[system].members))
    return [(system, fold, uri) for fold, uri in enumerate(uris) for system in systems]


def open_system(
    space: Workspace,
    comparison: TrackedRun,
    system: PaperSystem,
    fold: str,
    recipes: Mapping[PaperSystem, Recipe],
    options: Options,
    processes: int,
    metaflow_run: str,
) -> Opened:
    """The folder of one system, or of a fold of it, with the comparison's contracts and how its catalog was read.

    Also the system's MLflow run, and of a committee the members that other systems of the comparison have trained.

    Args:
        recipes: of all systems.
    """
    folder, recipe = space.folder.system(system.name, fold), recipes[system]
    folder.contract.publish(space.contract.path)
    folder.given_contract.publish(space.given_contract.path)
    folder.reading.write_text(space.folder.reading.read_text())
    tags = {"comparison": comparison.run_id, "system": system.name, **({"fold": fold} if fold else {})}
    run = start_tracked_run(
        comparison.address, options.experiment, recipe, system.settings, options, processes, metaflow_run, tags
    )
    return Opened(folder, run, take_members(space, folder, recipe, recipes, fold))


def take_members(
    space: Workspace, committee: RunFolder, recipe: Recipe, recipes: Mapping[PaperSystem, Recipe], fold: str
) -> list[PaperSystem]:
    """Copies models of other systems to where a committee would train its members; returns those systems.

    They have a member's recipe, with the same seed and split, so the training would give the same model.
    """
    taken = []
    for member in recipe.members:
        same = [system for system, other in recipes.items() if other.to_dict() == member.to_dict()]
        folders = {system: space.folder.system(system.name, fold) for system in same}
        finished = [system for system in same if folders[system].trained_on.exists()]
        for system in finished[:1]:
            _copy_training(space, folders[system], committee.member(member.name))
            taken.append(system)
    return taken


def _copy_training(space: Workspace, trained: RunFolder, member: RunFolder) -> None:
    """Copies the files of a training, but not the temperature that evaluation fitted for the other system."""
    model = fetch(trained.model.uri, space.scratch)
    for file in (file for file in model.rglob("*") if file.is_file() and file.name != ANSWERING):
        publish(file, join(member.model.uri, file.relative_to(model).as_posix()))
    member.events.publish(fetch(trained.events.uri, space.scratch))
    if trained.training_quarantine.exists():
        member.training_quarantine.publish(fetch(trained.training_quarantine.uri, space.scratch))


def fold_name(fold: int, folds: int) -> str:
    """The name of a fold; empty without a cross-validation."""
    return f"fold {fold + 1} of {folds}" if folds else ""


def reason(failure: Any) -> str:
    """A caught exception in one line: its first words and its last."""
    lines = [line.strip() for line in str(failure.exception).splitlines() if line.strip()] or [failure.type]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


def failed(system: PaperSystem, failure: Any) -> Document:
    """The document of a system whose training failed."""
    return Document(f"{system.name} failed in training", [Notice(reason(failure), FAILURE)])


def candidates(tasks: Iterable[Any], comparison: RunFolder) -> list[Candidate]:
    """The systems that the tasks of the step evaluate trained, each fold's answers put together."""
    tasks = list(tasks)
    minutes = {(task.system, task.fold): getattr(task, "training_minutes", 0.0) for task in tasks}
    folds: dict[PaperSystem, list[Candidate]] = {}
    for task in tasks:
        of_members = sum(minutes[system, task.fold] for system in getattr(task, "taken", ()))
        folds.setdefault(task.system, []).append(_candidate_of_task(task, of_members))
    return [pooled(own, comparison.system(system.name).uri) for system, own in folds.items()]


def _candidate_of_task(task: Any, minutes_of_members: float) -> Candidate:
    """A task's result, or why it has none; its minutes include the training of members that it has taken over."""
    for step, failure in (("training", task.training_failure), ("evaluation", task.evaluation_failure)):
        if failure:
            where = " ".join(filter(None, ["in", step, task.fold and f"({task.fold})"]))
            return Candidate(task.system.name, task.system, failure=f"{where}: {reason(failure)}")
    baselines = {name: value for name, value in task.metrics.items() if name.startswith("baseline/")}
    predictions = task.folder.predictions
    minutes = task.training_minutes + minutes_of_members
    return Candidate(task.system.name, task.system, predictions, minutes, baselines)


def compare_systems(
    space: Workspace,
    tracked: TrackedRun,
    dataset: str,
    compared: Sequence[Candidate],
    tables: str,
    is_sample: bool,
) -> Compared:
    """Checks that all results are of the same test rows; writes tables, plots and the report.

    Args:
        tables: of the paper, as ``--tables`` names them.
    """
    comparison = compare(dataset, compared, space.contract.report_product_types, is_sample)
    paper = tables_of(dataset, tables)
    found, plots = all_tables(comparison, paper), comparison_plots(comparison, paper)
    written = write_tables(comparison, found, space.path("tables"))
    space.folder.comparison_tables.publish(written)
    log_comparison(tracked, comparison, found, written, plots)
    facts = origin(datetime.now(UTC).date().isoformat(), git_commit(), tracked.run_id)
    document = comparison_report(comparison, found, plots, facts)
    space.folder.comparison_report.write_text(page(document))
    return Compared(comparison, document, found[0].markdown())
