"""start, train, end: opens the MLflow run of a training, and closes it with the run's report and Data Docs."""

import tempfile
from collections.abc import Mapping
from typing import Any

from moemoe.recipes import Recipe
from moemoe.registry.tracked_run import TrackedRun, run_name
from moemoe.run_folder import PlainFile, RunFolder
from moemoe.storage import exists, fetch, join
from stages.options import Options


def start_tracked_run(
    tracking: str,
    experiment: str,
    recipe: Recipe,
    settings: str,
    options: Options,
    processes: int,
    metaflow_run: str,
    tags: Mapping[str, str] | None = None,
) -> TrackedRun:
    """The model's run in MLflow: a new one, or the run with these ``tags`` that a stopped task has left, reopened."""
    stopped = TrackedRun.reopen(tracking, experiment, tags) if tags else None
    own = {"dataset": options.dataset, "recipe": recipe.name, "metaflow_run": metaflow_run}
    return stopped or TrackedRun.start(
        tracking,
        experiment,
        run_name(recipe.name, *filter(None, [settings]), recipe.size),
        parameters(options, recipe, settings, processes),
        {**own, **(tags or {})},
    )


def parameters(options: Options, recipe: Recipe, settings: str, processes: int) -> dict[str, Any]:
    """A run's parameters in MLflow: all that recipes and runs differ in, except the dimensions of layers."""
    training, model = recipe.training, dict(recipe.model)
    sizes = {group: model.pop(group, {}) for group in ("text", "image")}
    experts = model.pop("experts", {})
    return {
        "dataset": options.dataset,
        "catalog": options.catalog or "sample catalog",
        "model": recipe.name,
        "size": recipe.size,
        "weights": sizes["text"].get("pretrained") or "scratch",
        "settings": settings or "none",
        "phases": " + ".join(recipe.phases),
        "limits": recipe.limits,
        "decoding": options.decoding,
        "withheld": options.withhold or "nothing",
        "unseen": options.unseen or "nothing",
        "epochs": " + ".join(map(str, recipe.epochs)),
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "load_balancing_weight": recipe.load_balancing_weight,
        "max_products": options.max_products or "all",
        "processes": processes,
        "seed": options.seed,
        "image": sizes["image"].get("name", "none"),
        "images": recipe.images,
        **{name: value for name, value in model.items() if not name.endswith("_length")},
        "experts": experts.get("num_experts", 0),
        **{f"experts.{name}": value for name, value in experts.items() if name != "num_experts"},
    }


def close_run(folder: RunFolder, tracked: TrackedRun, report: PlainFile) -> None:
    """Copies Data Docs and the report, if there is one, to MLflow under the same names; closes the MLflow run.

    The steps that check a catalog make no MLflow calls: importing MLflow takes longer than checking a small catalog.
    """
    _keep_data_docs(folder, tracked)
    if report.exists():
        tracked.log_text(report.read_text(), report.uri.rsplit("/", 1)[1])
    tracked.end()


def close_failed_run(folder: RunFolder, tracked: TrackedRun) -> None:
    """Closes the MLflow run as failed, then copies the Data Docs written so far."""
    tracked.end("FAILED")
    _keep_data_docs(folder, tracked)


def _keep_data_docs(folder: RunFolder, tracked: TrackedRun) -> None:
    for docs in (folder.data_docs, folder.label_docs, folder.shard_docs):
        if exists(join(docs.uri, "index.html")):
            with tempfile.TemporaryDirectory(prefix="moemoe-") as scratch:
                tracked.log_files(fetch(docs.uri, scratch), docs.uri.rsplit("/", 1)[1])
