"""A comparison beside its steps: its candidates, its parameters in MLflow, its last words."""

from typing import Any

import run_summary

from moemoe.evaluation.comparison import Candidate, pooled
from moemoe.storage import join


def folder(comparison_uri: str, system: str, fold: str = "") -> str:
    """Where a system of a comparison, or a fold of it, has its files."""
    names = [name.replace(" ", "-").replace(",", "") for name in (system, fold) if name]
    return join(comparison_uri, "systems", *names)


def candidates(tasks: Any, comparison_uri: str) -> list[Candidate]:
    """The systems that the tasks of the step evaluate trained, each fold's answers put together."""
    folds: dict[Any, list[Candidate]] = {}
    for task in tasks:
        folds.setdefault(task.system, []).append(_candidate(task))
    return [pooled(own, folder(comparison_uri, system.name)) for system, own in folds.items()]


def _candidate(task: Any) -> Candidate:
    """What a task has to compare, or the reason why it has nothing."""
    for place, failure in (("training", task.training_failure), ("evaluation", task.evaluation_failure)):
        if failure:
            where = " ".join(filter(None, ["in", place, task.fold and f"({task.fold})"]))
            return Candidate(task.system.name, task.system, failure=f"{where}: {reason(failure)}")
    baselines = {name: value for name, value in task.metrics.items() if name.startswith("baseline/")}
    return Candidate(task.system.name, task.system, task.predictions_path, task.training_minutes, baselines)


def reason(failure: Any) -> str:
    """A caught exception in one line: its first words and its last."""
    lines = [line.strip() for line in str(failure.exception).splitlines() if line.strip()] or [failure.type]
    return lines[0] if len(lines) == 1 else f"{lines[0]} {lines[-1]}"


def parameters(flow: Any) -> dict[str, Any]:
    """What MLflow shows as the comparison's parameters."""
    names = [candidate.name for candidate in flow.compared] if flow.runs else [s.name for s in flow.recipes]
    common = {"dataset": flow.compared_dataset, "model": "comparison", "systems": "; ".join(names)}
    if flow.runs:
        return {**common, "runs": flow.runs}
    given = {"epochs": flow.epochs or "the size's", "max_products": flow.max_products or "all", "folds": flow.folds}
    return {**common, "catalog": flow.catalog or "sample catalog", "size": flow.size, "seed": flow.seed, **given}


def where_everything_is(flow: Any) -> str:
    """The last words of a comparison."""
    return "\n".join(
        [
            flow.overview,
            f"tables            {flow.tables_uri}/tables.md",
            f"report            {flow.report_uri}",
            *run_summary.mlflow_ui(flow),
        ]
    )
