"""Two images and two texts of a product as separate sources, from the catalog to a registered model's answers."""

import json

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.backfill import backfill_partitions, start_backfill
from moemoe.schemas import CATALOG, PREDICTIONS
from moemoe.storage import read_table
from moemoe.table_parts import ListedParts
from tests.support.scheduled_runs import NAME, SOURCES, UNREADABLE, ScheduledRuns


def with_two(scheduled: ScheduledRuns) -> list[dict]:
    """The products that have a second image."""
    return [row for row in scheduled.catalog if len(row["images"]) > 1]


def test_predictions_weigh_each_source(scheduled):
    own = scheduled.first.folder
    rows = ListedParts(str(own / "predictions"), PREDICTIONS).read().to_pylist()
    assert rows
    for row in rows:
        assert [name for name, _ in row["source_weights"]] == SOURCES
        assert sum(weight for _, weight in row["source_weights"]) == pytest.approx(1)
    seen = [dict(row["source_weights"]) for row in rows if row["condition"] == "as is"]
    assert all(any(weights[name] > 0 for weights in seen) for name in SOURCES)
    assert any(weights["image"] > 0 and weights["image.2"] == 0 for weights in seen)
    blanked = [dict(row["source_weights"]) for row in rows if row["condition"] == "image blanked"]
    assert {weights["image"] + weights["image.2"] for weights in blanked} == {0.0}
    assert json.loads((own / "model" / "config.json").read_text())["sources"] == SOURCES
    assert "Source weights" in (own / "report.html").read_text()


def test_a_second_image_that_cannot_be_used_is_quarantined_alone(scheduled):
    quarantine = read_table(str(scheduled.first.folder / "quarantine.parquet")).to_pylist()
    entries = [entry for entry in quarantine if entry["field"] == "image.2"]
    assert [e["product_id"] for e in entries] == [row["product_id"] for row in with_two(scheduled)[:UNREADABLE]]
    assert [e["reason"] for e in entries] == ["image does not decode", "image is empty", "image is cut short"]


def test_the_registered_model_weighs_them_too(scheduled, tmp_path):
    mlflow.set_tracking_uri(scheduled.tracking_uri)
    uri = f"models:/{NAME}/1"
    row = with_two(scheduled)[UNREADABLE] | {"title": "Red cotton shirt", "description": "soft"}
    for answer in mlflow.pyfunc.load_model(uri).predict(pd.DataFrame([row])).to_dict("records"):
        assert list(answer["source_weights"]) == SOURCES
        assert min(answer["source_weights"].values()) > 0

    catalog = str(tmp_path / "catalog.parquet")
    pq.write_table(pa.Table.from_pylist(scheduled.catalog[:40], CATALOG), catalog)
    model = AttributeModel.load(f"{mlflow.artifacts.download_artifacts(uri)}/artifacts/model")
    job = start_backfill(f"{NAME}/1", "plain", str(tmp_path / "filled"), [catalog])
    [part] = backfill_partitions(lambda: model, [catalog], job)
    values = read_table(f"{job.output}/{part.values}").to_pylist()
    assert all([name for name, _ in row["source_weights"]] == SOURCES for row in values)
    assert any(min(weight for _, weight in row["source_weights"]) > 0 for row in values)
