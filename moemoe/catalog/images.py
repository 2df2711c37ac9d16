"""Reads untrusted images: only from the catalog's folder, limited in size, fully decoded, shrunk once.

Nothing here uses the network: images behind URLs were fetched before (``url_images``).
"""

import io
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, UnidentifiedImageError

from moemoe.errors import CatalogError, StorageError
from moemoe.redaction import without_secret_parameters
from moemoe.storage import beside, is_s3, join, read_bytes

MAX_BYTES = 32 * 2**20
MAX_PIXELS = 50_000_000
LONGEST_SIDE = 256

#: The user and password in a URL of any scheme; the password may have an unescaped slash.
_USERINFO = re.compile(
    r"^(\s*(?:[a-z][a-z0-9+.-]*+:(?://)?|//))(?:[^/?#]*@|[^/?#@:]*+:[0-9\]]*+[^0-9/?#@\]][^@]*+@)", re.IGNORECASE
)
#: Name and value of a URL's parameter; both may have blanks.
_PARAMETER = re.compile(r"([?&;]([^=&;#?]*+)=)[^&;#]++")

#: Pillow reads more formats, among them some that start other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
#: The first bytes of their files, except WEBP and AVIF.
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
#: Formats that ``shrink_image`` keeps; every reader of a shard decodes these.
KEPT_FORMATS = ("JPEG", "PNG")

#: EXIF orientation -> the transposition that makes the image upright.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

#: Folders of Amazon Berkeley Objects' unpacked archives: listings, and their images.
ABO_LISTINGS, ABO_IMAGES = "/listings/metadata/", "../../images/"

MISSING, UNREADABLE = "image file is missing", "image file is not readable"
OUTSIDE = "image lies outside the catalog's folder"
IS_URL, IS_ABSOLUTE, IS_WINDOWS = "image is a URL", "image path is absolute", "image path is a Windows path"
UNDECODABLE, CUT_SHORT, EMPTY = "image does not decode", "image is cut short", "image is empty"
TOO_LARGE, TOO_MANY_PIXELS = "image file is too large", "image has too many pixels"

# Pillow warns from 89 megapixels on; that is redundant, as images above MAX_PIXELS are refused.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


class ImageError(CatalogError):
    """An image that is quarantined; ``reason`` is one of a few, ``detail`` has the specifics."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def load_image(
    image: Mapping[str, Any] | None, partition: str, read_url: Callable[[str], bytes] | None = None
) -> bytes | None:
    """The encoded bytes of a catalog's ``image``, or None if it has neither; ``bytes`` takes precedence over ``path``.

    ``path`` is relative to the folder (on S3: the prefix) of the catalog file ``partition`` and must stay in it, also
    through symbolic links; the only exception leads from ABO_LISTINGS to ABO_IMAGES. An ``s3://`` URI is read only if
    the catalog itself is on S3, so that a file received by mail cannot read from the user's buckets.

    Args:
        read_url: returns the bytes of an already fetched http(s) URL (``UrlImages.read``); None: URLs are refused.

    Raises:
        ImageError: missing, outside, not a relative path, not readable, empty, or larger than ``MAX_BYTES``.
    """
    if image is None:
        return None
    data, path = image.get("bytes"), (image.get("path") or "").strip()
    if data is None:
        if not path:
            return None
        if read_url is not None and is_url(path):
            data = read_url(path)
        else:
            path, partition = _from_images(path, partition)
            data = _read_s3(path, partition) if is_s3(partition) else _read_local(path, partition)
    if not data:
        raise ImageError(EMPTY, "0 bytes")
    if len(data) > MAX_BYTES:
        raise ImageError(TOO_LARGE, f"{len(data)} bytes; allowed are {MAX_BYTES}")
    return data


def is_url(path: str | None) -> bool:
    """Whether ``path`` is an http(s) URL, which ``url_images`` can fetch; shops' "//HOST/PATH" is one."""
    return bool(path and re.match(r"\s*(?:https?:|//)", path, re.IGNORECASE))


def shown(path: str) -> str:
    """``path`` for messages: quoted, truncated, without a URL's user, password, signature and token."""
    return repr(without_secret_parameters(_USERINFO.sub(r"\1", path), _PARAMETER)[:200])


def _from_images(path: str, partition: str) -> tuple[str, str]:
    """``path`` and ``partition``, rewritten for an image in ABO_IMAGES as if the listing were in that folder."""
    folder, name = partition.rpartition("/")[::2]
    if path.startswith(ABO_IMAGES) and f"{folder}/".endswith(ABO_LISTINGS):
        return path.removeprefix(ABO_IMAGES), beside(partition, ABO_IMAGES + name)
    return path, partition


