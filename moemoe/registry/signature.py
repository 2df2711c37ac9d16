"""What the registered model takes and gives, as MLflow's signature."""

import base64
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

#: The file of thresholds in a registered model's folder.
THRESHOLDS = "thresholds.json"

_DOT = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC")


def signature() -> "ModelSignature":
    """Catalog columns in (title and product type required; image as bytes, base64 over HTTP), answers out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema
    from mlflow.types.schema import Array, DataType

    text, optional = DataType.string, {"required": False}
    inputs = [
        ColSpec(text, "product_id", **optional),
        ColSpec(text, "marketplace", **optional),
        ColSpec(text, "product_type"),
        ColSpec(text, "title"),
        ColSpec(Array(text), "bullet_points", **optional),
        ColSpec(text, "description", **optional),
        ColSpec(DataType.binary, "image", **optional),
    ]
    outputs = [
        ColSpec(text, "product_id", **optional),
        ColSpec(text, "product_type"),
        ColSpec(text, "attribute"),
        ColSpec(text, "value"),
        ColSpec(DataType.double, "confidence"),
        ColSpec(DataType.boolean, "accepted"),
        ColSpec(DataType.double, "image_weight"),
        ColSpec(DataType.double, "text_weight"),
    ]
    return ModelSignature(Schema([*inputs]), Schema([*outputs]))


def example(product_type: str) -> "pd.DataFrame":
    """One catalog row."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "product_id": "example-1",
                "marketplace": "IN",
                "product_type": product_type,
                "title": "Men's Regular Fit Cotton Casual Shirt",
                "bullet_points": ["Machine wash", "Round neck"],
                "description": "A soft cotton shirt for every day.",
                "image": _DOT,
            }
        ]
    )
