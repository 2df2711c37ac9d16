"""Rows -> products with decoded images, ahead of the training loop, in threads."""

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

import numpy as np
import simplejpeg
from PIL import Image

T = TypeVar("T")


def decode_image(data: bytes, size: int) -> np.ndarray:
    """RGB pixels uint8 [3, size, size] of an encoded image, squashed to a square.

    JPEGs go through simplejpeg, which frees the GIL; either way they are decoded at the nearest larger scale.
    """
    decoded = None
    if data[:3] == b"\xff\xd8\xff":
        with suppress(ValueError):  # CMYK and the like: Pillow reads them
            decoded = simplejpeg.decode_jpeg(
                data, "RGB", fastdct=False, fastupsample=False, min_height=size, min_width=size
            )
    if decoded is None:
        with Image.open(io.BytesIO(data)) as image:
            image.draft("RGB", (size, size))
            decoded = np.asarray(image.convert("RGB"))
    if decoded.shape[:2] != (size, size):
        decoded = np.asarray(Image.fromarray(decoded).resize((size, size), Image.Resampling.BILINEAR))
    return np.ascontiguousarray(decoded.transpose(2, 0, 1))


def prefetch(
    make: Callable[[np.ndarray], T], batches: Iterable[np.ndarray], workers: int = 1, ahead: int = 4
) -> Iterator[T]:
    """``make(batch)`` for each batch in order, up to ``ahead`` of them computed in advance by ``workers`` threads."""
    with ThreadPoolExecutor(workers, thread_name_prefix="loader") as pool:
        waiting: deque[Future[T]] = deque()
        try:
            for batch in batches:
                waiting.append(pool.submit(make, batch))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
