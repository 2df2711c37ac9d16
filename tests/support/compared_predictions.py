"""Predictions of a system for a comparison."""

import pyarrow as pa

from tests.support.prediction_rows import rows, table

TYPES = ["shirt", "kurta"]


def predictions(right: int, products: int = 40, gold: str = "Red") -> pa.Table:
    """40 shirts with a color and a sleeve type, 40 kurtas with a color (``right`` of each right), 10 with a theme."""
    return table(
        rows(products, right, gold=gold),
        rows(products, right, attribute="sleeve type", gold=gold),
        rows(products, right, "kurta", gold=gold),
        rows(10, 10, "kurta", attribute="theme", gold=gold),
    )
