"""Catalog rows as a client sends them -> questions for the predictor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moemoe.catalog.context import context_text
from moemoe.catalog.contract import Contract, fold
from moemoe.catalog.pictures import ImageError, check_image
from moemoe.errors import CatalogError
from moemoe.inference.predictor import Question


@dataclass
class RowQuestion(Question):
    """A question that remembers its canonical product type."""

    product_type: str = ""


def questions_of(
    rows: Sequence[Mapping[str, Any]], contract: Contract, attributes: Mapping[str, Mapping[str, Any]]
) -> list[RowQuestion]:
    """One question per row, asking all ``attributes`` of its product type.

    Raises:
        CatalogError: a product type that the contract or the model does not know, or a picture that does not decode.
    """
    questions = []
    types = contract.product_type_aliases()
    for index, row in enumerate(rows):
        product_type = types.get(fold(_text(row.get("product_type")) or ""))
        if product_type is None or product_type not in attributes:
            known = ", ".join(sorted(attributes))
            raise CatalogError(f"row {index}: product type {row.get('product_type')!r} is unknown; known are {known}")
        image = row.get("image")
        image = bytes(image) if isinstance(image, bytes | bytearray | memoryview) and len(image) else None
        if image is not None:
            try:
                check_image(image)
            except ImageError as error:
                raise CatalogError(f"row {index}: the picture does not decode ({error})") from error
        bullet_points = row.get("bullet_points")
        bullet_points = [] if bullet_points is None or isinstance(bullet_points, str | float) else list(bullet_points)
        context = context_text(
            _text(row.get("marketplace")),
            product_type,
            _text(row.get("title")),
            bullet_points,
            _text(row.get("description")),
        )
        questions.append(RowQuestion(context, image, list(attributes[product_type]), product_type=product_type))
    return questions


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
