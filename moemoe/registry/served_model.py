"""The registered model: MLflow loads this file ("models from code", no pickle) and asks it for attribute values."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext

from moemoe.registry.signature import THRESHOLDS

OUTPUT = ["product_id", "product_type", "attribute", "value", "confidence", "accepted", "image_weight", "text_weight"]


class AttributeModel(PythonModel):
    """Catalog rows in, one row per product and attribute out.

    A value is ``accepted`` where its confidence reaches the threshold that was chosen on validation for 90 %
    precision; a product type and attribute without such a threshold is never accepted.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Loads weights, tokenizer, contract and thresholds from the ``model`` artifact."""
        from moemoe.catalog.contract import load_contract
        from moemoe.inference.predictor import Predictor

        folder = Path(context.artifacts["model"])
        self.predictor = Predictor.load(folder)
        self.contract = load_contract(folder / "contract.yaml")
        self.thresholds: dict[str, dict[str, float]] = json.loads((folder / THRESHOLDS).read_text())

    def predict(
        self, context: PythonModelContext | None, model_input: pd.DataFrame, params: Any = None
    ) -> pd.DataFrame:
        """Values of every attribute that the model has a threshold table for, by the product's type."""
        from moemoe.inference.catalog_rows import questions_of

        rows = model_input.to_dict("records")
        questions = questions_of(rows, self.contract, self.thresholds)
        records = []
        for row, question, answers in zip(rows, questions, self.predictor.answer(questions), strict=True):
            for attribute, answer in zip(question.attributes, answers, strict=True):
                threshold = self.thresholds[question.product_type].get(attribute)
                records.append(
                    {
                        "product_id": row.get("product_id"),
                        "product_type": question.product_type,
                        "attribute": attribute,
                        "value": answer.value,
                        "confidence": answer.confidence,
                        "accepted": threshold is not None and answer.confidence >= threshold,
                        "image_weight": answer.image_weight,
                        "text_weight": answer.text_weight,
                    }
                )
        return pd.DataFrame.from_records(records, columns=OUTPUT)


set_model(AttributeModel())
