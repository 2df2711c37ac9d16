"""What the registered model takes and gives, as MLflow's signature."""

from typing import TYPE_CHECKING

from moemoe.inference.thresholds import PLAIN

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

#: A picture of one pixel, in base64.
_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


def signature() -> "ModelSignature":
    """Catalog rows in (title and product type required), answers out.

    ``image`` (bytes, base64, a path or {bytes, path}) and ``attributes`` (the names to ask, or a catalog's raw labels)
    may be several things, which no type of MLflow's says; ``questions_of`` checks them. The parameter ``thresholds``
    is ``plain`` or ``guarded``.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, Array, DataType

    text, optional = DataType.string, {"required": False}
    inputs = [
        ColSpec(text, "product_id", **optional),
        ColSpec(text, "marketplace", **optional),
        ColSpec(text, "product_type"),
        ColSpec(text, "title"),
        ColSpec(Array(text), "bullet_points", **optional),
        ColSpec(text, "description", **optional),
        ColSpec(AnyType(), "image", **optional),
        ColSpec(AnyType(), "attributes", **optional),
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
    params = ParamSchema([ParamSpec("thresholds", DataType.string, PLAIN)])
    return ModelSignature(Schema([*inputs]), Schema([*outputs]), params)


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
