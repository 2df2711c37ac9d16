"""Images of many kinds, and hostile ones."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from moemoe.catalog.images import MAX_BYTES, ImageError, check_image, load_image, shrink_image


def encoded(mode="RGB", size=(60, 80), kind="JPEG", **options) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds no pixels."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


GOOD = {
    "jpeg": encoded(),
    "grey jpeg": encoded("L"),
    "cmyk jpeg": encoded("CMYK"),
    "progressive jpeg": encoded(progressive=True, size=(300, 200)),
    "png": encoded(kind="PNG"),
    "palette png": encoded("P", kind="PNG"),
    "bilevel png": encoded("1", kind="PNG"),
    "transparent png": encoded("RGBA", kind="PNG"),
    "16-bit png": encoded("I;16", kind="PNG") if "I;16" in Image.MODES else encoded("I", kind="PNG"),
    "webp": encoded(kind="WEBP"),
    "gif": encoded("P", kind="GIF"),
    "bmp": encoded(kind="BMP"),
    "1x1": encoded(size=(1, 1), kind="PNG"),
    "wide": encoded(size=(2000, 1)),
}


class TestCheckImage:
    @pytest.mark.parametrize("name", GOOD)
    def test_good_images(self, name):
        check_image(GOOD[name])

    @pytest.mark.parametrize("name", ["jpeg", "progressive jpeg", "png", "webp", "bmp"])
    @pytest.mark.parametrize("share", [0.5, 0.9])
    def test_cut_short(self, name, share):
        with pytest.raises(ImageError) as raised:
            check_image(GOOD[name][: int(len(GOOD[name]) * share)])
        assert raised.value.reason in ("image is cut short", "image does not decode")
        assert raised.value.detail

    def test_a_large_jpeg_cut_short_is_seen_in_the_fast_mode_too(self):
        with pytest.raises(ImageError, match="image is cut short"):
            check_image(encoded(size=(1000, 1500))[:-2000])

    @pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"\xff\xd8\xff", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
    def test_no_image(self, data):
        with pytest.raises(ImageError, match="image does not decode"):
            check_image(data)

    def test_formats_that_nobody_sells_with_are_not_tried(self):
        with pytest.raises(ImageError, match="a PostScript file; allowed are JPEG, PNG"):
            check_image(encoded(kind="EPS"))  # Pillow would start Ghostscript
        with pytest.raises(ImageError, match=r"not a supported format.*allowed are JPEG, PNG"):
            check_image(encoded(kind="PPM"))

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (b"\x00\x00\x00\x18ftypheic" + b"\0" * 50, "a HEIC image"),
            (b"\x00\x00\x00\x18ftypmif1" + b"\0" * 50, "a HEIC image"),
            (b"\x00\x00\x00\x20ftypmif1\0\0\0\0mif1avif" + b"\0" * 50, "an AVIF image that Pillow cannot decode here"),
            (b"\x00\x00\x00\x18ftypisom" + b"\0" * 50, "a video"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- c -->\n<svg/>", "an SVG drawing"),
            (b"<!DOCTYPE html><html>404</html>", "a web page"),
            (b"%PDF-1.7", "a PDF"),
        ],
    )
    def test_formats_that_are_not_read_are_named(self, data, kind):
        with pytest.raises(ImageError, match=f"image does not decode: {kind}.*; allowed are JPEG, PNG"):
            check_image(data)

    @pytest.mark.parametrize("size", [(20_000, 20_000), (8_000, 8_000), (2**31 - 1, 2**31 - 1)])
    def test_decompression_bomb(self, size):
        with pytest.raises(ImageError, match=r"image has too many pixels.*allowed are 50000000 pixels"):
            check_image(png_header(*size))

    def test_no_pixels(self):
        with pytest.raises(ImageError, match=r"image is empty|image does not decode"):
            check_image(png_header(0, 10))


class TestLoadImage:
    @pytest.fixture
    def catalog(self, tmp_path):
        folder = tmp_path / "catalog"
        (folder / "img").mkdir(parents=True)
        (folder / "img" / "1.jpg").write_bytes(b"one")
        (tmp_path / "secret.jpg").write_bytes(b"secret")
        return folder / "a.parquet"

    def test_bytes_win_over_path(self, catalog):
        assert load_image({"bytes": b"raw", "path": "img/1.jpg"}, str(catalog)) == b"raw"
        assert load_image({"bytes": None, "path": "img/1.jpg"}, str(catalog)) == b"one"
        assert load_image({"path": " img/1.jpg "}, str(catalog)) == b"one"  # as cells have it

    @pytest.mark.parametrize("image", [None, {"bytes": None, "path": None}, {"bytes": None, "path": ""}, {}])
    def test_no_image(self, catalog, image):
        assert load_image(image, str(catalog)) is None

    def test_relative_catalog_path(self, catalog, monkeypatch):
        monkeypatch.chdir(catalog.parent)
        assert load_image({"path": "./img/1.jpg"}, "a.parquet") == b"one"

    @pytest.mark.parametrize(
        ("path", "reason"),
        [
            ("../secret.jpg", "image lies outside the catalog's folder"),
            ("img/../../secret.jpg", "image lies outside the catalog's folder"),
            ("..\\secret.jpg", "image lies outside the catalog's folder"),
            ("img/1.jpg\0", "image lies outside the catalog's folder"),
            ("/etc/passwd", "image path is absolute"),
            ("C:\\secret.jpg", "image path is a Windows path"),
            ("c:/secret.jpg", "image path is a Windows path"),
            ("\\\\server\\1.jpg", "image path is a Windows path"),
            ("img\\1.jpg", "image path is a Windows path"),
            ("s3://bucket/1.jpg", "image is a URL"),
            ("https://example.com/1.jpg", "image is a URL"),
            ("//example.com/1.jpg", "image is a URL"),
            ("file:///etc/passwd", "image is a URL"),
            ("data:image/png;base64,AAAA", "image is a URL"),
        ],
    )
    def test_paths_that_are_not_followed(self, catalog, path, reason):
        with pytest.raises(ImageError) as raised:
            load_image({"path": path}, str(catalog))
        assert raised.value.reason == reason

    def test_a_url_is_what_was_fetched_of_it(self, catalog):
        assert load_image({"path": "HTTPS://example.com/1.jpg"}, str(catalog), read_url=str.encode) == (
            b"HTTPS://example.com/1.jpg"
        )
        with pytest.raises(ImageError, match="only http and https are fetched"):
            load_image({"path": "ftp://example.com/1.jpg"}, str(catalog), read_url=str.encode)
        assert load_image({"path": "//example.com/1.jpg"}, str(catalog), read_url=str.encode) == b"//example.com/1.jpg"

    @pytest.mark.parametrize(
        "path", ["http://me:geheim@host/1.jpg", "ftp://me:ge@geheim@host/1", "//me:geheim@host/x", "https:geheim@h/x"]
    )
    def test_no_message_shows_the_password_of_a_url(self, catalog, path):
        with pytest.raises(ImageError) as raised:
            load_image({"path": path}, str(catalog))
        assert "geheim" not in str(raised.value)

    @pytest.mark.parametrize(
        "query",
        [
            "X-Amz-Signature=geheim&w=2",
            "w=2&amp;sig=geheim",
            "sv=1;se=2&X-Amz-Security-Token=geheim#top",
            "accessToken=geheim",
            "Policy=geheim&Key-Pair-Id=geheim",
            "api_key=geheim",
        ],
    )
    def test_no_message_shows_the_signature_of_a_url(self, catalog, query):
        with pytest.raises(ImageError) as raised:
            load_image({"path": f"https://host/1.jpg?{query}"}, str(catalog))
        assert "geheim" not in str(raised.value)

    @pytest.mark.parametrize("path", ["https://" + "a:" * 500_000, "https://a/?" + "token" * 200_000])
    def test_a_long_url_is_shown_in_linear_time(self, catalog, path):
        """Where a pattern takes the square of its length, or the cube, this takes hours."""
        with pytest.raises(ImageError, match="image is a URL"):
            load_image({"path": path}, str(catalog))

    def test_what_is_no_secret_is_shown(self, catalog):
        with pytest.raises(ImageError, match=r"'https://host/1\.jpg\?design=2&keyword=red&v=3'"):
            load_image({"path": "https://host/1.jpg?design=2&keyword=red&v=3"}, str(catalog))

    def test_symbolic_links(self, catalog):
        (catalog.parent / "out.jpg").symlink_to(catalog.parent.parent / "secret.jpg")
        (catalog.parent / "in.jpg").symlink_to(catalog.parent / "img" / "1.jpg")
        (catalog.parent / "circle.jpg").symlink_to(catalog.parent / "circle.jpg")
        with pytest.raises(ImageError, match="image lies outside the catalog's folder"):
            load_image({"path": "out.jpg"}, str(catalog))
        assert load_image({"path": "in.jpg"}, str(catalog)) == b"one"
        with pytest.raises(ImageError, match="image file is"):
            load_image({"path": "circle.jpg"}, str(catalog))

    def test_missing(self, catalog):
        os.mkfifo(catalog.parent / "pipe.jpg")  # reading it would wait for ever
        for path in ("img/2.jpg", "img", "pipe.jpg"):
            with pytest.raises(ImageError, match="image file is missing"):
                load_image({"path": path}, str(catalog))
        with pytest.raises(ImageError, match="image file is not readable"):
            load_image({"path": "x" * 5000}, str(catalog))

    def test_empty_and_too_large(self, catalog):
        (catalog.parent / "empty.jpg").touch()
        with open(catalog.parent / "large.jpg", "wb") as file:
            file.truncate(MAX_BYTES + 1)
        with pytest.raises(ImageError, match="image is empty"):
            load_image({"path": "empty.jpg"}, str(catalog))
        with pytest.raises(ImageError, match="image is empty"):
            load_image({"bytes": b""}, str(catalog))
        with pytest.raises(ImageError, match="image file is too large"):
            load_image({"path": "large.jpg"}, str(catalog))


class TestShrinkImage:
    @pytest.mark.parametrize("name", ["jpeg", "grey jpeg", "cmyk jpeg", "png", "palette png", "bilevel png", "1x1"])
    def test_small_jpeg_and_png_are_left_as_they_are(self, name):
        assert shrink_image(GOOD[name]) is GOOD[name]

    @pytest.mark.parametrize(
        "name", ["progressive jpeg", "transparent png", "16-bit png", "webp", "gif", "bmp", "wide"]
    )
    def test_others_become_rgb_jpeg(self, name):
        small = opened(shrink_image(GOOD[name]))
        assert (small.format, small.mode) == ("JPEG", "RGB")
        assert max(small.size) == min(256, max(opened(GOOD[name]).size))

    @pytest.mark.parametrize(
        ("size", "expected"), [((1024, 512), (256, 128)), ((257, 100), (256, 100)), ((256, 256), None)]
    )
    def test_size(self, size, expected):
        data = encoded(size=size)
        assert opened(shrink_image(data)).size == (expected or size)
        assert (shrink_image(data) is data) == (expected is None)

    def test_transparent_shows_white_and_16_bit_is_scaled(self):
        clear = io.BytesIO()
        Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(clear, "PNG")
        assert opened(shrink_image(clear.getvalue())).getpixel((4, 4)) == (255, 255, 255)
        deep = io.BytesIO()
        Image.fromarray(np.full((8, 8), 0x8000, np.uint16)).save(deep, "PNG")
        assert opened(shrink_image(deep.getvalue())).getpixel((4, 4))[0] in range(126, 131)

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16"])
    @pytest.mark.parametrize("size", [(40, 20), (800, 400)])
    @pytest.mark.parametrize("orientation", range(1, 9))
    def test_every_photo_is_upright(self, mode, size, orientation):
        """A bright corner lies where a viewer that heeds EXIF shows it."""
        pixels_HW = np.zeros(size[::-1], np.uint16 if mode == "I;16" else np.uint8)
        pixels_HW[: size[1] // 2, : size[0] // 2] = np.iinfo(pixels_HW.dtype).max
        image = Image.fromarray(pixels_HW)
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        (image if mode == "I;16" else image.convert(mode)).save(buffer, "PNG", exif=exif)
        small = opened(shrink_image(buffer.getvalue())).convert("L")
        width, height = small.size
        assert (width > height) == (orientation < 5)
        corners = [(width // 4, height // 4), (3 * width // 4, height // 4)]
        corners += [(x, 3 * height // 4) for x, _ in corners]
        bright = [corner for corner, place in enumerate(corners) if small.getpixel(place) > 128]
        assert bright == [{1: 0, 2: 1, 3: 3, 4: 2, 5: 0, 6: 1, 7: 3, 8: 2}[orientation]]

    def test_hostile_exif_data_does_no_harm(self):
        data = encoded(exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
        assert shrink_image(data) is data
