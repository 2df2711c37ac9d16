"""start: checks parameters, machine and MLflow before the long work, then opens the run."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import data_contracts
from moemoe.contract.contract import Contract
from moemoe.errors import ConfigError
from moemoe.inference.answering import CANONICAL, check_decoding
from moemoe.recipes import Recipe, load_recipe
from moemoe.registry.gate import Rules
from moemoe.registry.tracked_run import TrackedRun
from moemoe.registry.tracking import check_model_name, check_tracking, default_tracking_uri
from moemoe.shards.sampler import check_batch_size
from moemoe.training.launch import check_processes, default_processes
from stages.collect import find_catalog
from stages.options import Options, TrainOptions
from stages.retrain import Champion, find_champion
from stages.track import start_tracked_run
from stages.workspace import Workspace


@dataclass(frozen=True)
class Checked:
    """The results of the checks: the contract as given, the number of training processes, MLflow's address."""

    contract: Contract
    processes: int
    tracking: str


@dataclass(frozen=True)
class Started:
    """A run of TrainFlow that has begun: its names and numbers, and its catalog's files.

    Args:
        recipe: ``Recipe.to_dict``.
        contract_hash: of the contract as given.
        partitions, groups: see ``stages.collect.FoundCatalog``.
        images: how many images of a product are collected: as many as the recipe reads, or the champion, which the gate
            shows the same products.
        champion: the version that the run follows, if there is one.
    """

    model_name: str
    recipe: dict[str, Any]
    processes: int
    is_sample: bool
    contract_hash: str
    partitions: list[str]
    groups: list[list[int]]
    images: int
    champion: Champion | None
    tracked: TrackedRun


def start_training(
    space: Workspace, options: Options, train: TrainOptions, metaflow_run: str, is_local: bool
) -> Started:
    """Checks everything, finds the catalog and the champion, and opens the MLflow run.

    Args:
        is_local: whether the training runs on this machine, so that its processes can be counted.

    Raises:
        MoEMoEError: an error that would end the run later.
    """
    Rules(train.promote_if)
    name = train.registered_name or options.experiment
    recipe = read_recipe(options, train)
    checked = check(options, [recipe], name, is_local)
    catalog = find_catalog(space, options, checked.contract)
    champion = find_champion(space, checked.tracking, name, recipe, train.warm_start)
    tracked = start_tracked_run(
        checked.tracking, name, recipe, train.settings, options, checked.processes, metaflow_run
    )
    images = max(images_to_collect([recipe]), champion.images if champion else 1)
    return Started(
        name, recipe.to_dict(), checked.processes, options.is_sample, checked.contract.hash, catalog.partitions,
        catalog.groups, images, champion, tracked,
    )  # fmt: skip


def images_to_collect(recipes: Iterable[Recipe]) -> int:
    """How many images of a product are collected for some recipes: as many as any of them reads, at least its first."""
    return max(1, *(recipe.images for recipe in recipes))


def read_recipe(options: Options, train: TrainOptions) -> Recipe:
    """The recipe that the command line names, with its changes. Raises ConfigError."""
    return load_recipe(
        train.model,
        options.size,
        options.weights or None,
        train.question_in or None,
        options.epochs or None,
        options.batch_size or None,
        train.settings,
    )


def check(options: Options, recipes: Iterable[Recipe], model_name: str, is_local: bool) -> Checked:
    """Checks parameters, contract, recipes, processes and MLflow.

    Raises:
        ConfigError, ContractError: the first that is wrong.
    """
    options.check_numbers()
    check_decoding(options.decoding)
    if options.decoding == CANONICAL and not any(recipe.generates for recipe in recipes):
        names = ", ".join(recipe.name for recipe in recipes)
        raise ConfigError(f"decoding is {CANONICAL}, but {names} generates no text; leave it out")
    contract = data_contracts.load(options.dataset)
    if contract.open is None:  # the names of an open contract are known only when the catalog has been read
        options.hidden(contract)
    processes = options.nproc or default_processes()
    if is_local:
        check_processes(processes)
    for recipe in recipes:
        check_batch_size(recipe.training.batch_size, processes * recipe.training.accumulation)
        recipe.check()
    tracking = default_tracking_uri()
    check_tracking(tracking)
    check_model_name(tracking, model_name)
    return Checked(contract, processes, tracking)
