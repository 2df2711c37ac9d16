"""Rows of a catalog of shirts, for contract 30pt, whose titles have the two requested values."""

from typing import Any

COLORS, FABRICS = ("Red", "Blue"), ("Cotton", "Silk")


def shirt(i: int) -> dict[str, Any]:
    """The ``i``-th, without an image."""
    color, fabric = COLORS[i % 2], FABRICS[i // 2 % 2]
    return {
        "product_id": f"p{i}",
        "product_type": "Tshirts",
        "title": f"{color} {fabric} shirt number {i} of shop {i * 7919 % 1000}",
        "description": "soft " * (i % 3),
        "attributes": [("baseColour", color), ("Fabric", fabric)],
    }
