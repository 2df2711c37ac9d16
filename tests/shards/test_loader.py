import io
import threading

import numpy as np
import pytest
from PIL import Image

from moemoe.shards.loader import decode_image, prefetch


def encoded(mode: str, kind: str, size=(50, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 120).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("L", "WEBP")]
)
def test_any_picture_becomes_square_rgb(mode, kind):
    pixels = decode_image(encoded(mode, kind), 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == np.uint8


def test_a_jpeg_has_pillows_pixels():
    noise = np.random.default_rng(0).integers(0, 255, (20, 20, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((200, 150)).save(buffer, "JPEG")
    with Image.open(buffer) as image:
        image.draft("RGB", (64, 64))
        expected = np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)
    assert np.array_equal(decode_image(buffer.getvalue(), 64), expected)


def test_batches_come_in_order_and_no_further_ahead_than_asked():
    made, lock = [], threading.Lock()

    def make(batch):
        with lock:
            made.append(int(batch[0]))
        return int(batch[0])

    stream = prefetch(make, (np.array([i]) for i in range(50)), workers=2, ahead=3)
    assert next(stream) == 0
    assert max(made) <= 4
    assert list(stream) == list(range(1, 50))


def test_an_error_in_a_batch_reaches_the_reader():
    def make(batch):
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(prefetch(make, [np.array([0])]))
