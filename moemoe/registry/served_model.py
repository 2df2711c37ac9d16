"""The registered model: MLflow loads this file ("models from code", no pickle) and asks it for attribute values."""

import logging
import os
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel, PythonModelContext

OUTPUT = ["product_id", "product_type", "attribute", "value", "confidence", "accepted", "image_weight", "text_weight"]


class ServedModel(PythonModel):
    """Catalog rows in, one row per product and attribute out.

    A value is ``accepted`` where it is one of the contract's and its confidence reaches the threshold that was chosen
    on validation for 90 % precision; a product type and attribute without such a threshold is never accepted.
    """

    def load_context(self, context: PythonModelContext) -> None:
        """Loads weights, tokenizer, contract and thresholds from the ``model`` artifact, once per process."""
        from moemoe.inference.attribute_model import AttributeModel

        folder = Path(context.artifacts["model"])
        self.model = AttributeModel.load(folder)
        logging.getLogger("moemoe").warning("model loaded from %s", folder)

    def predict(
        self, context: PythonModelContext | None, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Values of the asked attributes, else of all that the model answers for the product's type.

        Raises:
            MlflowException: INVALID_PARAMETER_VALUE (over HTTP: 400), with the row and what is wrong in it.
        """
        from moemoe.errors import MoEMoEError
        from moemoe.inference.catalog_rows import IMAGE_FOLDER, questions_of
        from moemoe.inference.thresholds import PLAIN, check_rule

        model, rule = self.model, (params or {}).get("thresholds", PLAIN)
        rows = model_input.to_dict("records")
        try:
            check_rule(rule)
            questions = questions_of(rows, model.contract, model.attributes, os.environ.get(IMAGE_FOLDER))
        except MoEMoEError as error:
            raise MlflowException(str(error), INVALID_PARAMETER_VALUE) from None
        records = []
        for row, question, answers in zip(rows, questions, model.predictor.answer(questions), strict=True):
            for attribute, answer in zip(question.attributes, answers, strict=True):
                records.append(
                    {
                        "product_id": row.get("product_id"),
                        "product_type": question.product_type,
                        "attribute": attribute,
                        "value": answer.value,
                        "confidence": answer.confidence,
                        "accepted": model.accepts(question.product_type, attribute, answer, rule),
                        "image_weight": answer.image_weight,
                        "text_weight": answer.text_weight,
                    }
                )
        return pd.DataFrame.from_records(records, columns=OUTPUT)


set_model(ServedModel())
