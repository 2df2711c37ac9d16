"""Scheduled runs after a champion: no new data, a reported warm start; notifications to a real webhook."""

import mlflow
from metaflow.cards import get_cards

from moemoe.training.events import read_events
from tests.support.flows import card_text
from tests.support.scheduled_runs import NAME, Scheduled


def phases(one: Scheduled) -> set[str]:
    return {event["phase"] for event in read_events(one.folder / "events.jsonl")}


def test_nothing_new_ends_early_and_well(scheduled):
    run, payloads = scheduled.nothing_new.run, scheduled.nothing_new.payloads
    assert "nothing is new" in card_text(get_cards(run["manifest"].task)[0].get())
    for step in ("train", "evaluate", "register"):
        assert not {"training_minutes", "metrics", "model_uri"} & set(vars(run[step].task.data)["_artifacts"]), step
    assert [p["kind"] for p in payloads] == ["nothing new"]
    assert payloads[0]["run"] == run.pathspec
    assert f"version 1 of {NAME}" in payloads[0]["message"]
    client = mlflow.MlflowClient(scheduled.tracking_uri)
    own = run["start"].task.data.tracked.run_id
    assert client.get_run(own).info.status == "FINISHED"
    assert own not in {version.run_id for version in client.search_model_versions(f"name = '{NAME}'")}


def test_something_new_starts_from_the_champion_and_a_refusal_is_told(scheduled):
    one, run = scheduled.relabelled, scheduled.relabelled.run
    news = card_text(get_cards(run["manifest"].task)[0].get())
    assert "new products, " in news
    assert phases(scheduled.first) == {"dense", "experts"}
    assert phases(one) == {"experts"}
    register = run["register"].task.data
    told = {p["kind"] for p in one.payloads}
    assert ("promotion refused" in told) is not register.promoted
    assert len(one.payloads) == len(told)  # each once
    manifest = run["manifest"].task.data
    tags = mlflow.MlflowClient(scheduled.tracking_uri).get_run(manifest.tracked.run_id).data.tags
    assert tags["manifest"] == manifest.manifest_uri


def test_a_failure_is_told_once_with_its_reason(scheduled):
    payloads = scheduled.refused.payloads  # of a qga, where the champion is a moemoe
    assert [p["kind"] for p in payloads] == ["failed"]
    assert payloads[0]["message"].startswith("step start: warm start: the champion is not of recipe qga")
    assert "resume --origin-run-id" in payloads[0]["what_to_do"]
