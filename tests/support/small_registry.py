"""A tiny model with its evaluation and predictions, for the registry's tests."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

import data_contracts
from moemoe.batches.tokenizer import train_tokenizer
from moemoe.inference.answering import ANSWERING, Answering
from moemoe.model.moemoe import MoEMoE
from moemoe.registry import tracking
from moemoe.registry.gate import Rules
from moemoe.registry.register import Registration, RunOutputs, register
from moemoe.registry.tracked_run import TrackedRun
from moemoe.reporting.model_card import TrainingData
from moemoe.schemas import AS_IS, EVALUATION, PREDICTIONS
from tests.support.mlflow_database import database
from tests.support.small_model import tiny_config

EXPERIMENT = "moemoe-test"
DATA = TrainingData("30pt", 400, "contract-hash", "data-hash", is_sample=True)


def evaluation_table() -> pa.Table:
    row = {field.name: 0.5 for field in EVALUATION if pa.types.is_floating(field.type)}
    rows = [
        {**row, "product_type": "shirt", "attribute": "color", "threshold": 0.0, "validation_accepted": 12},
        {**row, "product_type": "shirt", "attribute": "material", "threshold": math.nan, "threshold_guarded": math.nan},
        {**row, "product_type": "kurta", "attribute": "color", "threshold": 1.1, "threshold_guarded": 1.1},
    ]
    return pa.Table.from_pylist([{**r, "support": 40} for r in rows], EVALUATION)


def predictions(accuracy: float | Sequence[float], products: int = 400, seed: int = 0) -> pa.Table:
    """Test predictions of shirts' color and material; a right answer is surer than a wrong one.

    Two tables differ in answers alone: a product that is right at some accuracy is right at a higher one.
    """
    accuracies = [accuracy] * 2 if isinstance(accuracy, float) else accuracy
    rng = np.random.default_rng(seed)
    rows = []
    for attribute, share in zip(("color", "material"), accuracies, strict=True):
        luck, sure = rng.random(products), rng.random(products)
        for product in range(products):
            right = luck[product] < share
            rows.append(
                {
                    "product_id": f"p{product}",
                    "product_type": "shirt",
                    "group": f"g{product}",
                    "attribute": attribute,
                    "split": "test",
                    "condition": AS_IS,
                    "gold": ["right"],
                    "prediction": "right" if right else "wrong",
                    "confidence": 0.5 * sure[product] + (0.45 if right else 0.0),
                }
            )
    return pa.Table.from_pylist(rows, PREDICTIONS)


def tiny_model(folder: Path, **changes) -> Path:
    tokenizer = train_tokenizer(["cotton shirt color material"] * 5, 400)
    text = tiny_config().text
    text = type(text)(**{**vars(text), "vocab_size": 400})
    torch.manual_seed(0)  # the same model whatever was tested before
    MoEMoE.create(tiny_config(text=text, **changes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / ANSWERING).write_text(Answering().to_json())
    return folder


def new_store(folder: Path) -> str:
    uri = database(folder)
    tracking.client(uri).create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
    return uri


def new_run(uri: str) -> TrackedRun:
    return TrackedRun.start(uri, EXPERIMENT, "run", {"size": "tiny"}, {"dataset": "30pt"})


def trained(model_dir: Path, mine: pa.Table, data: TrainingData = DATA) -> RunOutputs:
    return RunOutputs(
        model_dir,
        data_contracts.contract_path("30pt"),
        data,
        {"name": "moemoe", "size": "tiny"},
        evaluation_table(),
        {"recall_at_90p/mean": 0.5, "recall_at_90p/mean/low": 0.4, "recall_at_90p/mean/high": 0.6},
        mine,
        ("shirt",),
    )


def registered(
    uri: str, name: str, model_dir: Path, mine: pa.Table, champion: pa.Table | None = None, rules: Rules | None = None
) -> Registration:
    def champion_predictions(folder: Path) -> pa.Table:
        assert champion is not None
        return champion

    return register(new_run(uri), name, trained(model_dir, mine), rules or Rules(), champion_predictions)
