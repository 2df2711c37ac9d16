"""Predictions with a given number of right answers."""

import numpy as np
import pyarrow as pa

from moemoe.schemas import AS_IS, PREDICTIONS


def rows(count, right, product_type="shirt", attribute="color", split="test", condition=AS_IS, gold="Red"):
    """``right`` correct answers of falling confidence, then wrong ones."""
    return [
        {
            "product_id": f"{product_type}{split}{i}", "product_type": product_type, "marketplace": "IN",
            "group": str(i), "attribute": attribute, "split": split, "condition": condition, "gold": [gold, "Crimson"],
            "prediction": gold if i < right else "Blue", "confidence": 1 - i / 1000, "image_weight": 0.5,
            "text_weight": 0.5, "has_image": True, "explicit": False, "rare": False, "canonical": True, "unseen": False,
        }
        for i in range(count)
    ]  # fmt: skip


def table(*parts) -> pa.Table:
    return pa.Table.from_pylist([row for part in parts for row in part], PREDICTIONS)


def simulated(seed: int, products: int, accuracy: float, attributes=("color", "material")) -> pa.Table:
    """Two products to a group, both right or both wrong; confidence says nothing."""
    rng = np.random.default_rng(seed)
    found = []
    for attribute in attributes:
        right = np.repeat(rng.random(products // 2) < accuracy, 2)
        found += [
            {
                **row,
                "prediction": "Red" if ok else "Blue",
                "confidence": float(c),
                "group": str(i // 2),
            }
            for i, (row, ok, c) in enumerate(
                zip(rows(products, 0, attribute=attribute), right, rng.random(products), strict=True)
            )
        ]
    return pa.Table.from_pylist(found, PREDICTIONS)
