"""Two images and two texts of a product as sources of their own, from the catalog to a registered model's answers."""

import io
import json

import mlflow
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from moemoe.inference.attribute_model import AttributeModel
from moemoe.inference.backfill import backfill_partitions, start_backfill
from moemoe.schemas import PREDICTIONS
from moemoe.storage import read_table
from moemoe.table_parts import ListedParts
from tests.support.small_flow import NAME, SETTINGS, SmallFlow
from tests.support.warm_python import warm_python

SOURCES = ["image", "image.2", "text.title", "text.description"]


def with_back_sides(path) -> dict[str, list]:
    """Gives two of three products with an image a second one; the first three of those cannot be used.

    Returns:
        The images of those that have two, by id.
    """
    table = pq.read_table(path)
    images, given, single = [], {}, 0
    for product_id, image in zip(table["product_id"].to_pylist(), table["image"].to_pylist(), strict=True):
        if image is None or image["bytes"] is None or Image.open(io.BytesIO(image["bytes"])).width < 8:
            images.append(None)
            continue
        single += len(given) >= 3
        if single % 3 == 1:
            images.append([image])
            continue
        buffer = io.BytesIO()
        ImageOps.mirror(Image.open(io.BytesIO(image["bytes"])).convert("RGB")).save(buffer, "JPEG")
        back = buffer.getvalue() if len(given) >= 3 else [b"no image", b"", buffer.getvalue()[:-300]][len(given)]
        images.append([image, {"bytes": back, "path": None}, {"bytes": None, "path": "a third is not read.jpg"}])
        given[product_id] = [image["bytes"], back]
    columns = {"image": pa.nulls(len(table), table.schema.field("image").type), "images": images}
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(values, table.schema.field(place).type))
    pq.write_table(table, path)
    return given


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    flow = SmallFlow(folder, warm_python())
    given = with_back_sides(flow.catalog)
    status, said = flow.run("--set", f"{SETTINGS}, sources=[{', '.join(SOURCES)}]")
    assert status == 0, said[-5000:]
    [own] = [path for path in (flow.root / "runs").iterdir() if (path / "report.html").is_file()]
    return flow, own, given


def test_predictions_weigh_each_source(run):
    _, own, _ = run
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
    assert "What each source weighs" in (own / "report.html").read_text()


def test_a_second_image_that_cannot_be_used_is_quarantined_alone(run):
    _, own, given = run
    quarantine = read_table(str(own / "quarantine.parquet")).to_pylist()
    entries = [entry for entry in quarantine if entry["field"] == "image.2"]
    assert {e["product_id"] for e in entries} == set(list(given)[:3])
    assert [e["reason"] for e in entries] == ["image does not decode", "image is empty", "image is cut short"]


def test_the_registered_model_weighs_them_too(run, tmp_path):
    flow, _, given = run
    mlflow.set_tracking_uri(flow.tracking_uri)
    uri = f"models:/{NAME}@challenger"
    shown = [{"bytes": data} for data in list(given.values())[3]]
    row = {"product_type": "Tshirts", "title": "Red cotton shirt", "description": "soft", "images": shown}
    for answer in mlflow.pyfunc.load_model(uri).predict(pd.DataFrame([row])).to_dict("records"):
        assert list(answer["source_weights"]) == SOURCES
        assert min(answer["source_weights"].values()) > 0

    model = AttributeModel.load(f"{mlflow.artifacts.download_artifacts(uri)}/artifacts/model")
    job = start_backfill(f"{NAME}/1", "plain", str(tmp_path), [str(flow.catalog)])
    [part] = backfill_partitions(lambda: model, [str(flow.catalog)], job)
    values = read_table(f"{job.output}/{part.values}").to_pylist()
    assert all([name for name, _ in row["source_weights"]] == SOURCES for row in values)
    assert any(min(weight for _, weight in row["source_weights"]) > 0 for row in values)
