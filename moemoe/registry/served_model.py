"""The registered model: MLflow loads this file ("models from code", no pickle) to predict attribute values."""

import logging
import os
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

OUTPUT = ["product_id", "product_type", "attribute", "value", "confidence", "accepted", "image_weight", "text_weight",
          "attribute_id", "value_id", "source_weights"]  # fmt: skip


class ServedModel(PythonModel):
    """Takes catalog rows and returns one row per product and attribute.

    A value is ``accepted`` by the same rules as in a backfill: it is a value of the contract; its confidence reaches
    the threshold that was chosen on validation for 90 % precision (without a threshold it is never accepted); and it
    contradicts, by the contract's rules, none of the product's other accepted values and labels.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Loads weights, tokenizer, contract and thresholds from the ``model`` artifact, once per process."""
        from moemoe.inference.attribute_model import AttributeModel
        from moemoe.registry.requests import read_strictly

        read_strictly()
        folder = Path(context.artifacts["model"])
        self.model = AttributeModel.load(folder)
        logging.getLogger("moemoe").warning("model loaded from %s", folder)

    def predict(
        self, context: PythonModelContext | None, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """The values of the requested attributes, by default of all that the model answers for the product's type.

        Raises:
            BadRequest: a row is invalid (HTTP 400); the message names the row and the problem.
        """
        from moemoe.errors import MoEMoEError
        from moemoe.inference.catalog_rows import IMAGE_FOLDER, questions_of
        from moemoe.inference.decisions import decide
        from moemoe.inference.thresholds import PLAIN, check_threshold_kind
        from moemoe.registry.requests import BadRequest, rows_of
        from moemoe.sources import images_read

        model, threshold_kind = self.model, (params or {}).get("thresholds", PLAIN)
        try:
            check_threshold_kind(threshold_kind)
            folder = os.environ.get(IMAGE_FOLDER)
            images = images_read(model.sources)
            questions = questions_of(rows_of(model_input), model.contract, model.attributes, folder, images)
        except MoEMoEError as error:
            raise BadRequest(str(error)) from None
        records = []
        for question, answers in zip(questions, model.predictor.answer(questions), strict=True):
            for decided in decide(question, answers, model, threshold_kind):
                attribute_id, value_id = model.contract.ids(decided.attribute, decided.answer.value)
                records.append(
                    {
                        "product_id": question.product_id or None,
                        "product_type": question.product_type,
                        "attribute": decided.attribute,
                        "value": decided.answer.value,
                        "confidence": decided.answer.confidence,
                        "accepted": decided.accepted,
                        "image_weight": decided.answer.image_weight,
                        "text_weight": decided.answer.text_weight,
                        "attribute_id": attribute_id,
                        "value_id": value_id,
                        "source_weights": decided.answer.by_source(model.sources),
                    }
                )
        table = pd.DataFrame.from_records(records, columns=OUTPUT)
        # pandas turns a missing text into NaN, which is not JSON
        for name in ("product_id", "attribute_id", "value_id"):
            table[name] = pd.Series([record[name] for record in records], table.index, object)
        return table


set_model(ServedModel())
