"""Scheduled runs after a champion: nothing new, and a warm start that is told of; notifications to a real webhook."""

import json

import mlflow
import pytest
import yaml
from metaflow.cards import get_cards

from moemoe.training.events import read_events
from tests.support.flows import card_text, run_flow
from tests.support.hook import Hook


@pytest.fixture(scope="module")
def scheduled(trained, tmp_path_factory):
    """``scheduled(**parameters)``: a run as the schedule makes it after the champion of the trained run, from its
    weights; and the notifications that it sent.
    """
    config = tmp_path_factory.mktemp("config") / "schedule.yaml"
    config.write_text(yaml.safe_dump({"notify": {"url_from": "THE_WEBHOOK"}}))

    def run(**parameters):
        with Hook() as hook:
            environment = {
                "THE_WEBHOOK": hook.url, "METAFLOW_FLOW_CONFIG": json.dumps({"deployment": str(config)}),
            }  # fmt: skip
            running = run_flow(
                trained.folder, environment, dataset="30pt", root=str(trained.folder / "root"), batch_size=16, epochs=1,
                warm_start="champion", promote_if="unmeasured", **parameters,
            )  # fmt: skip
        return running, hook.payloads

    return run


def test_nothing_new_ends_early_and_well(trained, scheduled):
    client = mlflow.MlflowClient(trained.tracking_uri)
    versions = {v.version for v in client.search_model_versions("name = 'moemoe-30pt-sample'")}  # other tests' too
    champion = client.get_model_version_by_alias("moemoe-30pt-sample", "champion").version
    running, payloads = scheduled(max_products=500, only_if_new=True)
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    run = running.run
    assert "nothing is new" in card_text(get_cards(run["manifest"].task)[0].get())
    for step in ("train", "evaluate", "register"):
        assert not {"training_minutes", "metrics", "model_uri"} & set(vars(run[step].task.data)["_artifacts"]), step
    assert [p["kind"] for p in payloads] == ["nothing new"]
    assert payloads[0]["run"] == run.pathspec
    assert f"version {champion} of moemoe-30pt-sample" in payloads[0]["message"]
    assert {v.version for v in client.search_model_versions("name = 'moemoe-30pt-sample'")} == versions
    assert client.get_run(run["start"].task.data.tracked.run_id).info.status == "FINISHED"


def test_something_new_starts_from_the_champion_and_a_refusal_is_told(trained, scheduled):
    running, payloads = scheduled(max_products=550, only_if_new=True, seed=0)
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    run = running.run
    news = card_text(get_cards(run["manifest"].task)[0].get())
    assert "new products, " in news
    events = read_events(run["start"].task.data.folder.events.uri)
    assert {event["phase"] for event in events} == {"experts"}
    register = run["register"].task.data
    told = {p["kind"] for p in payloads}
    assert ("promotion refused" in told) is not register.promoted
    assert len(payloads) == len(told)  # each once
    manifest = run["manifest"].task.data
    tags = mlflow.MlflowClient(trained.tracking_uri).get_run(manifest.tracked.run_id).data.tags
    assert tags["manifest"] == manifest.manifest_uri


def test_a_failure_is_told_once_with_its_reason(scheduled):
    running, payloads = scheduled(model="qga", max_products=500)  # the champion is a moemoe
    assert running.status == "failed"
    assert [p["kind"] for p in payloads] == ["failed"]
    assert payloads[0]["message"].startswith("step start: warm start: the model to start from is not one of recipe qga")
    assert "resume --origin-run-id" in payloads[0]["what_to_do"]
