"""User errors: each gives one clear message, a non-zero exit code and no traceback of ours."""

import pyarrow as pa
import pyarrow.parquet as pq

from moemoe.registry.tracking import client
from moemoe.sample_catalog.write import write_sample_catalog
from tests.support.flows import flow_environment
from tests.support.refused import refused


def test_a_bad_parameter(tmp_path):
    """Metaflow shows the stage's message; tests/flows/stages/test_preflight.py has them all."""
    assert "no catalog file matches 'nothing/∗.parquet'" in refused(tmp_path, "--catalog", "nothing/*.parquet")


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
