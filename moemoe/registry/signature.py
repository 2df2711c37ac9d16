"""The registered model's inputs and outputs, as MLflow's signature."""

from typing import TYPE_CHECKING

from moemoe.inference.thresholds import PLAIN

if TYPE_CHECKING:
    import pandas as pd
    from mlflow.models import ModelSignature

#: The one parameter of a request.
PARAMETER = "thresholds"
#: The columns of a row, all optional.
COLUMNS = ("product_id", "marketplace", "product_type", "title", "bullet_points", "description", "image", "images",
           "attributes")  # fmt: skip
#: An image of one pixel, in base64.
_DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"


def signature() -> "ModelSignature":
    """The signature: catalog rows as input, answers as output.

    For MLflow every input column is optional and of any type: its own check would refuse what pandas makes of missing
    cells (NaN) and of numeric ids, and put the whole table into its message. ``questions_of`` checks the columns, and
    names the wrong row. The parameter ``thresholds`` is ``plain`` or ``guarded``.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType, DataType, Map

    text, optional = DataType.string, {"required": False}
    inputs = [ColSpec(AnyType(), name, **optional) for name in COLUMNS]
    outputs = [
        ColSpec(text, "product_id", **optional),
        ColSpec(text, "product_type"),
        ColSpec(text, "attribute"),
        ColSpec(text, "value"),
        ColSpec(DataType.double, "confidence"),
        ColSpec(DataType.boolean, "accepted"),
        ColSpec(DataType.double, "image_weight"),
        ColSpec(DataType.double, "text_weight"),
        ColSpec(text, "attribute_id", **optional),
        ColSpec(text, "value_id", **optional),
        ColSpec(Map(DataType.double), "source_weights", **optional),
    ]
    params = ParamSchema([ParamSpec(PARAMETER, DataType.string, PLAIN)])
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
