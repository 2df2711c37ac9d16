"""start, manifest: which champion a run follows, and whether its data hold anything new since then."""

from dataclasses import dataclass

import yaml

from moemoe.errors import ConfigError, StorageError
from moemoe.recipes import Recipe
from moemoe.registry.thresholds import training_run
from moemoe.registry.versions import CHAMPION, alias_of, fetch_version
from moemoe.shards.manifest_diff import diff_manifests
from moemoe.sources import images_read, named_sources
from stages.workspace import Workspace

WARM_START = ("", "champion")


@dataclass(frozen=True)
class Champion:
    """The version that a run follows.

    Args:
        words: "version 3 of moemoe-30pt".
        manifest: of the shards that it was trained on; None if its run recorded none.
        is_start: whether training starts from its weights, which then lie in the run folder.
        images: how many images of a product it reads.
    """

    words: str
    manifest: str | None
    is_start: bool
    images: int = 1


@dataclass(frozen=True)
class NewData:
    """The difference from the champion's data in a sentence, and whether there is none."""

    message: str
    is_nothing: bool


def find_champion(space: Workspace, tracking: str, name: str, recipe: Recipe, warm_start: str) -> Champion | None:
    """The champion of ``name``; its weights go into the run folder if training starts from them.

    Raises:
        ConfigError: a value of --warm-start that is not allowed, a champion that ``recipe`` does not describe, or one
            whose run is gone.
    """
    if warm_start not in WARM_START:
        raise ConfigError(f"warm-start is {warm_start!r}; allowed is champion, or nothing")
    champion = alias_of(tracking, name, CHAMPION)
    if champion is None:
        if warm_start:
            print(f"{name} has no champion yet; training starts from scratch")
        return None
    words = f"version {champion.version} of {name}"
    if warm_start:
        from moemoe.training.warm_start import check_warm_start  # imports torch, which other runs do not need here

        weights = fetch_version(tracking, champion, space.scratch)
        check_warm_start(weights, recipe)
        space.folder.warm_start.publish(weights)
        print(f"training starts from the weights of {words}")
    run = training_run(tracking, champion)
    run.check_kept(words)
    sources = yaml.safe_load(run.parameter("sources") or "[image]")  # named by the recipes that set them
    images = int(run.parameter("images") or images_read(named_sources(sources)))  # an earlier release has no "images"
    return Champion(words, run.manifest, bool(warm_start), images)


def check_for_new_data(champion: Champion | None, manifest_uri: str) -> NewData:
    """Compares the run's manifest with that of the champion."""
    if champion is None:
        return NewData("everything is new: there is no champion yet", False)
    since = f"since the data of {champion.words}"
    if champion.manifest is None:
        return NewData(f"what is new {since} is not known: its run recorded no manifest", False)
    try:
        diff = diff_manifests(champion.manifest, manifest_uri)
    except StorageError as error:
        return NewData(f"what is new {since} is not known: {error}", False)
    return NewData(f"{since}, {diff.message()}", not diff.anything)
