"""Caches the features that no training changes: computed once per image instead of once per epoch.

Each payload shard has a file under ``image_features/`` (and one more for the products' second images, and so on). Its
path is a hash of the images and the encoder. So epochs, folds, the models of a comparison, evaluation and later runs
share it, and a shard keeps it if only texts change. The files take at most MAX_BYTES under a root; features that do
not fit are computed each time they are needed, bit for bit the same.

Shapes: B images, P patches, W numbers per patch.
"""

import hashlib
from collections.abc import Iterable, Sequence
from itertools import accumulate, product
from typing import Protocol

import numpy as np
import pyarrow as pa

from moemoe.errors import StorageError
from moemoe.shards.dataset import ShardedDataset
from moemoe.shards.decode import decode_into
from moemoe.shards.lru_files import LruFiles
from moemoe.shards.manifest import arrow_bytes
from moemoe.storage import exists, join, mark_used, remove, sizes_by_use, write_bytes

FOLDER = "image_features"
#: 20 GiB hold the features of 1.8 million images by EfficientNet-Lite0 at 128 pixels without its last stage.
MAX_BYTES = 20 * 2**30
IMAGES_AT_ONCE = 64


class FeatureEncoder(Protocol):
    """An encoder that computes features. ``size``: pixels per side of its input."""

    size: int

    @property
    def fingerprint(self) -> str:
        """Identifies what its features depend on: weights, architecture, options."""

    @property
    def shape(self) -> tuple[int, int]:
        """P and W."""

    def compute(self, images_B3HW: np.ndarray) -> np.ndarray:
        """Features in half precision [B, P, W] of uint8 images."""


