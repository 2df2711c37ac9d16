"""Encoded images -> pixels in buffers that are used again and again."""

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
except ImportError:  # a bare GPU box
    simplejpeg = None


class ImageReader:
    """Decodes products' images; of one that does not decode the product goes on without, and is remembered.

    Args:
        stage: of the entries in the quarantine.
    """

    def __init__(self, stage: str):
        self._stage = stage
        self._quarantined: dict[tuple[str, int], dict[str, str]] = {}

    def read(
        self, data: bytes | memoryview | None, product_id: Callable[[], str], pixels_HWC: np.ndarray, number: int = 0
    ) -> bool:
        """Decodes into ``pixels_HWC`` (``decode_into``); zeros and False where there is no image, or no good one.

        ``number`` says which of the product's images it is, from 0.
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
        """QUARANTINE of the images that did not decode, one entry an image, in the order of their names."""
        return pa.Table.from_pylist([self._quarantined[name] for name in sorted(self._quarantined)], QUARANTINE)


def decode_into(data: bytes | memoryview, pixels_HWC: np.ndarray) -> None:
    """Decodes an image into ``pixels_HWC``, a contiguous uint8 [size, size, 3], squashed to a square, as RGB.

    JPEGs go through simplejpeg, which frees the GIL, at the nearest larger scale; whatever it does not read through
    Pillow, to the same pixels. Without simplejpeg all go through Pillow, which knows fewer scales: images that are made
    smaller may get slightly other pixels.

    Raises:
        Exception: what a decoder raises on bytes that are no image, or not a whole one.
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
    """The image as ``decode_into`` makes it, as a view [3, size, size] of pixels of its own."""
    pixels_HWC = np.empty((size, size, 3), np.uint8)
    decode_into(data, pixels_HWC)
    return pixels_HWC.transpose(2, 0, 1)
