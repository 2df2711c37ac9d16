import io
import os
import signal
import subprocess
import sys
import threading
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moemoe.errors import ConfigError, StorageError
from moemoe.shards import write
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import ImageReader, decode_image, decode_into
from moemoe.shards.loader import Loader, prefetch
from moemoe.shards.tokens import Tokens
from tests.support.small_shards import draw_image, small_shards


def encoded(mode: str, kind: str, size=(50, 30)) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size, 120).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "kind"), [("RGB", "JPEG"), ("L", "JPEG"), ("CMYK", "JPEG"), ("P", "PNG"), ("L", "WEBP")]
)
def test_any_image_becomes_square_rgb(mode, kind):
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


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "SHARD_ROWS", 16)
        return ShardedDataset(small_shards(folder, 100), folder)


def loader_of(dataset, rank=0, world_size=1, workers=1, batch_size=12, seed=0):
    return Loader(dataset, "train", batch_size, seed, lambda rows, *_: rows.tolist(), rank, world_size, workers)


def global_batches(dataset, world_size, workers, state=None):
    """What the ranks of a whole epoch, or the rest of it, read together."""
    loaders = [loader_of(dataset, rank, world_size, workers) for rank in range(world_size)]
    for loader in loaders if state else []:
        loader.load_state_dict(state)
    return [list(chain(*shares)) for shares in zip(*loaders, strict=True)]


@pytest.mark.parametrize(("world_size", "workers"), [(1, 1), (2, 1), (2, 2), (3, 2), (6, 1)])
def test_the_same_global_batches_for_any_ranks_and_workers(world_size, workers, dataset):
    wanted = [loader_of(dataset).global_batch(0, step).tolist() for step in range(5)]
    assert global_batches(dataset, world_size, workers) == wanted
    assert len({row for batch in wanted for row in batch}) == 60


@pytest.mark.parametrize(("before", "after"), [(1, 1), (1, 2), (3, 2), (2, 6)])
def test_it_goes_on_in_mid_epoch_with_another_number_of_ranks(before, after, dataset):
    whole = [
        *global_batches(dataset, 1, 1),
        *global_batches(dataset, 1, 1, {**loader_of(dataset).state_dict(), "epoch": 1}),
    ]
    loaders = [loader_of(dataset, rank, before) for rank in range(before)]
    for loader in loaders:
        list(loader)
    begun = [iter(loader) for loader in loaders]
    for _ in range(2):
        batches = [next(batch) for batch in begun]  # threads are ahead of what was handed out
    assert list(chain(*batches)) == whole[6]
    states = [loader.state_dict() for loader in loaders]
    assert all(state == states[0] for state in states)
    assert states[0] == {"seed": 0, "batch_size": 12, "products": 60, "epoch": 1, "step": 2}
    assert global_batches(dataset, after, 2, states[0]) == whole[7:]


def test_a_state_of_other_data_is_refused(dataset):
    state = loader_of(dataset).state_dict()
    with pytest.raises(ConfigError, match="loader has products 61, this run has 60"):
        loader_of(dataset).load_state_dict({**state, "products": 61})
    with pytest.raises(ConfigError, match="loader has seed 1, this run has 0"):
        loader_of(dataset).load_state_dict({**state, "seed": 1})


def test_buffers_are_used_again_but_not_while_a_batch_is_in_use(dataset):
    images, buffers = ImageReader("train"), []

    def make(rows, epoch, pixels_IBHWC):
        [pixels_BHWC] = pixels_IBHWC
        for row, pixels_HWC in zip(rows, pixels_BHWC, strict=True):
            images.read(dataset.image(row), str, pixels_HWC)
        return rows, pixels_BHWC

    loader = Loader(dataset, "train", 4, 0, make, workers=2, image_size=24)
    for rows, pixels_BHWC in loader:
        buffers.append(pixels_BHWC.ctypes.data)
        wanted = [dataset[row].image for row in rows]
        for data, pixels_HWC in zip(wanted, pixels_BHWC, strict=True):
            expected = 0 if data is None else decode_image(data, 24).transpose(1, 2, 0)
            assert np.array_equal(pixels_HWC, np.broadcast_to(expected, (24, 24, 3)))
    assert len(loader) == len(buffers) == 15
    assert len(set(buffers)) == 6  # four ahead, two workers


def test_an_image_that_does_not_decode_is_quarantined_and_counted():
    images, pixels_HWC = ImageReader("train"), np.ones((24, 24, 3), np.uint8)
    for _ in range(2):  # each epoch again
        assert not images.read(draw_image((9, 9, 9))[:-200], lambda: "p1", pixels_HWC)
    assert not pixels_HWC.any()
    assert not images.read(None, lambda: "p2", pixels_HWC)
    assert images.read(draw_image((9, 9, 9)), lambda: "p3", pixels_HWC)
    assert [(row["product_id"], row["field"], row["reason"]) for row in images.quarantine.to_pylist()] == [
        ("p1", "image", "image does not decode")
    ]


def test_decoding_into_a_buffer_gives_the_same_pixels():
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(noise).save(data, "JPEG")
    pixels_HWC = np.empty((64, 64, 3), np.uint8)
    decode_into(memoryview(data.getvalue()), pixels_HWC)
    assert np.array_equal(pixels_HWC, np.asarray(Image.open(data)))


def test_tokens_are_cut_once_and_read_back(dataset):
    calls = []

    def encode(texts):
        calls.append(len(texts))
        return [[len(text), 70_000] for text in texts]

    shards = range(len(dataset.manifest.shards))
    for _ in range(2):
        tokens = Tokens(dataset, encode, "some tokenizer")
        tokens.write(shards)
    assert sum(calls) == 100
    assert all(tokens[row].tolist() == [len(dataset[row].context), 70_000] for row in (0, 17, 99))
    other = Tokens(dataset, encode, "another tokenizer")
    with pytest.raises(StorageError, match=r"cannot read .*tokens/\w+\.arrow: No such file"):
        other[0]


READ_FOREVER = """
import sys, itertools, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job started with & is deaf to it
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.loader import Loader
dataset = ShardedDataset(sys.argv[1], sys.argv[2])
loader = Loader(dataset, "train", 6, 0, lambda rows, *_: rows, workers=2, image_size=8)
for _ in itertools.count():
    for batch in loader:
        print("batch", flush=True)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_on_the_machine(how, tmp_path):
    """Neither by Ctrl-C nor by kill -9: no file outside the root, no shared memory, no process."""
    uri = small_shards(tmp_path / "root")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    before = set(os.listdir("/dev/shm"))
    command = [sys.executable, "-c", READ_FOREVER, uri, str(tmp_path / "scratch")]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    process = subprocess.Popen(
        command, env=environment, cwd=Path(__file__).parents[2], start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout.readline() == b"batch\n"
    own = os.getpgid(process.pid)
    try:
        process.send_signal(how)
        process.wait(60)
    finally:
        process.kill()
        process.stdout.close()
    assert process.wait() == -how
    with pytest.raises(ProcessLookupError):
        os.killpg(own, 0)
    assert not list(temporary.iterdir())
    assert not (tmp_path / "scratch").exists()
    assert not {name for name in set(os.listdir("/dev/shm")) - before if "moemoe" in name}
