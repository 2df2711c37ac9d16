"""Pictures from outside: found only inside the catalog's folder, limited in size, really decoded, shrunk once."""

import io
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError

from moemoe.errors import CatalogError, StorageError
from moemoe.storage import is_s3, join, read_bytes

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 50_000_000
LONGEST_SIDE = 256

#: Pillow knows more, among them formats that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
#: What ``shrink_image`` leaves as it is; every reader of a shard decodes these.
KEPT_FORMATS = ("JPEG", "PNG")

MISSING, UNREADABLE = "image file is missing", "image file is not readable"
OUTSIDE = "image lies outside the catalog's folder"
UNDECODABLE, CUT_SHORT, EMPTY = "image does not decode", "image is cut short", "image is empty"
TOO_LARGE, TOO_MANY_PIXELS = "image file is too large", "image has too many pixels"

# Pillow warns from 89 megapixels on; above MAX_PIXELS we refuse, so that the warning says nothing new.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class ImageError(CatalogError):
    """A picture that is set aside; ``reason`` is one of this module's few, ``detail`` says what was seen."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def load_image(image: Mapping[str, Any] | None, partition: str) -> bytes | None:
    """The encoded bytes of a catalog's ``image``, or None where it names none; ``bytes`` wins over ``path``.

    ``path`` is relative to the folder (on S3: the prefix) of the catalog file ``partition`` and must stay in it,
    symbolic links included. An ``s3://`` URI is followed only where the catalog itself lies on S3, so that a
    file handed over by mail cannot reach into one's buckets.

    Raises:
        ImageError: missing, outside, not readable, empty, or larger than ``MAX_BYTES``.
    """
    if image is None:
        return None
    data, path = image.get("bytes"), image.get("path")
    if data is None:
        if not path:
            return None
        data = _read_s3(path, partition) if is_s3(partition) else _read_local(path, partition)
    if not data:
        raise ImageError(EMPTY, "0 bytes")
    if len(data) > MAX_BYTES:
        raise ImageError(TOO_LARGE, f"{len(data)} bytes; allowed are {MAX_BYTES}")
    return data


def _read_local(path: str, partition: str) -> bytes:
    _check_relative(path)
    folder = Path(partition).absolute().parent.resolve()
    try:
        file = (folder / path).resolve()
        if not file.is_relative_to(folder):
            raise ImageError(OUTSIDE, path)
        if not file.is_file():
            raise ImageError(MISSING, path)
        if file.stat().st_size > MAX_BYTES:
            raise ImageError(TOO_LARGE, f"{path}: {file.stat().st_size} bytes; allowed are {MAX_BYTES}")
        return file.read_bytes()
    except (OSError, RuntimeError) as error:  # no permission, a name too long, links in a circle
        raise ImageError(UNREADABLE, f"{path[:200]}: {getattr(error, 'strerror', None) or error}") from error


def _read_s3(path: str, partition: str) -> bytes:
    if not is_s3(path):
        _check_relative(path)
        path = join(partition.rsplit("/", 1)[0], path)
    try:
        return read_bytes(path)
    except StorageError as error:
        missing = any(word in str(error) for word in ("NoSuchKey", "NoSuchBucket", "404"))
        raise ImageError(MISSING if missing else UNREADABLE, str(error)[:300]) from error


def _check_relative(path: str) -> None:
    parts = re.split(r"[/\\]", path)
    if not parts[0] or ".." in parts or ":" in parts[0] or "\0" in path:  # /etc, ../x, file:x, https://x, C:\x
        raise ImageError(OUTSIDE, f"{path[:200]!r}; allowed is a path relative to the catalog file")


def check_image(data: bytes) -> None:
    """Decodes the whole picture, after its header has been found within ``MAX_PIXELS``. Raises ImageError."""
    with _opened(data) as image:
        image.draft(None, (64, 64))  # a JPEG at up to an eighth: every byte is read, few pixels are made
        _decode(image)


def shrink_image(data: bytes, longest: int = LONGEST_SIDE) -> bytes:
    """``data`` itself where it is a JPEG or PNG of at most ``longest`` px a side, else an RGB JPEG that is.

    Re-encoded too, whatever their size: pictures that a plain conversion to RGB would spoil (16-bit, transparent).
    Raises ImageError.
    """
    with _opened(data) as image:
        if max(image.size) <= longest and image.format in KEPT_FORMATS and not _is_deep(image) and not _is_clear(image):
            return data
        image.draft("RGB", (2 * longest, 2 * longest))
        _decode(image)
        small = ImageOps.exif_transpose(to_rgb(image))
        small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def to_rgb(image: Image.Image) -> Image.Image:
    """RGB of any mode: 16-bit is scaled to 8, what is transparent shows white."""
    if _is_deep(image):
        image = image.convert("F").point(lambda value: value / 256 + 0.0).convert("L")
    if _is_clear(image):
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    return image.convert("RGB")


def _is_deep(image: Image.Image) -> bool:
    return image.mode == "I" or image.mode.startswith("I;16")


def _is_clear(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info


def _opened(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(UNDECODABLE, f"not one of {', '.join(FORMATS)}; begins with {data[:8]!r}") from error
    except Image.DecompressionBombError as error:
        raise ImageError(TOO_MANY_PIXELS, f"{_text(error)}; allowed are {MAX_PIXELS} pixels") from error
    except Exception as error:  # a decoder may raise anything on hostile bytes
        raise ImageError(UNDECODABLE, _text(error)) from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(TOO_MANY_PIXELS, f"{width} x {height}; allowed are {MAX_PIXELS} pixels")
    if not width * height:
        raise ImageError(EMPTY, f"{width} x {height} pixels")
    return image


def _decode(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:
        text = _text(error)
        raise ImageError(CUT_SHORT if "truncated" in text.lower() else UNDECODABLE, text) from error


def _text(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]
