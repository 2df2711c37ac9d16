"""What a person may get wrong, each answered by one clear message, a non-zero exit and no traceback of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.registry.tracking import client
from moemoe.sample_catalog.write import write_sample_catalog
from tests.flows.conftest import FLOW, flow_environment


def refused(folder: Path, *arguments: str, flow: Path = FLOW, **environment: str) -> str:
    """Runs a flow, TrainFlow by default, expects it to stop, and returns what it said."""
    env = {**os.environ, **flow_environment(folder), **environment}
    command = [sys.executable, str(flow), "run", "--root", str(folder / "root"), *arguments]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=240)
    said = done.stdout + done.stderr
    assert done.returncode != 0, said
    assert "Stopped:" in said, said
    assert "Traceback" not in said, said
    return said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "31pt"], "30pt"),
        (["--model", "moemo"], "did you mean 'moemoe'? known are cma-clip, committee, decoder-even-moe"),
        (["--catalog", "nothing/*.parquet"], "no catalog file matches 'nothing/∗.parquet'"),
        (["--batch-size", "0", "--nproc", "999"], "nproc is 999"),
        (["--batch-size", "7", "--nproc", "2"], "7 products cannot be shared evenly by 2 processes"),
        (["--size", "paper", "--weights", "no-such/checkpoint"], "cannot be loaded"),
        (["--withhold", "colour"], "withhold: attribute 'colour' is unknown; known are "),
        (["--decoding", "beam"], "decoding is 'beam'; allowed are free, canonical"),
        (["--max-products", "-5"], "--max-products is -5; allowed is 0 to"),
        (["--seed", "-1"], "--seed is -1; allowed is 0 to"),
        (["--registered-name", "team/kurta"], "MLflow model name 'team/kurta' is not allowed"),
        (["--promote-if", "bettr"], "allowed are 'better', 'not worse', 'unmeasured'"),
    ],
    ids=[
        "dataset",
        "model",
        "glob",
        "processes",
        "batch",
        "weights",
        "withhold",
        "decoding",
        "products",
        "seed",
        "name",
        "promote",
    ],
)
def test_a_bad_parameter(tmp_path, arguments, message):
    assert message in refused(tmp_path, *arguments)


def test_mlflow_that_does_not_answer_is_said_at_the_start(tmp_path):
    said = refused(tmp_path, MLFLOW_TRACKING_URI="http://127.0.0.1:9")
    assert "MLflow at http://127.0.0.1:9 cannot be reached" in said
    assert "/validate/" not in said


def test_a_deleted_experiment_is_said_at_the_start(tmp_path):
    mlflow = client(flow_environment(tmp_path)["MLFLOW_TRACKING_URI"])
    mlflow.delete_experiment(mlflow.create_experiment("mine"))
    said = refused(tmp_path, "--registered-name", "mine")
    assert "experiment 'mine' is deleted in MLflow; restore it" in said
    assert "/collect/" not in said


def test_a_critical_expectation_stops_the_flow_before_anything_else(tmp_path):
    table = pq.read_table(write_sample_catalog(tmp_path / "catalog.parquet", 60))
    pq.write_table(pa.concat_tables([table, table.slice(0, 3)]), tmp_path / "catalog.parquet")
    said = refused(tmp_path, "--catalog", str(tmp_path / "catalog.parquet"))
    assert "sample-000000" in said
    assert "/normalize/" not in said
    assert list((tmp_path / "root").rglob("data_docs/index.html"))  # kept, to be looked at


def test_a_catalog_that_is_cut_short(tmp_path):
    path = write_sample_catalog(tmp_path / "catalog.parquet", 60)
    path.write_bytes(path.read_bytes()[:-500])
    assert "catalog.parquet" in refused(tmp_path, "--catalog", str(path))


def test_a_catalog_without_a_label_of_the_contract(tmp_path):
    table = pq.read_table(write_sample_catalog(tmp_path / "catalog.parquet", 60))
    none = pa.array([[("foo", "bar")]] * 60, table.schema.field("attributes").type)
    table = table.set_column(table.schema.get_field_index("attributes"), "attributes", none)
    pq.write_table(table, tmp_path / "catalog.parquet")
    said = refused(tmp_path, "--catalog", str(tmp_path / "catalog.parquet"))
    assert "foo" in said
