"""Against a real MLflow: a SQLite store in a folder of the test."""

import io
import json
import math
from pathlib import Path

import mlflow
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

import data_contracts
from moemoe.errors import ConfigError
from moemoe.evaluation.evaluate import Evaluation
from moemoe.model.moemoe import MoEMoE
from moemoe.model.tokenizer import train_tokenizer
from moemoe.registry import tracking
from moemoe.registry.register import register, thresholds_of
from moemoe.schemas import EVALUATION
from tests.model.small import tiny_config

pytestmark = pytest.mark.xdist_group("registry")
NAME = "moemoe-test"


def evaluation_table() -> pa.Table:
    row = {name: 0.5 for name in EVALUATION.names}
    rows = [
        {**row, "product_type": "shirt", "attribute": "color", "support": 40, "threshold": 0.0},
        {**row, "product_type": "shirt", "attribute": "material", "support": 40, "threshold": math.nan},
        {**row, "product_type": "kurta", "attribute": "color", "support": 40, "threshold": 1.1},
    ]
    return pa.Table.from_pylist(rows, EVALUATION)


@pytest.fixture(scope="module")
def uri(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("mlflow")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    tracking.client(uri).create_experiment(NAME, artifact_location=(folder / "artifacts").as_uri())
    return uri


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tokenizer = train_tokenizer(["cotton shirt color material"] * 5, 400)
    text = tiny_config().text
    text = type(text)(**{**vars(text), "vocab_size": 400})
    MoEMoE.create(tiny_config(text=text)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def new_run(uri: str) -> str:
    return tracking.start_run(uri, NAME, "run", {"size": "tiny"}, {"dataset": "30pt"})


def registered(uri: str, model_dir: Path, mean: float, champion=lambda folder: 0.5):
    contract = data_contracts.contract_path("30pt")
    return register(uri, new_run(uri), model_dir, contract, evaluation_table(), NAME, mean, champion)


@pytest.fixture(scope="module")
def first(uri, model_dir):
    return registered(uri, model_dir, 0.5)


def test_the_first_model_becomes_champion(uri, first):
    assert first.aliases == ("challenger", "champion")
    assert first.reason == "champion: there was none yet"
    assert str(tracking.client(uri).get_model_version_by_alias(NAME, "champion").version) == first.version


def test_only_a_better_model_replaces_the_champion_on_the_same_rows(uri, model_dir, first):
    seen = []

    def champion_recall(folder: Path) -> float:
        seen.append({path.name for path in folder.iterdir()})
        return 0.5

    equal = registered(uri, model_dir, 0.5, champion_recall)
    assert equal.aliases == ("challenger",)
    assert "0.5000 against 0.5000 of version 1" in equal.reason
    assert {"model.safetensors", "config.json", "contract.yaml", "thresholds.json"} <= seen[0]
    assert str(tracking.client(uri).get_model_version_by_alias(NAME, "challenger").version) == equal.version

    def broken(folder):
        raise OSError("disk gone")

    kept = registered(uri, model_dir, 0.9, broken)
    assert "could not be evaluated (disk gone)" in kept.reason
    assert str(tracking.client(uri).get_model_version_by_alias(NAME, "champion").version) == first.version
    nothing = registered(uri, model_dir, math.nan)
    assert nothing.aliases == ("challenger",)
    better = registered(uri, model_dir, 0.6)
    champion = tracking.client(uri).get_model_version_by_alias(NAME, "champion")
    assert str(champion.version) == better.version
    assert champion.tags["decision"] == better.reason


def test_the_registered_model_answers_catalog_rows(uri, first):
    mlflow.set_tracking_uri(uri)
    model = mlflow.pyfunc.load_model(first.model_uri)
    buffer = io.BytesIO()
    Image.new("RGB", (30, 40), "red").save(buffer, "JPEG")
    rows = pd.DataFrame(
        [
            {"product_id": "a", "product_type": "Tshirts", "title": "cotton shirt", "image": buffer.getvalue()},
            {"product_id": "b", "product_type": "kurta", "title": "silk kurta", "image": None},
        ]
    )
    answers = model.predict(rows)
    assert answers[["product_id", "product_type", "attribute"]].values.tolist() == [
        ["a", "shirt", "color"], ["a", "shirt", "material"], ["b", "kurta", "color"],
    ]  # fmt: skip
    assert answers["accepted"].tolist() == [True, False, False]  # threshold 0, none, unreachable
    assert answers["confidence"].between(0, 1).all()
    assert answers["image_weight"].tolist()[2] == 0  # no picture


def test_thresholds_that_promise_nothing_are_none():
    assert thresholds_of(evaluation_table())["shirt"] == {"color": 0.0, "material": None}


def test_the_evaluation_has_a_child_run_per_product_type(uri, tmp_path):
    run_id = new_run(uri)
    file = tmp_path / "evaluation.parquet"
    file.write_bytes(b"x")
    evaluation = Evaluation(evaluation_table(), {"recall_at_90p/mean": 0.5, "recall_at_90p/shirt/top5": math.nan})
    tracking.log_evaluation(uri, run_id, evaluation, [file], {})
    tracking.log_evaluation(uri, run_id, evaluation, [file], {})  # again, as after resume: nothing stands twice
    client = tracking.client(uri)
    run = client.get_run(run_id)
    assert run.data.metrics == {"recall_at_90p/mean": 0.5}
    children = client.search_runs([run.info.experiment_id], f"tags.`mlflow.parentRunId` = '{run_id}'")
    assert sorted(child.info.run_name for child in children) == ["kurta", "shirt"]
    shirt = next(child for child in children if child.info.run_name == "shirt")
    assert shirt.data.metrics["color/support"] == 40
    paths = {artifact.path for artifact in client.list_artifacts(run_id, "evaluation")}
    assert paths == {"evaluation/evaluation.parquet", "evaluation/product_type_x_attribute.json"}
    matrix = json.loads(Path(client.download_artifacts(run_id, tracking.MATRIX, str(tmp_path))).read_text())
    assert len(matrix["data"]) == evaluation.table.num_rows


def test_training_events_become_curves(uri):
    run_id = new_run(uri)
    step = dict.fromkeys(tracking.STEP_METRICS, 1.0)
    events = [{"event": "step", "total_step": i, **step, "loss": 10.0 - i} for i in range(1, 4)]
    events.append({"event": "epoch", "total_step": 3, "validation_cross_entropy": 0.7})
    tracking.log_training_events(uri, run_id, events)
    history = tracking.client(uri).get_metric_history(run_id, "train/loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 9.0), (2, 8.0), (3, 7.0)]
    assert tracking.client(uri).get_metric_history(run_id, "train/validation_cross_entropy")[0].value == 0.7


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://user:secret@127.0.0.1:9"])
def test_an_mlflow_that_does_not_answer_is_named_without_its_password(address):
    with pytest.raises(ConfigError, match=r"MLflow at http://.*127\.0\.0\.1:9 cannot be reached") as error:
        tracking.check_tracking(address)
    assert "secret" not in str(error.value)


def test_the_signature_takes_json(first, uri):
    mlflow.set_tracking_uri(uri)
    info = mlflow.models.get_model_info(first.model_uri)
    names = [column["name"] for column in json.loads(info.signature.to_dict()["inputs"])]
    assert names == ["product_id", "marketplace", "product_type", "title", "bullet_points", "description", "image"]
