"""All predictions that the evaluate step needs from a trained model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from moemoe.contract.contract import Contract
from moemoe.inference.answering import CANONICAL, FREE, Answering, check_decoding
from moemoe.inference.predictions import tokenizer_metrics
from moemoe.inference.predictor import Predictor
from moemoe.inference.routing import routing
from moemoe.inference.write_predictions import write_predictions
from moemoe.schemas import QUARANTINE
from moemoe.shards.dataset import ShardedDataset
from moemoe.table_parts import ListedParts


@dataclass(frozen=True)
class ModelPredictions:
    """A model's predictions of validation and test, and what else its evaluation needs.

    Args:
        predictions: PREDICTIONS with temperature-scaled confidences.
        probability: the raw sequence probability of the rows of the main condition, which come first, [N].
        answering: the content of ``answering.json``, to save beside the model's weights.
        routing: ROUTING, empty for a model without experts.
        metrics: of the tokenizer, and the temperature.
        quarantine: QUARANTINE of the images that did not decode; those products were answered from their texts.
    """

    predictions: ListedParts
    probability: np.ndarray
    answering: Answering
    routing: pa.Table
    metrics: dict[str, float]
    quarantine: pa.Table = field(default_factory=QUARANTINE.empty_table)


def predict_and_calibrate(
    model_dir: str | Path,
    dataset: ShardedDataset,
    contract: Contract,
    predictions: ListedParts,
    scratch: str,
    decoding: str = FREE,
    training: Mapping[str, Any] | None = None,
) -> ModelPredictions:
    """Predicts validation and test in every condition and fits the temperature on validation.

    Args:
        predictions: where they are written.
        scratch: a local folder for temporary files.
        decoding: ``free``, or ``canonical``: answers are values of the contract; for a measurement, values of the
            training split.
        training: how the model was trained (``Recipe.to_dict()["training"]``). After a training with negatives,
            canonical decoding allows the empty answer too.
    """
    check_decoding(decoding)
    values = None
    if decoding == CANONICAL:
        nothing = [""] if (training or {}).get("negatives") else []
        seen = dataset.value_counts("train")
        values = {
            name: [*(sorted(seen.get(name, ())) if attribute.measurement else attribute.values), *nothing] or [""]
            for name, attribute in contract.attributes.items()
        }
    predictor = Predictor.load(model_dir, Answering(values=values), contract.canonical_values())
    answering, probability = write_predictions(predictor, dataset, contract, predictions, scratch)
    metrics = {**tokenizer_metrics(predictor, dataset), "calibration/temperature": answering.temperature}
    return ModelPredictions(
        predictions,
        probability,
        answering,
        routing(predictor, dataset),
        metrics,
        predictor.images.quarantine,
    )
