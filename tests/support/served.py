"""Requests of clients to a registered model."""

import io

import pandas as pd
from PIL import Image

SHIRT = {"product_id": "a", "product_type": "Tshirts", "title": "cotton shirt"}


def jpeg(color: str = "red") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 40), color).save(buffer, "JPEG")
    return buffer.getvalue()


def ask(model, *rows, **params) -> pd.DataFrame:
    return model.predict(pd.DataFrame(list(rows)), params=params or None)