class ImageFeatures:
    """The cached features of a dataset's images.

    Args:
        dataset: the products whose images are encoded.
        encoder: computes the features.
        max_bytes: limit for all files in the root's folder of features.
        images: how many of a product's images have features, from the first on.
    """

    def __init__(self, dataset: ShardedDataset, encoder: FeatureEncoder, max_bytes: int = MAX_BYTES, images: int = 1):
        self._dataset, self._encoder, self._max_bytes, self._images = dataset, encoder, max_bytes, images
        self._made_of = f"{encoder.fingerprint} {encoder.shape}"
        self._uris: dict[tuple[int, int], str] = {}
        self._files: LruFiles[_File] = LruFiles(self._read, len(dataset.manifest.shards) * images)

    def fitting(self) -> list[int]:
        """The first shards, as many as have features that fit into ``max_bytes``."""
        ends = accumulate(self._bytes(shard) for shard in range(len(self._dataset.manifest.shards)))
        return [shard for shard, end in enumerate(ends) if end <= self._max_bytes]

    def _bytes(self, shard: int) -> int:
        P, W = self._encoder.shape
        rows = self._dataset.manifest.shards[shard].rows
        return (rows * (2 * P * W + 8) + 4096) * self._images  # a slight overestimate

    def write(self, shards: Iterable[int]) -> None:
        """Computes and writes the missing files of ``shards``.

        Raises:
            StorageError: a file cannot be written, e.g. because the disk is full.
        """
        for shard, number in product(shards, range(self._images)):
            uri = self._uri(shard, number)
            if exists(uri):
                mark_used(uri)
            else:
                write_bytes(uri, arrow_bytes(self._computed(shard, number)))

    def make_room(self) -> None:
        """Removes the least recently used files of other datasets and encoders, as far as this one needs the space."""
        folder, fitting = join(self._dataset.root, FOLDER), self.fitting()
        found = sizes_by_use(folder)
        excess = sum(map(self._bytes, fitting)) + sum(size for _, size in found) - self._max_bytes
        if excess <= 0:
            return
        files = product(fitting, range(self._images))
        own = {self._uri(shard, number).rsplit("/", 1)[1] for shard, number in files}
        excess -= sum(size for name, size in found if name in own)
        for name, size in found:
            if excess > 0 and name not in own:
                remove(join(folder, name))
                excess -= size

    def __getitem__(self, row: int) -> list[np.ndarray | None]:
        """Half precision [P, W] of each of a product's images; None if the image is missing or cannot be decoded, or if
        its file does not exist.

        Raises:
            StorageError: a file is damaged.
        """
        shard, index = self._dataset.place(row)
        return [self._files[shard * self._images + number].features(index) for number in range(self._images)]

    def of(self, rows: Sequence[int]) -> list[list[np.ndarray | None]] | None:
        """The features of each row of a batch; None if any image's features are not cached."""
        found = [self[row] for row in rows]
        for row, features in zip(rows, found, strict=True):
            missing = (number for number, own in enumerate(features) if own is None)
            if any(self._dataset.image(row, number) is not None for number in missing):
                return None
        return found

    def _computed(self, shard: int, number: int) -> pa.Table:
        start, stop = self._dataset.starts[shard : shard + 2].tolist()
        P, W = self._encoder.shape
        size = self._encoder.size
        values = np.empty((stop - start, P, W), np.float16)
        there: list[bool] = []
        done = 0
        for first in range(start, stop, IMAGES_AT_ONCE):
            rows = range(first, min(first + IMAGES_AT_ONCE, stop))
            pixels_BHWC = np.empty((len(rows), size, size, 3), np.uint8)
            decoded = [self._decode(row, number, pixels) for row, pixels in zip(rows, pixels_BHWC, strict=True)]
            count = sum(decoded)
            if count:
                values[done : done + count] = self._encoder.compute(pixels_BHWC[decoded].transpose(0, 3, 1, 2))
            there, done = there + decoded, done + count
        starts = np.cumsum([0, *there], dtype=np.int64) * P * W
        column = pa.LargeListArray.from_arrays(pa.array(starts), pa.array(values[:done].reshape(-1)))
        return pa.table({"features": column}).replace_schema_metadata({"sha256": _checksum(column)})

    def _decode(self, row: int, number: int, pixels_HWC: np.ndarray) -> bool:
        image = self._dataset.image(row, number)
        if image is None:
            return False
        try:
            decode_into(image, pixels_HWC)
        except Exception:  # the reader of the product gets this error too, and quarantines the image
            return False
        return True

    def _uri(self, shard: int, number: int) -> str:
        if (shard, number) not in self._uris:  # computing it reads all images
            self._uris[shard, number] = self._uri_by_content(shard, number)
        return self._uris[shard, number]

    def _uri_by_content(self, shard: int, number: int) -> str:
        digest = hashlib.sha256(self._made_of.encode())
        for row in range(*self._dataset.starts[shard : shard + 2].tolist()):
            image = self._dataset.image(row, number)
            digest.update(b"none" if image is None else hashlib.sha256(image).digest())
        return join(self._dataset.root, FOLDER, f"{digest.hexdigest()[:32]}.arrow")

    def _read(self, file: int) -> "_File":
        uri = self._uri(*divmod(file, self._images))
        if not exists(uri):
            return _File(np.empty(0, np.int64), np.empty(0, np.float16), self._encoder.shape)
        try:
            column = pa.ipc.open_file(self._dataset.open_uri(uri)).read_all()
            checksum = (column.schema.metadata or {}).get(b"sha256", b"").decode()
            features = column["features"].chunk(0)
            whole = checksum == _checksum(features)
        except (pa.ArrowException, KeyError, IndexError) as error:
            raise StorageError(f"{uri}: broken file of image features ({error}); delete it and run again") from error
        if not whole:
            raise StorageError(f"{uri}: checksum differs from its writer's; delete it and run again")
        return _File(features.offsets.to_numpy(), features.values.to_numpy(), self._encoder.shape)


class _File:
    """An open file of features; without offsets if the shard has no file."""

    def __init__(self, starts: np.ndarray, values: np.ndarray, shape: tuple[int, int]):
        self._starts, self._values, self._shape = starts, values, shape

    def features(self, index: int) -> np.ndarray | None:
        if not len(self._starts):
            return None
        start, stop = self._starts[index : index + 2].tolist()
        return self._values[start:stop].reshape(self._shape) if stop > start else None


def _checksum(column: pa.LargeListArray) -> str:
    digest = hashlib.sha256(column.offsets.to_numpy())
    digest.update(column.values.to_numpy())
    return digest.hexdigest()
