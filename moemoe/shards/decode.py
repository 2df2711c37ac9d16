"""Decodes images into reusable pixel buffers."""

import io
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pyarrow as pa
from PIL import Image

from moemoe.catalog.images import UNDECODABLE
from moemoe.schemas import QUARANTINE
from moemoe.sources import image_name

try:
    import simplejpeg
except ImportError:  # a GPU machine with only the packages that training needs
    simplejpeg = None


class ImageReader:
    """Decodes products' images. An image that cannot be decoded counts as absent and is listed in ``quarantine``.

    Args:
        stage: the stage named in the quarantine's entries.
    """

    def __init__(self, stage: str):
        self._stage = stage
        self._quarantined: dict[tuple[str, int], dict[str, str]] = {}

    def read(
        self, data: bytes | memoryview | None, product_id: Callable[[], str], pixels_HWC: np.ndarray, number: int = 0
    ) -> bool:
        """Decodes into ``pixels_HWC`` (``decode_into``); gives zeros and False if there is no image or it is broken.

        ``number`` counts the product's images from 0.
        """
        if data is not None:
            try:
                decode_into(data, pixels_HWC)
                return True
            except Exception as error:  # a decoder may raise anything
                name = product_id()
                self._quarantined[name, number] = {
                    "product_id": name, "stage": self._stage, "field": image_name(number), "reason": UNDECODABLE,
                    "detail": (str(error) or type(error).__name__)[:300],
                }  # fmt: skip
        pixels_HWC[:] = 0
        return False

    @property
    def quarantine(self) -> pa.Table:
        """QUARANTINE of the images that could not be decoded, one entry per image, sorted by name."""
        return pa.Table.from_pylist([self._quarantined[name] for name in sorted(self._quarantined)], QUARANTINE)


def decode_into(data: bytes | memoryview, pixels_HWC: np.ndarray) -> None:
    """Decodes an image into ``pixels_HWC``, a contiguous uint8 [size, size, 3], as RGB, resized to a square.

    JPEGs are decoded by simplejpeg, which releases the GIL, at the nearest larger scale. What simplejpeg cannot read is
    decoded by Pillow, to the same pixels. Without simplejpeg, Pillow decodes all; it supports fewer scales, so the
    pixels of downscaled images may differ slightly.

    Raises:
        Exception: any error of a decoder, for bytes that are not an image or are truncated.
    """
    size = len(pixels_HWC)
    decoded = None
    if simplejpeg is not None and bytes(data[:3]) == b"\xff\xd8\xff":
        with suppress(ValueError):  # CMYK and the like
            fits = simplejpeg.decode_jpeg_header(data, size, size)[:2] == (size, size)
            decoded = simplejpeg.decode_jpeg(
                data, "RGB", fastdct=False, fastupsample=False, min_height=size, min_width=size,
                buffer=pixels_HWC if fits else None,
            )  # fmt: skip
            if fits:
                return
    if decoded is None:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (size, size))
            decoded = np.asarray(image.convert("RGB"))
    if decoded.shape[:2] != (size, size):
        decoded = np.asarray(Image.fromarray(decoded).resize((size, size), Image.Resampling.BILINEAR))
    pixels_HWC[:] = decoded


def decode_image(data: bytes | memoryview, size: int) -> np.ndarray:
    """The image as ``decode_into`` decodes it, a view [3, size, size] of newly allocated pixels."""
    pixels_HWC = np.empty((size, size, 3), np.uint8)
    decode_into(data, pixels_HWC)
    return pixels_HWC.transpose(2, 0, 1)