def _read_local(path: str, partition: str) -> bytes:
    _check_relative(path)
    folder = Path(partition).absolute().parent.resolve()
    try:
        file = (folder / path).resolve()
        if not file.is_relative_to(folder):
            raise ImageError(OUTSIDE, path)
        if not file.is_file():
            if "\\" in path:
                raise ImageError(IS_WINDOWS, f"{path[:200]!r}; write it with / between the folders")
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
    given, allowed = shown(path), "a path relative to the catalog file"
    if re.match(r"(?i)data:", path):
        raise ImageError(IS_URL, f"{given[:60]}; give its bytes, or {allowed}")
    if is_url(path):
        raise ImageError(IS_URL, f"{given}; the pipeline and backfill fetch URLs, this does not: allowed is {allowed}")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:|//", path):  # a drive has one letter
        kept = "an s3:// URI is followed for a catalog on S3 only" if is_s3(path) else "only http and https are fetched"
        raise ImageError(IS_URL, f"{given}; {kept}: put it beside the catalog and give {allowed}")
    if re.match(r"[A-Za-z]:|\\", path):
        raise ImageError(IS_WINDOWS, f"{given}; allowed is {allowed}, with / between the folders")
    if path.startswith("/"):
        raise ImageError(IS_ABSOLUTE, f"{given}; allowed is {allowed}")
    if ".." in re.split(r"[/\\]", path) or "\0" in path:
        raise ImageError(OUTSIDE, f"{given}; allowed is {allowed}")


def check_image(data: bytes) -> None:
    """Decodes the whole image, after checking its header against ``MAX_PIXELS``. Raises ImageError."""
    with _opened(data) as image:
        image.draft(None, (64, 64))  # a JPEG at up to an eighth of its size: reads every byte, but makes few pixels
        _decode(image)


def shrink_image(data: bytes, longest: int = LONGEST_SIDE) -> bytes:
    """``data`` itself if it is a JPEG or PNG of at most ``longest`` pixels a side, else an upright RGB JPEG that is.

    Also re-encodes images that a plain conversion to RGB would spoil (16-bit, transparent), and rotated ones. Raises
    ImageError.
    """
    with _opened(data) as image:
        is_plain = not _is_deep(image) and not _is_clear(image) and _turn(image) is None
        if max(image.size) <= longest and image.format in KEPT_FORMATS and is_plain:
            return data
        image.draft("RGB", (2 * longest, 2 * longest))
        _decode(image)
        turn = _turn(image)  # before the conversion to RGB, which drops it
        small = to_rgb(image)
        small = small if turn is None else small.transpose(turn)
        small.thumbnail((longest, longest), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def to_rgb(image: Image.Image) -> Image.Image:
    """Converts any mode to RGB: 16-bit is scaled to 8, transparent pixels become white."""
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


def _turn(image: Image.Image) -> Image.Transpose | None:
    """The transposition that makes the image upright; None if it is upright."""
    try:
        return _TURNS.get(int(image.getexif().get(ExifTags.Base.Orientation, 1)))
    except Exception:  # hostile EXIF data
        return None


def _opened(data: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(UNDECODABLE, f"{_kind(data)}; allowed are {', '.join(FORMATS)}") from error
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


def check_start(head: bytes) -> None:
    """Raises ImageError if a file's first bytes show that it is not one of FORMATS."""
    is_webp = head[:4] == b"RIFF" and head[8:12] == b"WEBP"
    if not (head.startswith(_STARTS) or is_webp or "AVIF" in _kind(head)):
        raise ImageError(UNDECODABLE, f"{_kind(head)}; allowed are {', '.join(FORMATS)}")


def _kind(data: bytes) -> str:
    """A description of a file that is not one of FORMATS."""
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if data[4:8] == b"ftyp":
        brands = {data[i : i + 4] for i in range(8, min(int.from_bytes(data[:4]), 128), 4)}  # its own, then others
        if brands & {b"avif", b"avis"}:
            return "an AVIF image that Pillow cannot decode here"
        heic = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
        return "a HEIC image, as phones take them" if brands & heic else "a video"
    if b"<svg" in head:
        return "an SVG drawing"
    kinds = {b"<!doctype html": "a web page", b"<html": "a web page", b"%pdf": "a PDF", b"8bps": "a Photoshop file"}
    kinds |= {b"%!ps": "a PostScript file", b"\xff\x0a": "a JPEG XL image", b"<?xml": "an XML file"}
    found = next((kind for start, kind in kinds.items() if head.startswith(start)), None)
    return found or f"not a supported format; begins with {data[:8]!r}"


def _decode(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:
        text = _text(error)
        raise ImageError(CUT_SHORT if "truncated" in text.lower() else UNDECODABLE, text) from error


def _text(error: Exception) -> str:
    return (str(error) or type(error).__name__)[:300]
