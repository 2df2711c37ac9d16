"""The input of a predictor; made from a catalog's rows without loading torch."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from moemoe.catalog.context import ProductText
from moemoe.sources import TEXT, image_index


@dataclass
class ProductQuery:
    """One product and the attributes asked of it; images are encoded (JPEG, PNG, ...) or None.

    Args:
        context: the whole text.
        image: the first image.
        features: of each image, half [P, W]; None if they are not computed yet (``Predictor.image_features``).
        further_images: those after the first.
        text: the text in its parts, for a model that reads them; without it these are missing.
        title_alone: whether bullet points and description are hidden.
        applies: the attributes that products of its type are known to have. If the product has any text or image, the
            answer to one of these is never empty: it is the likeliest value, at its own probability.
    """

    context: str
    image: bytes | None
    attributes: Sequence[str]
    product_id: str = ""
    features: Sequence[np.ndarray | None] | None = None
    further_images: Sequence[bytes | None] = ()
    text: ProductText | None = None
    title_alone: bool = False
    applies: Collection[str] = ()

    def image_of(self, source: str) -> tuple[bytes | None, np.ndarray | None]:
        """The image of one of the model's sources, and its features; each None if absent."""
        number = image_index(source)
        data = ([self.image, *self.further_images][number:] or [None])[0]
        return data, None if self.features is None or data is None else self.features[number]

    def text_of(self, source: str) -> str | None:
        """The text of one of the model's sources; None if absent."""
        if source == TEXT:
            return self.context
        return None if self.text is None else self.text.of_source(source, self.title_alone)
