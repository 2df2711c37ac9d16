"""The whole TrainFlow and CompareFlow as compiled workflows: their results equal a local run's, bit by bit."""

import csv
import gzip
import io
import re
from pathlib import Path

import pytest

from moemoe.registry import tracking
from moemoe.schemas import PREDICTIONS
from moemoe.storage import join, read_bytes
from moemoe.table_parts import ListedParts
from tests.support.argo_cluster import BUCKET, killing_once
from tests.support.flows import FLOW, run_flow
from tests.support.small_flow import NAME, SETTINGS, STEPS, SmallFlow, read_result
from tests.support.warm_python import warm_python
from tests.support.whole_runs import assert_same

pytestmark = pytest.mark.argo
SYSTEMS = ("tf-idf", "knn")


@pytest.fixture(scope="module")
def local(tmp_path_factory) -> SmallFlow:
    """The flow on this machine, which runs once."""
    return SmallFlow(tmp_path_factory.mktemp("local"), warm_python())


@pytest.fixture(scope="module")
def catalog(place, local) -> str:
    return place.put(local.catalog, "catalog/part-0.parquet")


@pytest.fixture(scope="module")
def train(place, catalog):
    parameters = {"catalog": catalog, "root": f"s3://{BUCKET}/moemoe", "epochs": 1, "batch-size": 16, "set": SETTINGS}
    parameters["promote-if"] = "unmeasured"  # so few products are no measure
    return place.deploy("train", parameters=parameters, steps={"train": {"retries": 1}})


@pytest.fixture(scope="module")
def trained(place, train):
    """A run of TrainFlow whose training is killed after its first steps."""
    outcome = place.run(train, killing_once("train", "phase, epoch"))
    assert outcome.state == "Succeeded", outcome.told()
    return outcome


def test_a_compiled_training_ends_in_the_champion_of_a_local_run(trained, local, place):
    status, said = local.run()
    assert status == 0, said[-5000:]
    assert_same(read_result(place.tracking_uri, f"s3://{BUCKET}/moemoe/runs/argo-{trained.name}"), local.result())
    for uri in (place.tracking_uri, local.tracking_uri):
        assert str(tracking.client(uri).get_model_version_by_alias(NAME, "champion").version) == "1"  # a database has 1


def test_every_step_ran_once_but_for_the_one_that_was_killed(trained):
    for step in STEPS:
        [node] = trained.of(step)
        assert [attempt.status for attempt in node.attempts] == ([-9, 0] if step == "train" else [0]), step


def test_a_store_that_loses_an_artifact_ends_the_task_that_needs_it(place, train):
    """Metaflow's own files; what our stages keep is named by them, see ``test_workflow_runs``."""

    def lose(template, attempt, pod, line):
        if template == "collect" and "Task is starting." in line:
            place.delete([key for key in place.keys("metaflow/TrainFlow/data/") if key != package_key(train)])

    before = len(place.hook.payloads)
    outcome = place.run(train, lose, root=f"s3://{BUCKET}/other")
    assert outcome.state == "Failed"
    [collect] = outcome.of("collect")
    assert re.search(r"Stopped: the artifact \S+ of an earlier task is lost", collect.attempts[-1].log)
    [told] = place.hook.payloads[before:]
    assert told["run"] == f"TrainFlow/argo-{outcome.name}"
    assert "cannot be read" in told["message"]


@pytest.mark.parametrize(
    ("packing", "message"),
    [
        (None, "Failed to download code package from s3://{0} after 6 tries."),
        (gzip, "the code package at s3://{0} has the SHA-1 "),
    ],
)
def test_a_code_package_that_is_gone_or_another_s_ends_the_first_task(place, train, packing, message):
    key = package_key(train)
    package = place.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    try:
        if packing is None:
            place.delete([key])
        else:  # the same files, packed otherwise
            place.s3.upload_fileobj(io.BytesIO(packing.compress(packing.decompress(package), 1)), BUCKET, key)
        outcome = place.run(train)
    finally:
        place.s3.upload_fileobj(io.BytesIO(package), BUCKET, key)
    [start] = outcome.of("start")
    assert outcome.state == "Failed"
    assert message.format(f"{BUCKET}/{key}") in start.attempts[-1].log


def package_key(compiled) -> str:
    """The key of the code package that a workflow's tasks download."""
    [start] = [template for template in compiled["spec"]["templates"] if template["name"] == "start"]
    [url] = [item["value"] for item in start["container"]["env"] if item["name"] == "METAFLOW_CODE_URL"]
    return url.removeprefix(f"s3://{BUCKET}/")


def test_a_compiled_comparison_ends_in_the_tables_of_a_local_run(place, local, catalog):
    asked = {"models": ",".join(SYSTEMS), "epochs": 1}
    compiled = place.deploy("compare", parameters={**asked, "catalog": catalog, "root": f"s3://{BUCKET}/compared"})
    outcome = place.run(compiled)
    assert outcome.state == "Succeeded", outcome.told()
    assert {node.state for node in outcome.of("compare")} == {"Succeeded"}
    assert len([node for node in outcome.of("train") if node.attempts]) == len(SYSTEMS)
    running = run_flow(
        local.folder, {}, FLOW.with_name("compare_flow.py"), catalog=str(local.catalog),
        root=str(local.folder / "compared"), **asked,
    )  # fmt: skip
    assert running.status == "successful", running.stdout[-3000:] + running.stderr[-3000:]
    [there] = Path(local.folder, "compared", "runs").iterdir()
    here = f"s3://{BUCKET}/compared/runs/argo-{outcome.name}"
    for name in ("table-1.csv", "cells.csv"):
        assert table(join(here, "tables", name)) == table(str(there / "tables" / name))
    for system in SYSTEMS:
        mine, its = (ListedParts(join(root, "systems", system, "predictions"), PREDICTIONS).read()
                     for root in (here, str(there)))  # fmt: skip
        assert mine.equals(its)


def table(uri: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(read_bytes(uri).decode())))
