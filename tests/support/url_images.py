"""Fetches images behind URLs with small limits, so that tests do not wait."""

import io

import numpy as np
import pytest
from PIL import Image

from moemoe.catalog.download import Limits
from moemoe.catalog.fetch_images import ImageFetcher
from moemoe.catalog.images import ImageError
from moemoe.catalog.url_images import UrlImages

LIMITS = Limits(connect_seconds=2, read_seconds=2, total_seconds=5, max_bytes=100_000, pause_seconds=0.001)


def jpeg(color: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((32, 32, 3), color, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


JPEG = jpeg()


def fetch(images: UrlImages, *urls: str, **options) -> ImageFetcher:
    options = {"allow_private": True, "limits": LIMITS} | options
    with ImageFetcher(images, **options) as fetcher:
        for future in [fetcher.fetch(url) for url in urls]:
            future.result(60)
    return fetcher


def reason(images: UrlImages, url: str, **options) -> tuple[str, str]:
    """Why a URL gives no image, and what was seen."""
    fetch(images, url, **options)
    with pytest.raises(ImageError) as raised:
        images.read(url)
    return raised.value.reason, raised.value.detail
