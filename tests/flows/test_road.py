"""The whole way from a new catalog to filled values: profile, edit, run, read the report, backfill."""

import html
import os
import shlex
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from moemoe.contract.load import load_contract
from moemoe.registry import tracking
from moemoe.registry.versions import CHAMPION, alias_of
from moemoe.schemas import CATALOG
from tests.support.flows import flow_environment
from tests.support.project_copy import copy_project
from tests.support.warm_python import warm_python

TYPES = ("Men's T-Shirts", "tops/tees")
COLORS, FABRICS = ("Red", "Blue", "Green"), ("Cotton", "Silk")


def catalog(path: Path) -> Path:
    """Names that MLflow's metrics do not allow; what is asked is said in the title."""
    rows = []
    for i in range(400):
        color, fabric = COLORS[i % 3], FABRICS[i % 2]
        rows.append(
            {
                "product_id": f"p{i}",
                "product_type": TYPES[i // 3 % 2],
                "title": f"{color} {fabric} shirt number {i} of shop {i * 7919 % 1000}",
                "attributes": [("Colour (main)", color), ("Fabric / cloth", fabric)] if i % 10 else [],
            }
        )
    pq.write_table(pa.Table.from_pylist(rows, CATALOG), path)
    return path


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """A copy of the project beside an empty folder with a blank in its name, in which a user works."""
    folder = tmp_path_factory.mktemp("road")
    copy_project(folder / "project")
    work = folder / "a shop"
    work.mkdir()

    def do(command: str, succeeds: bool = True) -> str:
        """Runs a command as it was printed, in the user's folder."""
        words = shlex.split(command)
        words[:1] = {"python": [warm_python()], "moemoe": [warm_python(), "-m", "moemoe"]}.get(words[0], words[:1])
        env = {**os.environ, **flow_environment(work), "PYTHONPATH": str(folder / "project")}
        done = subprocess.run(words, env=env, cwd=work, capture_output=True, text=True, timeout=3600)
        said = done.stdout + done.stderr
        assert (done.returncode == 0) == succeeds, said[-5000:]
        return said

    return folder, work, do


def after(said: str, words: str) -> str:
    """What a run's last lines say behind ``words``."""
    [line] = [line for line in said.splitlines() if f"] {words}" in line]  # behind Metaflow's time and task
    return line.split(f"] {words}")[1].strip()


def test_the_whole_road(road):
    folder, work, do = road
    path = catalog(folder / "catalog.parquet")
    said = do(f"moemoe profile {path} --dataset shop")
    assert not list(work.iterdir())  # nothing into the current folder unasked
    contract = folder / "project" / "data_contracts" / "shop" / "contract.yaml"
    assert load_contract(contract).report_product_types == TYPES
    text = contract.read_text()
    assert "  colour (main): #" in text
    contract.write_text(text.replace("  fabric / cloth: #", "  cloth: #").replace("keys: []", "keys: [Fabric / cloth]"))

    run = next(line for line in said.splitlines() if "train_flow.py" in line)  # the command that profile ends with
    said = do(f"{run} --model tf-idf --root {shlex.quote(str(work / 'root'))}")
    assert "mean Recall@90P" in said
    assert "nan" not in said.split("mean Recall@90P")[1].splitlines()[0]
    model = after(said, "registered model").split()[0]
    report = html.unescape(Path(after(said, "report  ")).read_text())
    assert TYPES[0] in report
    assert "tops/tees" in report
    uri = flow_environment(work)["MLFLOW_TRACKING_URI"]
    metrics = tracking.client(uri).get_run(after(said, "MLflow run").split()[0]).data.metrics
    assert metrics["recall_at_90p/Men.27.s T-Shirts/top5"] > 0.5
    assert metrics["accuracy/tops.2F.tees"] > 0.5
    assert alias_of(uri, model.split("/")[1], CHAMPION)
    answers = do(shlex.join(shlex.split(after(said, "ask it"))[1:]))  # without the variable, which the environment has
    assert "colour (main)" in answers

    shown = do(f"moemoe thresholds {model.split('/')[1]}")
    assert "tops/tees" in shown
    do(f"moemoe thresholds {model.split('/')[1]} --switch-off 'tops/tees/colour (main)'")

    said = do(after(said, "fill a catalog"))
    assert "verdicts moemoe audit" in said
    filled = ds.dataset(work / "filled" / "values").to_table().to_pylist()
    right = [row for row in filled if row["decision"] == "filled"]
    assert right
    for row in right:
        number = int(row["product_id"][1:])
        assert row["prediction"] in (COLORS[number % 3], FABRICS[number % 2])


def test_a_resumed_run_says_that_its_contract_was_changed_since(road):
    folder, work, do = road
    path = catalog(folder / "again.parquet")
    said = do(f"python -m moemoe.catalog.profile {path} --dataset again")
    contract = folder / "project" / "data_contracts" / "again" / "contract.yaml"
    text = contract.read_text()
    contract.write_text(text + "expectations: {image_present: {at_least: 0.5, severity: critical}}\n")
    run = next(line for line in said.splitlines() if "train_flow.py" in line)
    flow = shlex.split(run)[1]
    said = do(f"{run} --model tf-idf --root {shlex.quote(str(work / 'again'))}", succeeds=False)
    assert "have an image: 0 of 400" in said
    changed = "the contract of again was changed since this run began; the run goes on with the one that it began with"
    assert changed not in do(shlex.join(["python", flow, "resume"]), succeeds=False)
    contract.write_text(text)
    said = do(shlex.join(["python", flow, "resume"]), succeeds=False)
    assert changed in said
    assert "have an image: 0 of 400" in said
