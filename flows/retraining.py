"""A run that follows a champion: starts from its weights, and stops early where its data holds nothing new."""

from typing import Any

from deployment import notify
from metaflow import current, user_step_decorator
from metaflow.cards import Markdown

from moemoe.errors import ConfigError, StorageError
from moemoe.notifications import NOTHING_NEW
from moemoe.storage import join, publish

WARM_START = ("", "champion")


def find_champion(flow: Any, recipe: Any, scratch: str) -> None:
    """start: settles which champion this run follows, and puts its weights beside the run where it starts from them."""
    from moemoe.registry.trained_on import recorded_manifest
    from moemoe.registry.versions import CHAMPION, alias_of, fetch_version
    from moemoe.training.warm_start import check_warm_start

    if flow.warm_start not in WARM_START:
        raise ConfigError(f"warm-start is {flow.warm_start!r}; allowed is champion, or nothing")
    champion = alias_of(flow.tracking_uri, flow.model_name, CHAMPION)
    flow.champion_version = champion.version if champion else None
    flow.champion_manifest = recorded_manifest(flow.tracking_uri, champion.run_id) if champion else None
    flow.warm_start_uri = ""
    if flow.warm_start and champion:
        folder = fetch_version(flow.tracking_uri, champion, scratch)
        check_warm_start(folder, recipe)
        flow.warm_start_uri = publish(folder, join(flow.run_uri, "warm-start"))
        print(f"training starts from the weights of version {champion.version} of {flow.model_name}")
    elif flow.warm_start:
        print(f"{flow.model_name} has no champion yet; training starts from scratch")


def look_for_news(flow: Any) -> None:
    """manifest: tells what is new since the champion's data; ``flow.stopped_early`` where nothing is and it matters."""
    from moemoe.registry.trained_on import record_manifest

    record_manifest(flow.tracking_uri, flow.mlflow_run_id, flow.manifest_uri)
    message, anything = _news(flow)
    flow.stopped_early = flow.only_if_new and not anything
    if flow.stopped_early:
        message += "; the run ends here"
    current.card.append(Markdown(message))
    print(message)
    if flow.stopped_early:
        notify(flow, NOTHING_NEW, message)


def _news(flow: Any) -> tuple[str, bool]:
    """A sentence for people, and whether there is anything to train on that the champion has not seen."""
    from moemoe.shards.news import what_is_new

    if flow.champion_version is None:
        return "everything is new: there is no champion yet", True
    since = f"since the data of version {flow.champion_version} of {flow.model_name}"
    if flow.champion_manifest is None:
        return f"what is new {since} is not known: its run recorded no manifest", True
    try:
        news = what_is_new(flow.champion_manifest, flow.manifest_uri)
    except StorageError as error:
        return f"what is new {since} is not known: {error}", True
    return f"{since}, {news.message()}", news.anything


@user_step_decorator
def unless_stopped_early(step_name, flow, inputs):
    """Skips a step where the run has nothing to train on.

    No switch in the flow's graph, which Step Functions does not have.
    """
    if flow.stopped_early:
        yield {}
    else:
        yield
