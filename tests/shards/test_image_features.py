"""Features cached beside the shards: bitwise equal, shared, addressed by content, bounded; damage and a full disk."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from moemoe import storage
from moemoe.errors import StorageError
from moemoe.shards import write
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.image_features import FOLDER, ImageFeatures
from tests.support.s3 import s3_endpoint
from tests.support.small_shards import small_labels, small_products, small_shards, with_second_images, write_shards


class MeanColor:
    """An encoder of two patches, each the image's mean colour; counts what it is asked."""

    size, shape = 8, (2, 3)

    def __init__(self, fingerprint: str = "a"):
        self.fingerprint, self.images = fingerprint, 0

    def compute(self, images_B3HW: np.ndarray) -> np.ndarray:
        self.images += len(images_B3HW)
        return np.repeat(images_B3HW.mean((2, 3))[:, None], 2, axis=1).astype(np.float16)


@pytest.fixture
def dataset(tmp_path, monkeypatch) -> ShardedDataset:
    """Four shards, of 16, 16, 16 and 12 products."""
    monkeypatch.setattr(write, "SHARD_ROWS", 16)
    return ShardedDataset(small_shards(tmp_path / "root", cut_short=(3,)), tmp_path / "scratch")


def written(dataset: ShardedDataset, encoder: MeanColor, **options) -> ImageFeatures:
    features = ImageFeatures(dataset, encoder, **options)
    features.make_room()
    features.write(features.fitting())
    return features


def files(dataset: ShardedDataset) -> list[Path]:
    return sorted(Path(dataset.root, FOLDER).glob("*.arrow"))


def test_every_image_that_decodes_has_its_features(dataset):
    encoder = MeanColor()
    features = written(dataset, encoder)
    missing = [row for row in range(60) if features[row][0] is None]
    assert missing == [3, 10, 21, 32, 43, 54]  # cut short, and those without an image
    assert encoder.images == 54
    assert features[0][0].shape == (2, 3)
    assert features[0][0].dtype == np.float16
    assert features[0][0][0].tolist() == pytest.approx([200, 30, 30], abs=8)
    assert features[1][0][0].tolist() == pytest.approx([30, 30, 200], abs=8)


def test_second_images_have_features_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setattr(write, "SHARD_ROWS", 16)
    products = with_second_images(small_products(60))
    dataset = ShardedDataset(write_shards(tmp_path / "root", products, small_labels(60)), tmp_path / "scratch")
    first = written(dataset, MeanColor())
    made = files(dataset)
    encoder = MeanColor()
    both = written(dataset, encoder, images=2)
    assert set(files(dataset)) > set(made)  # the first images' are not computed again
    assert len(files(dataset)) == 2 * len(made)
    assert encoder.images == 39  # two of three products have a second one, p4's does not decode
    assert np.array_equal(both[0][0], first[0][0])
    assert both[0][1][0].tolist() == pytest.approx([30, 30, 200], abs=8)
    assert both[10][0] is None
    assert both[10][1] is not None
    assert both[2] == [pytest.approx(both[2][0]), None]
    assert both.of([0, 2, 10]) is not None
    assert both.of([0, 4]) is None


def test_a_batch_has_all_its_features_or_none(dataset):
    features = written(dataset, MeanColor())
    found = features.of([0, 10, 2])
    assert found[1] == [None]
    assert np.array_equal(found[2][0], features[2][0])
    assert features.of([0, 3, 2]) is None  # 3 has an image, which its reader has to meet


def test_nothing_is_computed_twice(dataset, tmp_path):
    written(dataset, MeanColor())
    again = MeanColor()
    features = written(ShardedDataset(small_shards(tmp_path / "root", cut_short=(3,)), tmp_path / "s2"), again)
    assert again.images == 0
    assert features[0][0] is not None


def test_other_texts_share_the_file_and_other_images_do_not(dataset, tmp_path):
    written(dataset, MeanColor())
    before = files(dataset)
    products = small_products(60)
    titles = pa.array([f"other {i}" for i in range(60)])
    images = products["image"].to_pylist()
    images[3] = images[3][:-200]
    images[50] = images[51]  # in the last of four shards
    products = products.set_column(products.column_names.index("title"), "title", titles)
    products = products.set_column(products.column_names.index("image"), "image", pa.array(images, pa.binary()))
    encoder = MeanColor()
    written(ShardedDataset(write_shards(tmp_path / "root", products, small_labels(60)), tmp_path / "s2"), encoder)
    assert encoder.images == 11
    assert len(files(dataset)) == len(before) + 1


def test_other_weights_have_files_of_their_own(dataset):
    written(dataset, MeanColor())
    other = MeanColor("b")
    assert ImageFeatures(dataset, other)[0] == [None]
    written(dataset, other)
    assert other.images == 54
    assert len(files(dataset)) == 8


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[: len(content) // 2], "broken file of image features .*; delete it and run again"),
        (lambda content: content[:0], "broken file of image features .*; delete it and run again"),
        (lambda content: flipped(content), "checksum differs from its writer's; delete it and run again"),
    ],
)
def test_a_damaged_file(dataset, damage, message):
    written(dataset, MeanColor())
    for path in files(dataset):
        path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StorageError, match=message):
        _ = ImageFeatures(dataset, MeanColor())[0]


def flipped(content: bytes) -> bytes:
    """Another last bit of the first image's first feature."""
    table = pa.ipc.open_file(content).read_all()
    values = table["features"].chunk(0).values.to_numpy()[:6].tobytes()
    changed = bytearray(content)
    changed[content.index(values)] ^= 1
    return bytes(changed)


def test_a_full_disk(dataset, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(StorageError, match=r"cannot write .*image_features/.*: No space left on device"):
        written(dataset, MeanColor())
    assert list(Path(dataset.root, FOLDER).iterdir()) == []


def test_what_does_not_fit_is_not_kept(dataset):
    features = written(dataset, MeanColor(), max_bytes=2 * 4500)
    assert features.fitting() == [0, 1]
    assert len(files(dataset)) == 2
    assert features[0][0] is not None
    assert features[59][0] is None
    assert features.of([0, 59]) is None


def test_the_least_recently_used_files_make_room(dataset):
    written(dataset, MeanColor("old"))
    old = set(files(dataset))
    written(dataset, MeanColor("used"))
    used = set(files(dataset)) - old
    for path in old | used:
        os.utime(path, (1, 1))
    written(dataset, MeanColor("used"))  # computes nothing, but uses them
    new = ImageFeatures(dataset, MeanColor("new"))
    needed = sum(new._bytes(shard) for shard in new.fitting())
    written(dataset, MeanColor("new"), max_bytes=needed + sum(path.stat().st_size for path in used))
    left = set(files(dataset))
    assert not old & left
    assert used <= left
    assert len(left) == 8


def test_on_s3(monkeypatch, tmp_path):
    with s3_endpoint(monkeypatch):
        monkeypatch.setattr(write, "SHARD_ROWS", 16)
        dataset = ShardedDataset(small_shards("s3://bucket/store"), tmp_path)
        features = written(dataset, MeanColor())
        kept = storage.sizes_by_use(f"s3://bucket/store/{FOLDER}")
        assert len(kept) == 4
        assert features[0][0].shape == (2, 3)
        again = MeanColor()
        written(dataset, again)
        assert again.images == 0
        needed = sum(features._bytes(shard) for shard in features.fitting())
        written(dataset, MeanColor("b"), max_bytes=needed)
        assert not {name for name, _ in kept} & {
            name for name, _ in storage.sizes_by_use(f"s3://bucket/store/{FOLDER}")
        }
