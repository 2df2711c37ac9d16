"""Scheduled runs after a champion: nothing new, and a warm start that is told of; notifications to a real webhook."""

import json
from functools import partial

import mlflow
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from metaflow.cards import get_cards

import data_contracts
from moemoe.contract.text import fold
from moemoe.sample_catalog.write import write_sample_catalog
from moemoe.training.events import read_events
from tests.flows.conftest import card_text, run_flow
from tests.hook import Hook

pytestmark = pytest.mark.xdist_group("flow")


@pytest.fixture(scope="module")
def scheduled_as(metaflow_folder, tmp_path_factory):
    """``scheduled_as(**parameters)``: a run as the schedule makes it, and the notifications that it sent."""
    config = tmp_path_factory.mktemp("config") / "schedule.yaml"
    config.write_text(yaml.safe_dump({"notify": {"url_from": "THE_WEBHOOK"}}))

    def run(**parameters):
        with Hook() as hook:
            environment = {
                "THE_WEBHOOK": hook.url, "METAFLOW_FLOW_CONFIG": json.dumps({"deployment": str(config)}),
            }  # fmt: skip
            running = run_flow(metaflow_folder, environment, dataset="30pt", **parameters)
        return running, hook.payloads

    return run


@pytest.fixture(scope="module")
def scheduled(trained, scheduled_as):
    """The same after the champion of the trained run, from its weights."""
    root = str(trained.folder / "root")
    return partial(scheduled_as, root=root, batch_size=16, epochs=1, warm_start="champion")


def test_nothing_new_ends_early_and_well(trained, scheduled):
    client = mlflow.MlflowClient(trained.tracking_uri)
    versions = {v.version for v in client.search_model_versions("name = 'moemoe-30pt-sample'")}  # other tests' too
    champion = client.get_model_version_by_alias("moemoe-30pt-sample", "champion").version
    running, payloads = scheduled(max_products=1000, only_if_new=True)
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
    running, payloads = scheduled(max_products=1100, only_if_new=True, seed=0)
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
    running, payloads = scheduled(model="qga", max_products=1000)  # the champion is a moemoe
    assert running.status == "failed"
    assert [p["kind"] for p in payloads] == ["failed"]
    assert payloads[0]["message"].startswith("step start: warm start: the model to start from is not one of recipe qga")
    assert "resume --origin-run-id" in payloads[0]["what_to_do"]


def test_labels_that_drift_between_two_scheduled_runs_are_told_of_once(metaflow_folder, scheduled_as, tmp_path):
    """The same kurtas twice; before the second run somebody has relabelled the colour of all of them."""
    contract = data_contracts.load("30pt")
    table = pq.read_table(write_sample_catalog(tmp_path / "all.parquet", 800, seed=7))
    types = contract.product_type_aliases()
    table = table.filter(pa.array([types.get(fold(raw or "")) == "kurta" for raw in table["product_type"].to_pylist()]))
    catalog, place = tmp_path / "catalog.parquet", table.schema.get_field_index("attributes")
    colors = set(contract.attributes["color"].keys)

    def run(labels):
        kind = table.schema.field(place).type
        pq.write_table(table.set_column(place, "attributes", pa.array(labels, kind)), catalog)
        running, payloads = scheduled_as(
            catalog=str(catalog), root=str(tmp_path / "root"), model="tf-idf", registered_name="moemoe-drift",
            only_if_new=True,
        )  # fmt: skip
        assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
        return running.run, [payload for payload in payloads if payload["kind"] == "drift"]

    labels = table["attributes"].to_pylist()
    _, told = run(labels)
    assert told == []
    changed, told = run([[(key, "Red" if key in colors else value) for key, value in pairs] for pairs in labels])
    [drift] = told
    assert drift["run"] == changed.pathspec
    assert "values of color drift by a PSI of at most 0.25" in drift["message"]
    assert "values of material" not in drift["message"]
    assert f"card view {changed.pathspec}/split" in drift["what_to_do"]
    measured = changed["split"].task.data.folder.drift.read().to_pylist()
    assert max(row["psi"] or 0 for row in measured) > 0.25
